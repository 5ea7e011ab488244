"""What the gateway is measured beside: what a merchant would write by hand instead."""
