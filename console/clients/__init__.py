"""What the console is a client of: the public API, and the operators' RPCs."""
