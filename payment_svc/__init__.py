"""Payments, providers, provider webhooks and recovery; owns the database `payments`."""

import mesh as mesh  # before any stub: it says how gRPC runs
