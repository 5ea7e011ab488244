"""Stripe, by its official SDK. The only place that imports it."""
