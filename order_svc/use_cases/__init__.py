"""What callers may ask of orders and payment links."""
