"""What a stack tells the payment service and the sandbox of each provider."""
