"""What the payment service does, apart from how it is asked and where it keeps things."""
