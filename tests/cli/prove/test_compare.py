"""The proof can fail: each thing that may be broken is seen, and a run in which nothing is broken has no findings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cli.prove.compare import Comparison, Kind
from cli.prove.evidence import Evidence
from cli.prove.log import Log, Sale, Told

Json = dict[str, Any]
ORDER, PAYMENT, REFUND = "order-1", "payment-1", "refund-1"


def eur(cents: int) -> Json:
    return {"value": f"{cents / 100:.2f}", "currency": "EUR"}


def line(kind: str, amount: int, thing: str = "pi_1", status: str = "succeeded", **labels: str) -> Json:
    """A line of the ledger, of the order's payment unless the labels say otherwise."""
    metadata = {"order_id": ORDER, "payment_id": PAYMENT} | labels
    return {"kind": kind, "object": thing, "amount": amount, "status": status, "metadata": metadata}


def whole() -> Evidence:
    """An order of 12.00 that was paid by a page, and 4.50 of it given back; all parties agree."""
    sale = Sale(0, 0, 1200, ORDER, [PAYMENT], {REFUND: 450}, [Told("paid", PAYMENT, 1200)])
    order = {"order_id": ORDER, "merchant_order_id": sale.name, "status": "PARTIALLY_REFUNDED", "version": 4}
    payment = {"payment_id": PAYMENT, "order_id": ORDER, "status": "SUCCESS", "version": 3, "surplus": False}
    payment |= {"provider": "stripe", "captured_amount": eur(1200), "refunded_amount": eur(450)}
    refund = {"refund_id": REFUND, "order_id": ORDER, "status": "SUCCESS", "version": 2, "amount": eur(450)}
    received: list[Json] = []
    for name, row in (("order", order), ("payment", payment), ("refund", refund)):
        for version in range(1, int(str(row["version"])) + 1):
            state = row | {"version": version}
            received.append({"id": f"{name}-{version}", "type": f"{name}.changed", "data": {name: state}})
    return Evidence(
        log=Log(sales=[sale]),
        orders=[order],
        payments=[payment],
        refunds=[refund],
        events=[{"event_id": one["id"], "type": one["type"], "order_id": ORDER} for one in received],
        received=received,
        books=[line("charge", 1200), line("capture", 1200), line("refund", 450, refund_id=f"{PAYMENT}.{REFUND}")],
    )


def test_nothing_is_found_where_all_parties_agree() -> None:
    verdict = Comparison(whole())
    assert verdict.findings == []
    assert (verdict.waiting, verdict.review, verdict.captures) == ({}, [], 1)


def _second_capture(known: Evidence) -> None:
    known.books.append(line("capture", 1200, "pi_2"))


def _second_capture_given_back(known: Evidence) -> None:
    known.books += [line("capture", 1200, "pi_2"), line("refund", 1200, "pi_2", refund_id=REFUND)]


def _two_successes(known: Evidence) -> None:
    known.payments.append(known.payments[0] | {"payment_id": "payment-2"})


def _order_gone(known: Evidence) -> None:
    known.orders.clear()


def _payment_gone(known: Evidence) -> None:
    known.log.sales[0].payments.append("payment-2")


def _order_unpaid(known: Evidence) -> None:
    known.orders[0]["status"] = "FAILED"


def _order_never_heard(known: Evidence) -> None:
    known.orders[0]["status"] = "PROCESSING"


def _paid_without_money(known: Evidence) -> None:
    known.books.clear()


def _other_amount(known: Evidence) -> None:
    known.books[1]["amount"] = 1100


def _failed_and_kept(known: Evidence) -> None:
    known.payments[0]["status"] = "FAILED"


def _held_for_ever(known: Evidence) -> None:
    known.books.append(line("charge", 1200, "pi_2", "authorized"))


def _key_made_two(known: Evidence) -> None:
    known.orders.append(known.orders[0] | {"order_id": "order-2", "status": "NEW", "version": 0})


def _cancelled_and_kept(known: Evidence) -> None:
    known.log.sales[0].hear(Told("cancelled", PAYMENT))


def _captured_otherwise(known: Evidence) -> None:
    known.log.sales[0].hear(Told("captured", PAYMENT, 300))


def _refund_not_made(known: Evidence) -> None:
    known.books[2]["status"] = "failed"


def _refund_made_twice(known: Evidence) -> None:
    known.books.append(dict(known.books[2]))


def _refund_failed_and_made(known: Evidence) -> None:
    known.refunds[0]["status"] = "FAILED"


def _refund_of_nobody(known: Evidence) -> None:
    known.books.append(line("refund", 100, refund_id="refund-2"))


def _too_much_back(known: Evidence) -> None:
    known.books.append(line("refund", 1000, refund_id="refund-2"))


def _event_never_came(known: Evidence) -> None:
    del known.received[1]


def _last_version_never_came(known: Evidence) -> None:
    known.orders[0]["version"] = 5


def _versions_mixed_up(known: Evidence) -> None:
    known.received[0], known.received[1] = known.received[1], known.received[0]


def _badly_signed(known: Evidence) -> None:
    known.forged = 1


BROKEN = [
    (_second_capture, Kind.TWICE),
    (_two_successes, Kind.TWICE),
    (_second_capture_given_back, Kind.SURPLUS),
    (_order_gone, Kind.LOST),
    (_payment_gone, Kind.LOST),
    (_order_unpaid, Kind.LOST),
    (_order_never_heard, Kind.LOST),
    (_paid_without_money, Kind.LOST),
    (_other_amount, Kind.LOST),
    (_failed_and_kept, Kind.LOST),
    (_held_for_ever, Kind.LOST),
    (_key_made_two, Kind.UNTRUE),
    (_cancelled_and_kept, Kind.UNTRUE),
    (_captured_otherwise, Kind.UNTRUE),
    (_refund_not_made, Kind.REFUND),
    (_refund_made_twice, Kind.REFUND),
    (_refund_failed_and_made, Kind.REFUND),
    (_refund_of_nobody, Kind.REFUND),
    (_too_much_back, Kind.REFUND),
    (_event_never_came, Kind.EVENT),
    (_last_version_never_came, Kind.EVENT),
    (_versions_mixed_up, Kind.EVENT),
    (_badly_signed, Kind.EVENT),
]


@pytest.mark.parametrize(("break_it", "kind"), BROKEN, ids=lambda one: getattr(one, "__name__", str(one)))
def test_what_is_broken_is_found(break_it: Callable[[Evidence], None], kind: Kind) -> None:
    known = whole()
    break_it(known)
    assert kind in {finding.kind for finding in Comparison(known).findings}


def test_money_of_a_payment_that_waits_is_not_lost_yet() -> None:
    known = whole()
    known.orders[0]["status"] = known.payments[0]["status"] = "PROCESSING"
    known.log.sales[0].told.clear()
    for event in known.received:
        for state in event["data"].values():
            state["status"] = "PROCESSING" if "refund_id" not in state else "SUCCESS"
    verdict = Comparison(known)
    assert verdict.findings == []
    assert verdict.waiting == {PAYMENT: "PROCESSING"}


def test_what_a_person_has_to_answer_is_counted() -> None:
    known = whole()
    known.payments[0]["status"] = "NEEDS_REVIEW"
    assert Comparison(known).review == [ORDER]
