"""What is kept, in one sqlite file."""
