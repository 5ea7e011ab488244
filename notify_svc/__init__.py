"""Merchant webhooks: endpoints, events, signed deliveries and their log; owns the database `notify`."""
