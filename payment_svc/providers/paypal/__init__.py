"""PayPal: Orders v2, Payments v2 and Transaction Search v1, spoken over plain HTTP."""
