"""The gateway in virtual time: its own code on a real PostgreSQL, everything around it simulated."""
