"""The pages: one module a room of the console, over what all of them share (`web.py`)."""
