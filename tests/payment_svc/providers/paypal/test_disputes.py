"""PayPal's disputes and reversals in our words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from mesh.money import Money
from payment_svc.domain.dispute import DisputeStatus
from payment_svc.domain.refund import RefundStatus
from payment_svc.providers.base import Loss, ObjectNotFoundError, UnreadableAnswerError
from payment_svc.providers.paypal import disputes, webhooks
from tests.support.providers.paypal_api import EUR12, PAYMENT, Paypal, order, paid, refusal, said
from tests.support.providers.paypal_certificates import event_body

D = DisputeStatus
ABSENT = refusal("INVALID_RESOURCE_ID")
PAYMENT_ID = str(PAYMENT.payment_id)


def dispute(status: str = "UNDER_REVIEW", outcome: str = "", **more: Any) -> dict[str, Any]:
    body = {
        "dispute_id": "PP-D-1",
        "disputed_transactions": [{"seller_transaction_id": "PAID1", "custom": PAYMENT_ID}],
        "reason": "UNAUTHORISED",
        "status": status,
        "dispute_amount": EUR12,
        "seller_response_due_date": "2026-02-01T00:00:00.000Z",
    }
    return body | ({"dispute_outcome": {"outcome_code": outcome}} if outcome else {}) | more


@pytest.mark.parametrize(
    ("status", "outcome", "ours"),
    [
        ("OPEN", "", D.NEEDS_RESPONSE),
        ("WAITING_FOR_SELLER_RESPONSE", "", D.NEEDS_RESPONSE),
        ("WAITING_FOR_BUYER_RESPONSE", "", D.UNDER_REVIEW),
        ("UNDER_REVIEW", "", D.UNDER_REVIEW),
        ("OTHER", "", D.UNDER_REVIEW),
        ("RESOLVED", "RESOLVED_BUYER_FAVOUR", D.LOST),
        ("RESOLVED", "ACCEPTED", D.LOST),
        ("RESOLVED", "RESOLVED_SELLER_FAVOUR", D.WON),
        ("RESOLVED", "RESOLVED_WITH_PAYOUT", D.WON),
        ("RESOLVED", "DENIED", D.WON),
        ("RESOLVED", "CANCELED_BY_BUYER", D.CLOSED),
        ("RESOLVED", "NONE", D.CLOSED),
    ],
)
def test_every_status_and_outcome_has_a_meaning(status: str, outcome: str, ours: DisputeStatus) -> None:
    snapshot = disputes.of_dispute(dispute(status, outcome), PAYMENT_ID)
    assert (snapshot.reference, snapshot.payment_id, snapshot.status) == ("PP-D-1", PAYMENT_ID, ours)
    assert (snapshot.amount, snapshot.reason) == (Money(1200, "EUR"), "UNAUTHORISED")
    # what it takes then is a refund as well
    assert (snapshot.withdrawn, snapshot.in_refunds) == (ours == D.LOST, True)
    assert snapshot.respond_before == datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "outcome"), [("SOMETHING_NEW", ""), ("RESOLVED", "SOMETHING_NEW"), ("RESOLVED", "")]
)
def test_what_is_new_is_not_guessed(status: str, outcome: str) -> None:
    with pytest.raises(UnreadableAnswerError):
        disputes.of_dispute(dispute(status, outcome), PAYMENT_ID)


async def test_capture_says_whose_dispute_it_is_where_the_dispute_does_not() -> None:
    bare = dispute(disputed_transactions=[{"seller_transaction_id": "PAID1"}])
    paypal = Paypal(said(200, bare), said(200, paid("COMPLETED", custom_id=PAYMENT_ID)))
    assert (await paypal.adapter().fetch_dispute("PP-D-1")).payment_id == PAYMENT_ID
    assert [one.url.path for one in paypal.asked] == ["/v1/customer/disputes/PP-D-1", "/v2/payments/captures/PAID1"]


@pytest.mark.parametrize("transactions", [[], [{}], None])
async def test_dispute_of_no_capture_is_nobodys(transactions: Any) -> None:
    paypal = Paypal(said(200, dispute(disputed_transactions=transactions)))
    assert (await paypal.adapter().fetch_dispute("PP-D-1")).payment_id == ""


def _refund(capture: str = "PAID1", **more: Any) -> dict[str, Any]:
    links = [{"rel": "up", "href": f"https://paypal.example/v2/payments/captures/{capture}"}]
    return {"id": "BACK1", "status": "COMPLETED", "amount": EUR12, "links": links} | more


async def test_reversal_is_shown_by_its_name() -> None:
    paypal = Paypal(said(200, order(captures=[paid("REFUNDED")])), said(200, _refund()))
    [taken] = await paypal.adapter().reversals(PAYMENT, "BACK1")
    assert (taken.reference, taken.status, taken.amount) == ("BACK1", RefundStatus.SUCCESS, Money(1200, "EUR"))


async def test_reversal_of_another_capture_is_not_ours() -> None:
    paypal = Paypal(said(200, order(captures=[paid("REFUNDED")])), said(200, _refund("OTHER")))
    with pytest.raises(ObjectNotFoundError):
        await paypal.adapter().reversals(PAYMENT, "BACK1")


async def test_reversal_that_is_not_shown_took_all_that_was_left() -> None:
    paypal = Paypal(
        said(200, order(captures=[paid("DECLINED", id="NO"), paid("REFUNDED")])),
        said(404, ABSENT),
    )
    [taken] = await paypal.adapter().reversals(PAYMENT, "BACK1")
    assert (taken.reference, taken.status, taken.amount) == ("BACK1", RefundStatus.SUCCESS, None)


@pytest.mark.parametrize("captures", [["COMPLETED"], ["PARTIALLY_REFUNDED"], ["REFUNDED", "COMPLETED"], ["DECLINED"]])
async def test_reversal_that_is_not_shown_is_not_believed_while_money_is_left(captures: list[str]) -> None:
    paypal = Paypal(said(200, order(captures=[paid(one) for one in captures])), said(404, ABSENT))
    with pytest.raises(ObjectNotFoundError):
        await paypal.adapter().reversals(PAYMENT, "BACK1")


async def test_reversal_without_a_name_is_what_nobody_here_asked_for() -> None:
    ours = _refund(id="OURS", custom_id=f"{PAYMENT_ID}/00000000-0000-0000-0000-000000000004")
    made = [ours, _refund(custom_id=PAYMENT_ID)]
    paypal = Paypal(httpx.Response(200, json=order(captures=[paid("REFUNDED")], refunds=made)))
    assert [one.reference for one in await paypal.adapter().reversals(PAYMENT, "")] == ["BACK1"]


@pytest.mark.parametrize("word", ["CREATED", "UPDATED", "RESOLVED"])
def test_event_of_a_dispute_points_at_it(word: str) -> None:
    event = webhooks.translate(event_body(f"CUSTOMER.DISPUTE.{word}", "dispute", dispute()))
    assert (event.dispute_reference, event.reference, event.payment_id) == ("PP-D-1", "PAID1", PAYMENT_ID)
    assert (event.refund_reference, event.loss) == ("", Loss.NONE)


@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        ("PAYMENT.CAPTURE.REVERSED", Loss.REVERSED),
        ("PAYMENT.CAPTURE.DENIED", Loss.DENIED),
        ("PAYMENT.CAPTURE.DECLINED", Loss.DENIED),
        ("PAYMENT.CAPTURE.COMPLETED", Loss.NONE),
        ("PAYMENT.CAPTURE.REFUNDED", Loss.NONE),
    ],
)
def test_event_says_that_money_may_be_gone(kind: str, loss: Loss) -> None:
    assert webhooks.translate(event_body(kind, "refund", _refund(custom_id=PAYMENT_ID))).loss == loss
