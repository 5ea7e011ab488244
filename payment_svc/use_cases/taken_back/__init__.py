"""Money that is taken back by others: by a provider, or in a dispute by the customer's bank."""
