"""What people do with their own accounts and others'."""
