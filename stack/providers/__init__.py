"""The settings of each provider, for the payment service and for the sandbox."""
