"""What finds out by itself how payments, operations and refunds ended, and the one loop that does it."""
