"""The contracts, as the process can read them, and what is made of them and of the code."""
