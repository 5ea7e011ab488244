"""Every SQL statement of the edge."""
