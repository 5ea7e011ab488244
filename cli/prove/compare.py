"""Holds what the parties know against each other. Pure: all it needs is the evidence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from cli.prove.evidence import Evidence
from cli.prove.log import Json, minor

ENDED = ("SUCCESS", "FAILED", "CANCELLED")
SETTLED = ("SUCCESS", "PARTIALLY_REFUNDED", "REFUNDED")
GAVE_BACK = ("succeeded", "pending")
"""Refunds of the ledger that took money from the merchant."""


class Kind(StrEnum):
    """What can be broken."""

    LOST = "lost"
    TWICE = "charged twice"
    SURPLUS = "given back"
    """Money that was taken too often and went back: nobody here errs so that it would have to be."""
    REFUND = "refunds wrong"
    UNTRUE = "answers untrue"
    EVENT = "events missing"


@dataclass(frozen=True)
class Finding:
    """One thing that is broken, and the order that it is about; empty where it is about none."""

    kind: Kind
    order_id: str
    text: str


def kept_of(lines: Iterable[Json]) -> Counter[str]:
    """Return by object of the provider what it took of the customer and did not give back."""
    kept: Counter[str] = Counter()
    for line in lines:
        if line["kind"] == "capture":
            kept[line["object"]] += line["amount"]
        elif line["kind"] == "refund" and line["status"] in GAVE_BACK:
            kept[line["object"]] -= line["amount"]
    return kept


def _by(rows: Iterable[Json], name: str) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = defaultdict(list)
    for row in rows:
        found[row[name]].append(row)
    return found


class Comparison:
    """The verdict on a run."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        ours = {order["order_id"] for order in evidence.orders} | {sale.order_id for sale in evidence.log.sales}
        books = [line | line["metadata"] for line in evidence.books]
        self._books = [line for line in books if line.get("order_id", "") in ours]
        self._lines = _by(self._books, "order_id")
        self._of_payment = _by((line for line in self._books if "payment_id" in line), "payment_id")
        self._orders = {order["order_id"]: order for order in evidence.orders}
        self._payments = {payment["payment_id"]: payment for payment in evidence.payments}
        self._refunds = {refund["refund_id"]: refund for refund in evidence.refunds}
        self._payments_of = _by(evidence.payments, "order_id")
        self.waiting = self._waiting()
        """Payments and refunds whose outcome is not known yet, each with its status."""
        self.review = sorted({*evidence.reviews, *self._for_a_person()})
        """Orders that wait for a person."""
        self._open = {self._payments[key]["order_id"] for key in self.waiting if key in self._payments}
        self._open |= {self._refunds[key]["order_id"] for key in self.waiting if key in self._refunds}
        self.findings = [
            *self._nothing_acknowledged_is_gone(),
            *self._charged_once(),
            *self._orders_agree(),
            *self._payments_agree(),
            *self._refunds_agree(),
            *self._answers_were_true(),
            *self._events_came(),
        ]

    @property
    def captures(self) -> int:
        """How often money was taken."""
        return sum(line["kind"] == "capture" for line in self._books)

    def _waiting(self) -> dict[str, str]:
        payments = {key: one["status"] for key, one in self._payments.items()}
        refunds = {key: one["status"] for key, one in self._refunds.items()}
        return {key: status for key, status in (payments | refunds).items() if status not in (*ENDED, "NEEDS_REVIEW")}

    def _for_a_person(self) -> Iterator[str]:
        for one in (*self._payments.values(), *self._refunds.values()):
            if one["status"] == "NEEDS_REVIEW":
                yield one["order_id"]

    def _nothing_acknowledged_is_gone(self) -> Iterator[Finding]:
        names = Counter(order["merchant_order_id"] for order in self._evidence.orders)
        for sale in self._evidence.log.sales:
            if names[sale.name] > 1:
                yield Finding(Kind.UNTRUE, sale.order_id, f"one key made {names[sale.name]} orders")
            if not sale.order_id:
                continue
            if sale.order_id not in self._orders:
                yield Finding(Kind.LOST, sale.order_id, "the order was acknowledged, and is not there")
            for known, rows in ((sale.payments, self._payments), (sale.refunds, self._refunds)):
                for key in known:
                    if key not in rows:
                        yield Finding(Kind.LOST, sale.order_id, f"{key} was acknowledged, and is not there")

    def _charged_once(self) -> Iterator[Finding]:
        for order_id, lines in self._lines.items():
            kept = {key: amount for key, amount in kept_of(lines).items() if amount > 0}
            waits = order_id in self._open or order_id in self.review
            if len(kept) > 1 and not waits:
                yield Finding(Kind.TWICE, order_id, f"the providers keep {kept}")
            taken = {line["object"] for line in lines if line["kind"] == "capture"}
            if len(taken) > 1 and len(kept) <= 1:
                yield Finding(Kind.SURPLUS, order_id, f"money was taken {len(taken)} times, and went back")
            order = self._orders.get(order_id)
            if kept and order and order["status"] not in SETTLED and not waits:
                yield Finding(Kind.LOST, order_id, f"the order is {order['status']}, and the providers keep {kept}")

    def _orders_agree(self) -> Iterator[Finding]:
        for order_id, order in self._orders.items():
            if order_id in self._open or order_id in self.review:
                continue
            paid = [one for one in self._payments_of[order_id] if one["status"] == "SUCCESS" and not one["surplus"]]
            status = order["status"]
            if len(paid) > 1:
                yield Finding(Kind.TWICE, order_id, f"{len(paid)} payments of the order are SUCCESS")
            if bool(paid) != (status in SETTLED) or status == "PROCESSING":
                said = ", ".join(one["status"] for one in self._payments_of[order_id]) or "none"
                yield Finding(Kind.LOST, order_id, f"the order is {status}, its payments are {said}")
            elif paid:
                given, taken = minor(paid[0].get("refunded_amount")), minor(paid[0].get("captured_amount"))
                wanted = "SUCCESS" if not given else "REFUNDED" if given >= taken else "PARTIALLY_REFUNDED"
                if status != wanted:
                    yield Finding(Kind.LOST, order_id, f"the order is {status}, {given} of {taken} were refunded")

    def _payments_agree(self) -> Iterator[Finding]:
        for payment_id, payment in self._payments.items():
            order_id, status = payment["order_id"], payment["status"]
            taken = [line["amount"] for line in self._of_payment[payment_id] if line["kind"] == "capture"]
            said = minor(payment.get("captured_amount"))
            if status == "SUCCESS" and said not in taken:
                yield Finding(Kind.LOST, order_id, f"payment {payment_id} took {said}, the books have {taken}")
            kept = sum(kept_of(self._of_payment[payment_id]).values())
            if status in ("FAILED", "CANCELLED") and kept > 0 and order_id not in self._open:
                yield Finding(Kind.LOST, order_id, f"payment {payment_id} is {status}, and {kept} are kept")
            if status in ENDED and (held := self._held(payment_id)):
                yield Finding(Kind.LOST, order_id, f"payment {payment_id} is {status}, and {held} holds money")

    def _held(self, payment_id: str) -> str:
        """Return an object of the provider that still holds the customer's money for a payment."""
        lines = self._of_payment[payment_id]
        done = {line["object"] for line in lines if line["kind"] == "capture"}
        held = (line["object"] for line in lines if line["kind"] == "charge" and line["status"] == "authorized")
        return next((thing for thing in held if thing not in done), "")

    def _refunds_agree(self) -> Iterator[Finding]:
        # PayPal is told of the payment as well: `payment.refund`
        lines_of_refunds = [line for line in self._books if line["kind"] == "refund"]
        made = _by(
            (line | {"refund_id": line["refund_id"].rpartition(".")[2]} for line in lines_of_refunds), "refund_id"
        )
        for refund_id, refund in self._refunds.items():
            lines = [line for line in made[refund_id] if line["status"] in GAVE_BACK]
            order_id, status = refund["order_id"], refund["status"]
            if len(lines) > 1:
                yield Finding(Kind.REFUND, order_id, f"refund {refund_id} was made {len(lines)} times")
            if status == "SUCCESS" and [line["amount"] for line in lines] != [minor(refund["amount"])]:
                yield Finding(Kind.REFUND, order_id, f"refund {refund_id} is SUCCESS, the books have {lines}")
            if status == "FAILED" and lines:
                yield Finding(Kind.REFUND, order_id, f"refund {refund_id} is FAILED, and was made")
        for refund_id, lines in made.items():
            if refund_id not in self._refunds:
                yield Finding(Kind.REFUND, lines[0]["order_id"], f"refund {refund_id} was made, and nobody knows it")
        for order_id, lines in self._lines.items():
            if any(amount < 0 for amount in kept_of(lines).values()):
                yield Finding(Kind.REFUND, order_id, "more was given back than was taken")

    def _answers_were_true(self) -> Iterator[Finding]:
        for sale in self._evidence.log.sales:
            for told in sale.told:
                lines = self._of_payment[told.payment_id]
                taken = [line["amount"] for line in lines if line["kind"] == "capture"]
                kept = sum(kept_of(lines).values())
                if told.what == "cancelled" and kept > 0:
                    yield Finding(Kind.UNTRUE, sale.order_id, f"{told.payment_id} was cancelled with 200, {kept} kept")
                if told.what in ("captured", "paid") and told.amount not in taken:
                    text = f"{told.payment_id} was said to be {told.what} by {told.amount}, the books have {taken}"
                    yield Finding(Kind.UNTRUE, sale.order_id, text)

    def _events_came(self) -> Iterator[Finding]:
        if self._evidence.forged:
            yield Finding(Kind.EVENT, "", f"{self._evidence.forged} webhooks were not validly signed")
        received = {event["id"] for event in self._evidence.received}
        for event in self._evidence.events:
            if event["event_id"] not in received:
                text = f"{event['type']} {event['event_id']} is in the log, and never came"
                yield Finding(Kind.EVENT, event["order_id"], text)
        came = self._first_deliveries()
        for name, rows in (("order", self._orders), ("payment", self._payments), ("refund", self._refunds)):
            for key, row in rows.items():
                states = came[key]
                versions = [one["version"] for one in states]
                missing = set(range(1, row["version"] + 1)) - set(versions)
                if missing:
                    yield Finding(Kind.EVENT, row["order_id"], f"versions {sorted(missing)} of {name} {key} never came")
                if any(after < before for before, after in pairwise(versions)):
                    yield Finding(Kind.EVENT, row["order_id"], f"versions of {name} {key} came as {versions}")
                if states and max(states, key=lambda one: int(one["version"]))["status"] != row["status"]:
                    yield Finding(Kind.EVENT, row["order_id"], f"{name} {key} is {row['status']}: nobody was told")

    def _first_deliveries(self) -> dict[str, list[Json]]:
        """Return by resource its states in the order in which they first came."""
        found: dict[str, list[Json]] = defaultdict(list)
        seen: set[str] = set()
        for event in self._evidence.received:
            if event["id"] not in seen:
                seen.add(event["id"])
                name, state = next(iter(event["data"].items()))
                found[state.get(f"{name}_id", "")].append(state)
        return found
