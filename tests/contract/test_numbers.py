"""The numbers that a document, a provider or another number rests on, written out: to change one is a decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest


def days(number: float) -> timedelta:
    return timedelta(days=number)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


NUMBERS: Mapping[str, Mapping[str, Any]] = {
    "payment_svc.use_cases.account_setting": {"TRIES": 3},
    "payment_svc.use_cases.accounts": {
        "MAX_AGE_SECONDS": 1.0, "MAX_KNOWN": 10_000, "ABSENT_SECONDS": 5.0, "RETIRE_SECONDS": 200.0,
    },
    "payment_svc.use_cases.checkouts": {"PATIENCE_SECONDS": 8.0, "POLL_SECONDS": 0.1, "MAX_PAYMENTS": 10},
    "payment_svc.use_cases.event_application": {"LOCK_WAIT_SECONDS": 2.0},
    "payment_svc.use_cases.ledger": {"ASKED_AFTER": hours(1)},
    "payment_svc.use_cases.lost_refunds": {"KEYS_LIVE": hours(24)},
    "payment_svc.domain.clocks": {"CLOCK_SKEW": minutes(5)},
    "payment_svc.use_cases.operations": {"POLL_SECONDS": 0.1},
    "payment_svc.domain.operation": {"LEASE_MARGIN": seconds(15)},
    "payment_svc.use_cases.payments": {"LEASE": seconds(30)},
    "payment_svc.use_cases.predecessors": {"SOON": seconds(30), "NEVER_TOLD": days(3)},
    "payment_svc.domain.comparison": {
        "DAY": days(1), "LOOK_BACK": days(7), "AGAIN_AFTER": days(8), "REPEATED_FOR": days(90), "FOUND_MOST": 100,
    },
    "payment_svc.storage.comparisons": {"AT_A_TIME": 25},
    "payment_svc.use_cases.reconciliation": {
        "AT_ONCE": 8, "PAGE": 200, "WIDEST": hours(1), "NARROWEST": seconds(0.001), "BATCH": 500, "LOOKS": 3,
        "SPANS_MOST": 100,
    },
    "payment_svc.use_cases.recovery.comparisons": {
        "LEASE": hours(1), "AGAIN": minutes(15), "LOOK_SECONDS": 600.0,
    },
    "payment_svc.use_cases.recovery.identities": {"BATCH": 4, "INTERVAL_SECONDS": 86_400.0},
    "payment_svc.use_cases.recovery.loop": {"WINDOW": 16, "LOOK_SECONDS": 2.0, "INTERVAL_SECONDS": 30.0},
    "payment_svc.use_cases.recovery.payments": {"CLAIM": seconds(150)},
    "payment_svc.use_cases.returns": {"AT_ONCE": seconds(0)},
    "payment_svc.use_cases.webhooks": {
        "LEASE": seconds(60), "ECHOES": 256, "ECHOES_SECONDS": 0.03, "WINDOW": 64, "SHARE": 16, "MAX_REASON": 200,
        "BACKOFF": tuple(map(seconds, (0.5, 2, 5, 15, 30, 60, 300, 900, 3600))),
    },
    "payment_svc.storage.provider_events": {"MOST_OF_ONE": 64},
    "payment_svc.providers.base": {"KEY_MARGIN": hours(1)},
    "payment_svc.providers.event_form": {"MAX_WORD": 255},
    "payment_svc.providers.bank_transfer.amounts": {"HIGHEST": 100_000_000_000},
    "payment_svc.providers.bank_transfer.client": {"CONNECTIONS": 400},
    "payment_svc.providers.bank_transfer.webhooks": {"TOLERANCE_SECONDS": 300},
    "payment_svc.providers.paypal.adapter": {
        "ORDER_LIFETIME": hours(3), "REPEATABLE": hours(5), "RECALLED_AFTER": hours(7), "LISTED_AFTER": hours(3),
    },
    "payment_svc.providers.paypal.certificates": {
        "MAX_BYTES": 65_536, "MAX_KEPT": 16, "FETCH_SECONDS": 4.0, "MAX_FETCHES": 4,
    },
    "payment_svc.providers.paypal.client": {"MAX_REQUEST_ID": 108, "SPARE_CONNECTIONS": 20},
    "payment_svc.providers.paypal.records": {"PAGE_SIZE": 500, "LONGEST": days(31), "SHORTEST": seconds(1)},
    "payment_svc.providers.paypal.requests": {"MAX_DESCRIPTION": 127},
    "payment_svc.providers.paypal.tokens": {"EARLY": 0.9},
    "payment_svc.providers.paypal.webhooks": {
        "LONGEST_HEADER": 1024, "OLDEST": hours(73), "NEWEST": minutes(5), "REMEMBERED": 10_000, "ASKING_SECONDS": 8.0,
    },
    "payment_svc.providers.stripe.webhooks": {"TOLERANCE_SECONDS": 300},
    "mesh.events.outbox": {"RETENTION": days(7), "REPUBLISH_BATCH": 2000, "ALL": 9_223_372_036_854_775_807},
    "mesh.events.inbox": {"RETENTION": days(15)},
    "mesh.events.relay": {
        "BATCH": 256, "MARK_SECONDS": 0.1, "ALONE_MARK_SECONDS": 0.3, "ALONE_SECONDS": 600.0, "MEMORY_SECONDS": 1.0,
        "INTERVAL_SECONDS": 5.0,
        "LEAST_RETRY_SECONDS": 0.02, "LONGEST_RETRY_SECONDS": 1.0, "MOST_FRESH": 4096,
    },
    "mesh.events.consumer": {"BATCH": 128, "FETCH_SECONDS": 10.0},
    "mesh.storage.idempotency": {"MAX_KEY_LENGTH": 255, "RETENTION": hours(24), "_PURGE_BATCH": 1000},
    "mesh.storage.batcher": {"LONGEST_REST_SECONDS": 0.02},
    "mesh.worker": {"LEAST_REST": 0.02, "LONGEST_REST": 0.06, "REST_TIMES": 4, "LEAST_COMING": 1, "PACE_SECONDS": 0.5},
    "mesh.mail.addresses": {"MAX_ADDRESS_LENGTH": 254, "MAX_LOCAL_LENGTH": 64},
    "mesh.money": {"MAX_MINOR_UNITS": 1_000_000_000_000_000},
    "mesh.paging": {"DEFAULT_SIZE": 20},
    "order_svc.domain": {"LINK_ORDER_LIFETIME": hours(1), "MAX_OF_SOURCE": 10, "TURN": minutes(5)},
    "notify_svc.use_cases.audience": {"SOON_SECONDS": 0.05, "LATER_SECONDS": 0.25, "REMEMBERED_SECONDS": 10.0},
    "notify_svc.domain.channel": {
        "MAX_CHANNELS": 20, "MAX_CONFIRMATIONS": 20, "CONFIRMATIONS_SPAN": days(1), "TOKEN_LIFE": hours(24),
        "POINT_LENGTH": 65, "AUTH_LENGTH": 16,
    },
    "notify_svc.domain.delivery": {
        "RETRIES": tuple(map(seconds, (5, 30, 120, 900, 3600, 14_400, 28_800, 50_400))),
        "JITTER": 0.1, "MAX_RETRY_AFTER": hours(24), "GIVE_UP_AFTER": days(5),
    },
    "notify_svc.domain.endpoint": {"MAX_URL_LENGTH": 2048, "MAX_ENDPOINTS": 20, "OVERLAP": hours(24), "MAX_FILTER": 64},
    "notify_svc.domain.vapid": {"KEY_LENGTH": 32, "TOKEN_LIFE": hours(12)},
    "edge.domain": {"SIGNATURE_TOLERANCE": minutes(5)},
}  # fmt: skip


@pytest.mark.parametrize("module", NUMBERS)
def test_numbers_are_as_agreed(module: str) -> None:
    numbers = NUMBERS[module]
    assert {name: getattr(import_module(module), name) for name in numbers} == numbers


@pytest.mark.parametrize(
    ("longer", "shorter"),
    [
        # what is published again is known again
        ("mesh.events.inbox.RETENTION", "mesh.events.outbox.RETENTION"),
        # a key is used until the margin before its end
        ("payment_svc.use_cases.lost_refunds.KEYS_LIVE", "payment_svc.providers.base.KEY_MARGIN"),
        # what had the time of a lease is not taken from its process before
        ("payment_svc.use_cases.recovery.payments.CLAIM", "payment_svc.use_cases.payments.LEASE"),
        ("payment_svc.use_cases.payments.LEASE", "payment_svc.domain.operation.LEASE_MARGIN"),
        ("payment_svc.use_cases.recovery.comparisons.LEASE", "payment_svc.use_cases.recovery.comparisons.AGAIN"),
        # a day that was made up for is compared once more
        ("payment_svc.domain.comparison.AGAIN_AFTER", "payment_svc.domain.comparison.LOOK_BACK"),
        ("payment_svc.domain.comparison.REPEATED_FOR", "payment_svc.domain.comparison.AGAIN_AFTER"),
        # an order at PayPal ends before its creation may no longer be repeated, and is recalled after both
        ("payment_svc.providers.paypal.adapter.REPEATABLE", "payment_svc.providers.paypal.adapter.ORDER_LIFETIME"),
        ("payment_svc.providers.paypal.adapter.RECALLED_AFTER", "payment_svc.providers.paypal.adapter.REPEATABLE"),
        # PayPal repeats an event for three days: a place is kept until the last
        ("payment_svc.providers.paypal.webhooks.OLDEST", "payment_svc.use_cases.predecessors.NEVER_TOLD"),
        # an endpoint is not given up before the last of its retries
        ("notify_svc.domain.delivery.GIVE_UP_AFTER", "notify_svc.domain.delivery.RETRIES"),
        ("mesh.worker.LONGEST_REST", "mesh.worker.LEAST_REST"),
        ("mesh.events.relay.LONGEST_RETRY_SECONDS", "mesh.events.relay.LEAST_RETRY_SECONDS"),
    ],
)
def test_number_that_has_to_be_longer_than_another_is(longer: str, shorter: str) -> None:
    assert _number(longer) > _number(shorter)


def _number(name: str) -> Any:
    """Return a number by its name; of several, their sum."""
    module, _, constant = name.rpartition(".")
    found = getattr(import_module(module), constant)
    return sum(found, timedelta()) if isinstance(found, tuple) else found
