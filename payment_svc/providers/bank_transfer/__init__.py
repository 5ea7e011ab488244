"""Bank transfer: the customer pushes the money from their own bank, and the payment waits for it."""
