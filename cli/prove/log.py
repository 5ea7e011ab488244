"""The merchants' own log: what was asked, and what was answered for sure. It knows nothing of the gateway's rows."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
CURRENCY = "EUR"


def minor(amount: Json | None) -> int:
    """Return an amount of the API in cents."""
    whole, _, cents = str((amount or {}).get("value", "0")).partition(".")
    return int(whole) * 100 + int(cents.ljust(2, "0")[:2] or 0)


def money(cents: int) -> Json:
    """Return cents as the API takes an amount."""
    return {"value": f"{cents // 100}.{cents % 100:02d}", "currency": CURRENCY}


@dataclass(frozen=True)
class Told:
    """An answer of success, word for word enough to hold it against the books."""

    what: str
    """`paid`, `cancelled`, `captured`, `refunded` or `declined`: the call, and that it was said to be done."""
    payment_id: str
    amount: int = 0
    refund_id: str = ""


@dataclass
class Sale:
    """One order as its merchant knows it."""

    number: int
    merchant: int
    """The place of the merchant among those of the run."""
    amount: int
    order_id: str = ""
    payments: list[str] = field(default_factory=list)
    refunds: dict[str, int] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    story: list[tuple[float, str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The merchant's own number of the order."""
        return f"prove-{self.number}"

    def say(self, text: str) -> None:
        """Write a line of the order's story."""
        self.story.append((time.time(), text))

    def hear(self, told: Told) -> None:
        """Keep what was answered for sure."""
        self.told.append(told)
        self.say(f"told: {told.what} {told.payment_id} {told.amount or ''} {told.refund_id}".rstrip())

    def saw(self, payment: Json) -> None:
        """Keep that there is a payment."""
        if payment["payment_id"] not in self.payments:
            self.payments.append(payment["payment_id"])


@dataclass
class Log:
    """What all merchants of a run know."""

    sales: list[Sale] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    """By HTTP status; 0 is none at all."""
    errors: list[str] = field(default_factory=list)
    """What no merchant can make sense of, such as a 500."""
    faults: Counter[str] = field(default_factory=Counter)
    """What struck of the provider's faults, by kind."""
    kills: Counter[str] = field(default_factory=Counter)
    """By process."""
    began: float = field(default_factory=time.time)

    def open_sale(self, merchant: int, amount: int) -> Sale:
        """Begin an order."""
        sale = Sale(len(self.sales), merchant, amount)
        self.sales.append(sale)
        return sale

    def kill(self, name: str) -> None:
        """Note a death, in the story of every order that is under way too."""
        self.kills[name] += 1
        for sale in self.sales[-200:]:
            sale.say(f"-- {name} is killed")
