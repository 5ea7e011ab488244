"""What the PayPal adapter asks of PayPal's API, and what it makes of the answers."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from mesh.money import MAX_MINOR_UNITS, Money
from payment_svc.domain.operation import Operation, OperationKind, OperationStatus, Requester
from payment_svc.domain.payment import CaptureMethod, Failure, PaymentStatus
from payment_svc.domain.refund import Refund, RefundStatus
from payment_svc.providers.base import ObjectNotFoundError, OutcomeUnknownError, RejectedError, UnavailableError
from payment_svc.providers.paypal import requests
from payment_svc.providers.paypal.adapter import ORDER_LIFETIME, REPEATABLE
from payment_svc.providers.paypal.client import MAX_REQUEST_ID
from tests.support.providers.paypal_api import EUR12, NOW, PAYMENT, Paypal, order, paid, refusal, said

S = PaymentStatus
ABSENT = refusal("INVALID_RESOURCE_ID")
REFUND = Refund(
    refund_id=UUID(int=4),
    payment_id=PAYMENT.payment_id,
    merchant_id=PAYMENT.merchant_id,
    order_id=PAYMENT.order_id,
    amount=Money(300, "EUR"),
    status=RefundStatus.PENDING,
    reason="",
    provider_reference="",
    failure=None,
    version=1,
    create_time=NOW,
    update_time=NOW,
)


async def test_order_carries_our_ids_and_the_way_back() -> None:
    paypal = Paypal(said(201, order("CREATED")))
    snapshot = await paypal.adapter().start(PAYMENT)
    assert (snapshot.status, snapshot.redirect_url) == (S.INITIATED, "https://paypal.example/approve")
    path, body, request_id = paypal.sent()
    assert (path, body["intent"]) == ("/v2/checkout/orders", "CAPTURE")
    [unit] = body["purchase_units"]
    assert (unit["custom_id"], unit["reference_id"]) == (str(PAYMENT.payment_id), str(PAYMENT.order_id))
    assert unit["amount"] == EUR12
    assert {body["application_context"][name] for name in ("return_url", "cancel_url")} == {PAYMENT.return_url}
    assert str(PAYMENT.payment_id) in request_id
    assert paypal.asked[0].headers["prefer"] == "return=representation"


async def test_creation_without_an_answer_is_asked_once_more_under_the_same_id() -> None:
    paypal = Paypal(httpx.ReadTimeout("slow"), said(200, order("CREATED")))
    assert (await paypal.adapter().start(PAYMENT)).status == S.INITIATED
    assert paypal.sent(0) == paypal.sent(1)


@pytest.mark.parametrize("second", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), said(429)])
async def test_second_try_that_fails_says_nothing_about_the_first(second: Exception | httpx.Response) -> None:
    with pytest.raises(OutcomeUnknownError):
        await Paypal(httpx.ReadTimeout("slow"), second).adapter().start(PAYMENT)


def test_no_request_id_is_too_long() -> None:
    longest = max(OperationKind, key=len)
    operation = Operation(
        *(UUID(int=2**128 - 1), PAYMENT.payment_id, 99, longest, MAX_MINOR_UNITS, OperationStatus.SENT, 1),
        *(Requester.MERCHANT, None, PAYMENT.create_time, PAYMENT.create_time),
    )
    ids = [requests.order_id(PAYMENT), operation.key]
    assert len(set(ids)) == len(ids)
    assert max(map(len, ids)) <= MAX_REQUEST_ID


@pytest.mark.parametrize(
    ("method", "action"), [(CaptureMethod.AUTOMATIC, "capture"), (CaptureMethod.MANUAL, "authorize")]
)
async def test_approved_order_is_captured_or_authorized(method: CaptureMethod, action: str) -> None:
    paypal = Paypal(said(201, order(captures=[paid("COMPLETED")])))
    assert (await paypal.adapter().complete(replace(PAYMENT, capture_method=method), "key")).status == S.SUCCESS
    assert paypal.sent()[0] == f"/v2/checkout/orders/ORDER1/{action}"


async def test_declined_instrument_leaves_the_way_back_open() -> None:
    link = {"href": "https://paypal.example/again", "rel": "redirect"}
    paypal = Paypal(said(422, refusal("INSTRUMENT_DECLINED") | {"links": [link]}))
    snapshot = await paypal.adapter().complete(PAYMENT, "key")
    assert (snapshot.status, snapshot.redirect_url) == (S.REQUIRES_ACTION, "https://paypal.example/again")
    assert snapshot.failure == Failure("card_declined", "no", "INSTRUMENT_DECLINED")


async def test_declined_instrument_fails_the_payment_once_the_order_is_too_old() -> None:
    paypal = Paypal(said(422, refusal("INSTRUMENT_DECLINED")))
    with pytest.raises(RejectedError):
        await paypal.adapter(lambda: NOW + ORDER_LIFETIME + timedelta(seconds=1)).complete(PAYMENT, "key")


@pytest.mark.parametrize(
    "issue",
    ["ORDER_ALREADY_CAPTURED", "ORDER_ALREADY_AUTHORIZED", "ORDER_NOT_APPROVED", "ORDER_COMPLETED_OR_VOIDED"],
)
async def test_order_that_has_moved_on_is_looked_at(issue: str) -> None:
    paypal = Paypal(said(422, refusal(issue)), said(200, order(captures=[paid("COMPLETED")])))
    assert (await paypal.adapter().complete(PAYMENT, "key")).status == S.SUCCESS


@pytest.mark.parametrize(
    "issue", ["INSTRUMENT_DECLINED", "PAYER_ACTION_REQUIRED", "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING"]
)
async def test_refusal_that_another_instrument_may_mend_ends_nothing(issue: str) -> None:
    snapshot = await Paypal(said(422, refusal(issue))).adapter().complete(PAYMENT, "key")
    assert (snapshot.status, bool(snapshot.failure)) == (S.REQUIRES_ACTION, True)


async def test_order_that_has_expired_was_not_refused() -> None:
    snapshot = await Paypal(said(422, refusal("ORDER_EXPIRED"))).adapter().complete(PAYMENT, "key")
    assert snapshot.failure
    assert (snapshot.status, snapshot.failure.code) == (S.CANCELLED, "expired")


@pytest.mark.parametrize(
    ("status", "age", "ours"),
    [
        (S.INITIATED, ORDER_LIFETIME + timedelta(seconds=1), S.CANCELLED),
        (S.REQUIRES_ACTION, ORDER_LIFETIME + timedelta(seconds=1), S.CANCELLED),
        # its capture may have been asked for: that the order is gone proves nothing
        (S.PROCESSING, ORDER_LIFETIME + timedelta(seconds=1), None),
        (S.AUTHORIZED, ORDER_LIFETIME + timedelta(days=2), None),
        (S.INITIATED, timedelta(minutes=5), None),
    ],
)
async def test_order_that_paypal_has_forgotten_has_expired(
    status: PaymentStatus, age: timedelta, ours: PaymentStatus | None
) -> None:
    fetched = Paypal(said(404, ABSENT)).adapter(lambda: NOW + age).fetch(replace(PAYMENT, status=status))
    if ours is None:
        with pytest.raises(ObjectNotFoundError):
            await fetched
    else:
        snapshot = await fetched
        assert snapshot.failure
        assert (snapshot.status, snapshot.failure.code) == (ours, "expired")


async def test_order_of_another_payment_is_not_ours() -> None:
    paypal = Paypal(said(200, order("CREATED")))
    with pytest.raises(ObjectNotFoundError):
        await paypal.adapter().fetch(replace(PAYMENT, payment_id=UUID(int=9)))


@pytest.mark.parametrize("reference", ["", "..", "../../v1/x", "A?b", "A/B", "A#b", "A" * 65])
async def test_reference_that_cannot_be_one_is_never_asked_for(reference: str) -> None:
    paypal = Paypal(said(200, order("CREATED")))
    with pytest.raises(ObjectNotFoundError):
        await paypal.adapter().fetch(replace(PAYMENT, provider_reference=reference))
    assert not paypal.asked


async def test_lost_order_is_found_by_its_request_id_as_long_as_that_is_remembered() -> None:
    paypal = Paypal(said(200, order("CREATED")))
    lost = replace(PAYMENT, provider_reference="")
    found = await paypal.adapter().find(lost)
    assert found
    assert found.reference == "ORDER1"
    assert paypal.sent()[2] == requests.order_id(PAYMENT)
    assert await paypal.adapter(lambda: NOW + REPEATABLE + timedelta(seconds=1)).find(lost) is None
    assert await paypal.adapter().find(replace(lost, status=S.INITIATED)) is None
    assert len(paypal.asked) == 1


async def test_capture_is_asked_for_under_the_key_of_its_operation() -> None:
    known = order(authorizations=[paid("CREATED")])
    paypal = Paypal(said(200, known), said(201, paid("COMPLETED", "5.00")))
    snapshot = await paypal.adapter().capture(replace(PAYMENT, status=S.AUTHORIZED), Money(500, "EUR"), "key")
    assert (snapshot.status, snapshot.amount) == (S.SUCCESS, Money(500, "EUR"))
    path, body, request_id = paypal.sent()
    assert path == "/v2/payments/authorizations/PAID1/capture"
    assert body == {"amount": {"currency_code": "EUR", "value": "5.00"}, "final_capture": True}
    assert request_id == "key"


@pytest.mark.parametrize(
    ("status", "ours"), [("CREATED", S.CANCELLED), ("PAYER_ACTION_REQUIRED", S.CANCELLED), ("APPROVED", S.PROCESSING)]
)
async def test_cancelling_an_open_order_asks_nothing_but_how_it_stands(status: str, ours: PaymentStatus) -> None:
    paypal = Paypal(said(200, order(status)))
    assert (await paypal.adapter().cancel(replace(PAYMENT, status=S.INITIATED), "key")).status == ours
    assert [request.method for request in paypal.asked] == ["GET"]


async def test_refund_is_of_the_capture_that_paypal_names() -> None:
    known = order(captures=[paid("DECLINED", id="NO"), paid("PARTIALLY_REFUNDED", id="YES")])
    paypal = Paypal(said(200, known), said(201, paid("COMPLETED", "3.00")))
    assert (await paypal.adapter().refund(PAYMENT, REFUND)).status == RefundStatus.SUCCESS
    path, body, request_id = paypal.sent()
    assert (path, request_id) == ("/v2/payments/captures/YES/refund", str(REFUND.refund_id))
    assert requests.labels_of(body["custom_id"]) == (str(PAYMENT.payment_id), str(REFUND.refund_id))
    # the pattern of `custom_id` in PayPal's answers
    assert re.fullmatch(r"[A-Za-z0-9\-_.,]{1,255}", body["custom_id"])


@pytest.mark.parametrize("problem", [httpx.ReadTimeout("slow"), said(500)])
async def test_refund_that_was_never_asked_for_is_certain(problem: Exception | httpx.Response) -> None:
    with pytest.raises(UnavailableError):
        await Paypal(problem).adapter().refund(PAYMENT, REFUND)


@pytest.mark.parametrize("reference", ["", "PAID1"])
async def test_refund_is_known_by_its_label(reference: str) -> None:
    ours = paid("COMPLETED", "3.00", custom_id=requests.refund_label(PAYMENT.payment_id, REFUND.refund_id))
    foreign = paid("COMPLETED", "3.00", custom_id=str(PAYMENT.payment_id))
    wanted = replace(REFUND, provider_reference=reference)
    for known, is_found in ((ours, True), (foreign, False)):
        answer = known if reference else order(refunds=[known])
        found = await Paypal(said(200, answer)).adapter().fetch_refund(PAYMENT, wanted)
        assert bool(found) == is_found
    # as the version before wrote it
    old = f"{PAYMENT.payment_id}/{REFUND.refund_id}"
    answer = ours | {"custom_id": old} if reference else order(refunds=[ours | {"custom_id": old}])
    assert await Paypal(said(200, answer)).adapter().fetch_refund(PAYMENT, wanted)
    if reference:
        assert await Paypal(said(404, ABSENT)).adapter().fetch_refund(PAYMENT, wanted) is None
        # one that was made there, and is in our books, carries no label of ours
        assert await Paypal(said(200, foreign)).adapter().fetch_refund(PAYMENT, replace(wanted, sends=0))
        return
    # an order that is forgotten says nothing of its refunds
    with pytest.raises(ObjectNotFoundError):
        await Paypal(said(404, ABSENT)).adapter().fetch_refund(PAYMENT, wanted)


async def test_refund_made_by_hand_is_known_by_its_capture() -> None:
    paypal = Paypal(said(200, paid("COMPLETED", custom_id=str(PAYMENT.payment_id))))
    assert await paypal.adapter().owner_of("C1") == str(PAYMENT.payment_id)
    assert paypal.sent()[0] == "/v2/payments/captures/C1"
    assert await Paypal(said(200, paid("COMPLETED"))).adapter().owner_of("C1") == ""
    assert await Paypal(said(404, ABSENT)).adapter().owner_of("C1") == ""
    assert await paypal.adapter().owner_of("") == ""
