"""What may happen, and how often: ways to pay, what customers and merchants do, and what a provider does wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from cli.prove.log import Json


@dataclass(frozen=True)
class Way:
    """How a payment is asked for, and what its customer does on the page that follows."""

    provider: str
    button: str
    form: Json
    card: str = ""
    """Given with the request: no page, but for a challenge."""
    manual: bool = False
    first: Json = field(default_factory=dict)
    """What the customer tries before, and is refused."""


CARD = {"payment_method": "pm_card_visa"}
DECLINED = {"payment_method": "pm_card_chargeDeclined"}
IMMEDIATE = Way("stripe", "", {}, card="pm_card_visa")
WAYS = (
    Way("stripe", "pay", CARD),
    Way("stripe", "pay", CARD, first=DECLINED),
    Way("stripe", "pay", CARD, manual=True),
    IMMEDIATE,
    Way("stripe", "", {}, card="pm_card_visa", manual=True),
    Way("stripe", "", {}, card="pm_card_chargeDeclined"),
    Way("stripe", "approve", {}, card="pm_card_threeDSecure2Required"),
    Way("stripe", "refuse", {}, card="pm_card_threeDSecure2Required"),
    Way("stripe", "", {}, card="pm_usBankAccount_success"),
    Way("paypal", "approve", {"payment_method": "paypal"}),
    Way("paypal", "approve", {"payment_method": "paypal"}, manual=True),
    Way("paypal", "approve", {"payment_method": "paypal_pending"}),
    Way("paypal", "approve", {"payment_method": "paypal_capture_declined"}),
    Way("paypal", "approve", {"payment_method": "paypal_refund_pending"}),
    Way("bank_transfer", "send", {"payer": "ordinary"}),
    Way("bank_transfer", "send", {"payer": "no_funds"}),
    Way("bank_transfer", "send", {"payer": "refund_bounced"}),
)

CREATION = "*.create"
CALLS = {
    "stripe": (
        *("payment_intents.create", "payment_intents.capture", "payment_intents.cancel", "payment_intents.retrieve"),
        *("checkout.sessions.create", "checkout.sessions.expire", "refunds.create"),
    ),
    "paypal": (
        *("orders.create", "orders.capture", "orders.authorize", "orders.retrieve"),
        *("authorizations.capture", "authorizations.void", "captures.refund"),
    ),
    "bank_transfer": ("transfers.create", "transfers.retrieve", "transfers.cancel", "refunds.create"),
}
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


def faults_of_an_order(chance: Random) -> list[Json]:
    """Return what the providers will do wrong about one order: nothing to six things."""
    found: list[Json] = []
    if chance.random() < 0.3:
        # no word of whatever the order is paid by, by neither way
        found.append({"operation": CREATION} | chance.choice(SILENT))
        if chance.random() < 0.7:
            found.append({"kind": "webhook_delay", "seconds": 10, "count": 4})
    for provider, calls in CALLS.items():
        if chance.random() < 0.3:
            fault = {"provider": provider, "operation": chance.choice(calls)} | chance.choice(API_FAULTS)
            found.append(fault)
    if chance.random() < 0.5:
        found.append(dict(chance.choice(WEBHOOK_FAULTS)))
    return found


def way_of_an_order(chance: Random, faults: list[Json], number: int) -> Way:
    """Return how a payment is made: whoever pays again is in a hurry, and silence is worst of a charge."""
    hurries = number > 0 or any(fault.get("operation") == CREATION for fault in faults)
    return IMMEDIATE if hurries and chance.random() < 0.5 else chance.choice(WAYS)
