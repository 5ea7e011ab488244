"""Stripe's objects in our words, and what cannot be read of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mesh.money import Money
from payment_svc.domain.dispute import DisputeStatus
from payment_svc.domain.payment import Action, ActionKind, PaymentStatus
from payment_svc.domain.refund import RefundStatus
from payment_svc.providers.base import ObjectNotFoundError, UnavailableError, UnreadableAnswerError
from payment_svc.providers.stripe import objects
from payment_svc.providers.stripe.adapter import StripeProvider
from tests.support.net.scripted import Answer, scripted
from tests.support.providers import stripe_api as api
from tests.support.providers.stripe_api import DECLINE, HOSTED, PAYMENT, REFUND, Json, adapter, listed
from tests.support.providers.stripe_api import intent as _intent

S = PaymentStatus


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("requires_payment_method", S.INITIATED),
        ("requires_confirmation", S.INITIATED),
        ("requires_action", S.REQUIRES_ACTION),
        ("processing", S.PROCESSING),
        ("requires_capture", S.AUTHORIZED),
        ("succeeded", S.SUCCESS),
        ("canceled", S.CANCELLED),
    ],
)
def test_status_of_an_intent_is_ours(status: str, ours: PaymentStatus) -> None:
    snapshot = objects.of_intent(_intent(status), hosted=False)
    assert snapshot.status == ours
    assert (snapshot.amount == Money(1200, "EUR")) == (ours in (S.AUTHORIZED, S.SUCCESS))


@pytest.mark.parametrize(
    ("status", "hosted", "ours"),
    [
        ("requires_payment_method", True, S.INITIATED),
        ("requires_payment_method", False, S.PROCESSING),
        ("canceled", True, S.CANCELLED),
        ("canceled", False, S.FAILED),
    ],
)
def test_declined_card_fails_a_payment_that_nobody_can_try_again(
    status: str, hosted: bool, ours: PaymentStatus
) -> None:
    snapshot = objects.of_intent(_intent(status, last_payment_error=DECLINE), hosted=hosted)
    assert snapshot.status == ours
    assert snapshot.failure
    assert (snapshot.failure.code, snapshot.failure.provider_code) == ("card_declined", "generic_decline")


def test_success_forgets_the_declines_before_it() -> None:
    assert objects.of_intent(_intent("succeeded", last_payment_error=DECLINE), hosted=True).failure is None


def test_authentication_tells_where_the_customer_must_go() -> None:
    action = {"redirect_to_url": {"url": "https://bank.example/3ds"}}
    assert objects.of_intent(_intent("requires_action", next_action=action), hosted=False).redirect_url == (
        "https://bank.example/3ds"
    )


@pytest.mark.parametrize(
    ("session", "intent", "ours", "url"),
    [
        ("open", None, S.INITIATED, True),
        ("open", "requires_payment_method", S.INITIATED, True),
        ("complete", "processing", S.PROCESSING, False),
        ("complete", "succeeded", S.SUCCESS, False),
        ("expired", None, S.CANCELLED, False),
        ("expired", "requires_payment_method", S.CANCELLED, False),
        ("expired", "succeeded", S.SUCCESS, False),
    ],
)
def test_session_is_read_with_its_intent(session: str, intent: str | None, ours: PaymentStatus, url: bool) -> None:
    page = {
        "id": "cs_1",
        "status": session,
        "url": "https://pay.example/",
        "payment_intent": intent and _intent(intent),
    }
    snapshot = objects.of_session(page)
    assert (snapshot.reference, snapshot.status, bool(snapshot.redirect_url)) == ("cs_1", ours, url)


def test_debit_that_fails_after_the_page_is_closed_fails_the_payment() -> None:
    intent = _intent("requires_payment_method", last_payment_error=DECLINE)
    snapshot = objects.of_session({"id": "cs_1", "status": "complete", "url": None, "payment_intent": intent})
    assert snapshot.status == S.FAILED
    assert snapshot.failure


def test_hold_that_was_given_free_elsewhere_is_cancelled_though_its_page_is_complete() -> None:
    snapshot = objects.of_session(api.session("complete", _intent("canceled")))
    assert snapshot.status == S.CANCELLED


REFUNDS = {
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCESS,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}


@pytest.mark.parametrize(("status", "ours"), REFUNDS.items())
def test_status_of_a_refund_is_ours(status: str, ours: RefundStatus) -> None:
    snapshot = objects.of_refund(api.refund(status))
    assert (snapshot.reference, snapshot.status, snapshot.amount) == ("re_1", ours, Money(300, "EUR"))
    assert bool(snapshot.failure) == (ours == RefundStatus.FAILED)


DISPUTES = {
    "warning_needs_response": DisputeStatus.NEEDS_RESPONSE,
    "warning_under_review": DisputeStatus.UNDER_REVIEW,
    "warning_closed": DisputeStatus.CLOSED,
    "needs_response": DisputeStatus.NEEDS_RESPONSE,
    "under_review": DisputeStatus.UNDER_REVIEW,
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
    "prevented": DisputeStatus.CLOSED,
}


@pytest.mark.parametrize(("status", "ours"), DISPUTES.items())
def test_status_of_a_dispute_is_ours(status: str, ours: DisputeStatus) -> None:
    due = int(datetime(2026, 2, 1, tzinfo=UTC).timestamp())
    snapshot = objects.of_dispute(api.dispute(status, evidence_details={"due_by": due}))
    assert (snapshot.reference, snapshot.status, snapshot.reason) == ("du_1", ours, "fraudulent")
    # of a chargeback the money is taken at once, of an inquiry never
    is_taken = status in ("needs_response", "under_review", "lost")
    assert (snapshot.withdrawn, snapshot.in_refunds) == (is_taken, False)
    assert (snapshot.payment_id, snapshot.amount) == (str(PAYMENT.payment_id), Money(1200, "EUR"))
    assert snapshot.respond_before == datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("labels", [{"payment_id": "p"}, {}, None])
def test_dispute_of_a_charge_without_an_intent_is_known_by_the_charge(labels: Json | None) -> None:
    charge = {"id": "ch_1", "object": "charge", "metadata": labels}
    snapshot = objects.of_dispute(api.dispute(payment_intent=None, charge=charge))
    assert snapshot.payment_id == (labels or {}).get("payment_id", "")


Call = Callable[[StripeProvider], Awaitable[object]]


async def _fetch(stripe: StripeProvider) -> object:
    return await stripe.fetch(PAYMENT)


async def _fetch_page(stripe: StripeProvider) -> object:
    return await stripe.fetch(HOSTED)


async def _find(stripe: StripeProvider) -> object:
    return await stripe.find(replace(PAYMENT, provider_reference=""))


async def _find_page(stripe: StripeProvider) -> object:
    return await stripe.find(replace(HOSTED, provider_reference=""))


async def _start(stripe: StripeProvider) -> object:
    return await stripe.start(PAYMENT)


async def _capture(stripe: StripeProvider) -> object:
    return await stripe.capture(PAYMENT, Money(1200, "EUR"), "key")


async def _cancel(stripe: StripeProvider) -> object:
    return await stripe.cancel(PAYMENT, "key")


async def _refund(stripe: StripeProvider) -> object:
    return await stripe.refund(PAYMENT, REFUND)


async def _fetch_refund(stripe: StripeProvider) -> object:
    return await stripe.fetch_refund(PAYMENT, replace(REFUND, provider_reference="re_1"))


async def _find_refund(stripe: StripeProvider) -> object:
    return await stripe.fetch_refund(PAYMENT, REFUND)


async def _fetch_dispute(stripe: StripeProvider) -> object:
    return await stripe.fetch_dispute("du_1")


async def _records(stripe: StripeProvider) -> object:
    return [one async for one in stripe.records(api.NOW, api.NOW)]


NO_AMOUNTS: list[Json] = [
    {"amount_received": None},
    {"amount_received": "1200"},
    {"amount_received": 12.5},
    {"currency": "xxx"},
]
UNREADABLE_INTENTS = [
    _intent("word_that_is_new"),
    _intent(None),
    _intent(id=None),
    *(_intent(**wrong) for wrong in NO_AMOUNTS),
    {name: value for name, value in _intent().items() if name != "amount_received"},
    {name: value for name, value in _intent("requires_capture").items() if name != "amount_capturable"},
    _intent("requires_payment_method", last_payment_error="no"),
    {"id": "pi_1", "object": "payment_intent"},
    {},
]
UNREADABLE_PAGES = [
    *(api.session("complete", one) for one in UNREADABLE_INTENTS),
    api.session("word_that_is_new"),
    api.session("complete"),
    api.session("complete", payment_intent="pi_1"),
    api.session(None),
    api.session(id=None),
]
UNREADABLE_REFUNDS = [
    api.refund("word_that_is_new"),
    api.refund(None),
    api.refund(id=None),
    api.refund(amount=None),
    api.refund(currency=None),
]
UNREADABLE_DISPUTES = [
    api.dispute("word_that_is_new"),
    api.dispute(None),
    api.dispute(payment_intent=None),
    api.dispute(payment_intent="pi_1"),
    api.dispute(payment_intent=None, charge="ch_1"),
    api.dispute(amount=None),
    api.dispute(id=None),
]
UNREADABLE: list[tuple[Call, Json]] = [
    *((call, one) for call in (_fetch, _start, _capture, _cancel) for one in UNREADABLE_INTENTS),
    *((call, listed(one)) for call in (_find, _records) for one in UNREADABLE_INTENTS if one.get("metadata")),
    *((_fetch_page, one) for one in UNREADABLE_PAGES),
    *((_find_page, listed(one)) for one in UNREADABLE_PAGES),
    *((call, one) for call in (_refund, _fetch_refund) for one in UNREADABLE_REFUNDS),
    *((_find_refund, listed(one)) for one in UNREADABLE_REFUNDS),
    *((_fetch_dispute, one) for one in UNREADABLE_DISPUTES),
    *((call, {"object": "list"}) for call in (_find, _find_page, _find_refund, _records)),
]


@pytest.mark.parametrize(("call", "answer"), UNREADABLE)
async def test_answer_that_cannot_be_read_is_unknown(call: Call, answer: Json) -> None:
    async with scripted(Answer(200, answer)) as server, adapter(server.url) as stripe:
        with pytest.raises(UnreadableAnswerError):
            await call(stripe)


SPARSE = {"id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount_received": 1200, "currency": "eur"}


@pytest.mark.parametrize("call", [_fetch, _start, _capture])
async def test_what_only_explains_may_be_missing(call: Call) -> None:
    async with scripted(Answer(200, SPARSE)) as server, adapter(server.url) as stripe:
        snapshot: Any = await call(stripe)
    assert (snapshot.status, snapshot.amount) == (S.SUCCESS, Money(1200, "EUR"))


@pytest.mark.parametrize("call", [_find, _find_page])
async def test_others_objects_are_passed_by_whatever_is_in_them(call: Call) -> None:
    others = [_intent("word_that_is_new", metadata=None), _intent(metadata=7), {"id": "x"}, {"metadata": {}}]
    mine = api.session("open") if call is _find_page else _intent()
    async with scripted(Answer(200, listed(*others, mine))) as server, adapter(server.url) as stripe:
        assert await call(stripe)


async def test_intent_of_a_page_that_cannot_be_read_before_something_is_done_stops_it() -> None:
    """Nothing was done yet, and that is certain."""
    held = replace(HOSTED, status=S.AUTHORIZED)
    async with scripted(Answer(200, api.session("complete"))) as server, adapter(server.url) as stripe:
        with pytest.raises(UnavailableError):
            await stripe.capture(held, Money(1200, "EUR"), "key")
        assert len(server.asked) == 1


@pytest.mark.parametrize("reference", ["", "..", "pi_1/cancel", "pi_1?x", "a" * 256])
async def test_reference_that_cannot_be_one_is_never_asked_for(reference: str) -> None:
    async with scripted(Answer(200, _intent())) as server, adapter(server.url) as stripe:
        named = replace(PAYMENT, provider_reference=reference)
        for call in (stripe.fetch(named), stripe.cancel(named, "key")):
            with pytest.raises(ObjectNotFoundError):
                await call
        assert not server.asked


@pytest.mark.parametrize(
    ("wanted", "kind", "url", "secret"),
    [
        (
            {"type": "redirect_to_url", "redirect_to_url": {"url": "https://bank"}},
            ActionKind.REDIRECT,
            "https://bank",
            "",
        ),
        ({"type": "use_stripe_sdk", "use_stripe_sdk": {}}, ActionKind.SDK, "", "secret"),
        (
            {"type": "boleto_display_details", "boleto_display_details": {"hosted_voucher_url": "https://voucher"}},
            *(ActionKind.DISPLAY, "https://voucher", ""),
        ),
    ],
)
def test_what_the_customer_has_to_do_is_read(wanted: dict[str, Any], kind: ActionKind, url: str, secret: str) -> None:
    intent = _intent("requires_action") | {"next_action": wanted, "client_secret": "secret"}
    action = objects.of_intent(intent, hosted=False).action
    assert action == Action(kind, wanted["type"], url, secret)


@pytest.mark.parametrize(
    ("captured", "gone", "is_known", "went_back"),
    [
        (1200, 0, True, False),
        (1200, 200, True, True),
        # of a part that was captured, what was let go counts as refunded too
        (700, 500, False, False),
        (700, 501, False, True),
        (None, 0, False, False),
    ],
)
def test_books_tell_of_what_went_back_of_a_part_that_it_has_to_be_asked_for(
    captured: int | None, gone: int, is_known: bool, went_back: bool
) -> None:
    charge = {"amount": 1200, "amount_captured": captured, "amount_refunded": gone, "currency": "eur"}
    said = objects.record_of(_intent() | {"created": 1_767_225_600, "latest_charge": charge})
    assert (said.refunded is not None, said.gave_back) == (is_known, went_back)
