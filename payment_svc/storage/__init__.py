"""Every SQL statement of the payment service, a file a resource."""
