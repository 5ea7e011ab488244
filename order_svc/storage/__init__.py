"""Every SQL statement of the order service."""
