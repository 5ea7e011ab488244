"""What is asked of a person, and what follows from the answer."""
