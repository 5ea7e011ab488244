"""Endpoints, channels, deliveries and signatures. Pure: no I/O."""
