"""Card numbers in free text: what the networks issue, what only looks like it, and where one stands."""
