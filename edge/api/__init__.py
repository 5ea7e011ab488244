"""What Envoy and operators ask."""
