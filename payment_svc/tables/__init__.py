"""The tables of the database `payments`."""

from __future__ import annotations

from payment_svc.tables.base import metadata
from payment_svc.tables.books import book_comparison_turns, book_comparisons
from payment_svc.tables.care import backups, restores, reviews
from payment_svc.tables.money_back import disputes, refunds
from payment_svc.tables.payments import attempts, operations, payments
from payment_svc.tables.providers import (
    provider_accounts,
    provider_calls,
    provider_events,
    provider_maintenances,
    routing_policies,
    routing_policy_versions,
    test_clocks,
)

__all__ = [
    "attempts",
    "backups",
    "book_comparison_turns",
    "book_comparisons",
    "disputes",
    "metadata",
    "operations",
    "payments",
    "provider_accounts",
    "provider_calls",
    "provider_events",
    "provider_maintenances",
    "refunds",
    "restores",
    "reviews",
    "routing_policies",
    "routing_policy_versions",
    "test_clocks",
]
