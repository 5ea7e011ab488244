"""Merchant webhooks: endpoints, events, signed deliveries and their log; owns the database `notify`."""

import mesh as mesh  # before any stub: it says how gRPC runs
