"""Stripe's resources: their endpoints, and what becomes of them."""
