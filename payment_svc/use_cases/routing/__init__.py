"""Which provider a payment is given to."""
