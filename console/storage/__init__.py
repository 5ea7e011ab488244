"""What the console keeps in PostgreSQL."""
