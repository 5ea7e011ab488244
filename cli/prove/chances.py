"""What may happen, and how often: how a payment is made, and what a provider does wrong."""

from __future__ import annotations

from random import Random

from cli.prove.customers import Crowd, Way
from cli.prove.log import Json

CREATION = "*.create"
SILENT: tuple[Json, ...] = (
    {"kind": "latency", "seconds": 11},
    {"kind": "latency", "seconds": 25},
    {"kind": "timeout_after", "seconds": 12},
    {"kind": "timeout_after", "seconds": 30},
    {"kind": "connection_reset", "applied": True, "count": 4},
    {"kind": "error_500", "applied": True, "stored": False, "count": 4},
)
"""The provider does what it was asked, and does not say so for longer than a call lasts with all its repetitions."""

API_FAULTS: tuple[Json, ...] = (
    *SILENT,
    {"kind": "latency", "seconds": 2},
    {"kind": "timeout_before", "seconds": 3},
    {"kind": "timeout_after", "seconds": 3},
    {"kind": "connection_reset"},
    {"kind": "connection_reset", "applied": True},
    {"kind": "error_500", "stored": False},
    {"kind": "error_429"},
    {"kind": "incomplete"},
)
WEBHOOK_FAULTS: tuple[Json, ...] = (
    {"kind": "webhook_duplicate", "copies": 2, "count": 3},
    {"kind": "webhook_delay", "seconds": 8, "count": 2},
    {"kind": "webhook_reorder", "size": 2, "count": 2},
    {"kind": "webhook_corrupt", "attempts": 1, "count": 2},
    {"kind": "webhook_drop", "count": 1},
)


def faults_of_an_order(chance: Random, crowd: Crowd) -> list[Json]:
    """Return what the providers will do wrong about one order: nothing to six things."""
    found: list[Json] = []
    if chance.random() < 0.3:
        # no word of whatever the order is paid by, by neither way
        found.append({"operation": CREATION} | chance.choice(SILENT))
        if chance.random() < 0.7:
            found.append({"kind": "webhook_delay", "seconds": 10, "count": 4})
    for provider, customers in crowd.of.items():
        if chance.random() < 0.3:
            fault = {"provider": provider, "operation": chance.choice(customers.calls)} | chance.choice(API_FAULTS)
            found.append(fault)
    if chance.random() < 0.5:
        found.append(dict(chance.choice(WEBHOOK_FAULTS)))
    return found


def way_of_an_order(chance: Random, crowd: Crowd, faults: list[Json], number: int) -> tuple[str, Way]:
    """Return a provider and how it is paid by: whoever pays again is in a hurry, and silence is worst of a charge."""
    hurries = number > 0 or any(fault.get("operation") == CREATION for fault in faults)
    return crowd.choose(chance, in_a_hurry=hurries and chance.random() < 0.5)
