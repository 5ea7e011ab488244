"""Payments, providers, provider webhooks and recovery; owns the database `payments`."""
