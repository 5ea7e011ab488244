"""What the sandbox says in Stripe's name has the types of Stripe's own SDK, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.harness import JSON, KEY, Pay, Receiver, Sandbox
from tests.support.providers.official_types import of_stripe

LISTS: dict[str, type[stripe.StripeObject]] = {
    "payment_intents": stripe.PaymentIntent,
    "charges": stripe.Charge,
    "refunds": stripe.Refund,
    "disputes": stripe.Dispute,
    "checkout/sessions": stripe.checkout.Session,
    "events": stripe.Event,
}
METHODS = ["pm_card_visa", "pm_usBankAccount_success", "pm_card_threeDSecure2Required", "pm_card_createDispute"]


def walk(sandbox: Sandbox, path: str) -> Iterator[JSON]:
    """Every object of a list, as it is written."""
    after: dict[str, str] = {}
    while True:
        answer = httpx.get(f"{sandbox.url}/v1/{path}", params={"limit": "100"} | after, auth=(KEY, ""))
        page = answer.raise_for_status().json()
        yield from page["data"]
        if not page["has_more"]:
            return
        after = {"starting_after": page["data"][-1]["id"]}


@pytest.fixture
def life(sandbox: Sandbox, client: stripe.StripeClient, pay: Pay, receiver: Receiver) -> None:
    """Something of everything: paid, declined, challenged, held, voided, given back, disputed, and on a page."""
    for method in METHODS:
        pay(method)
    held = [pay(capture_method="manual") for _ in range(2)]
    client.v1.payment_intents.capture(held[0].id, {"amount_to_capture": 400})
    client.v1.payment_intents.cancel(held[1].id, {"cancellation_reason": "abandoned"})
    with pytest.raises(stripe.CardError):
        pay("pm_card_visa_chargeDeclined")
    challenged = pay("pm_card_threeDSecure2Required", return_url="https://shop.example/back")
    httpx.post(f"{sandbox.url}/stripe/3ds/{challenged.id}/refuse")
    for method in ("pm_card_visa", "pm_card_pendingRefund", "pm_card_refundFail"):
        client.v1.refunds.create({"payment_intent": pay(method).id, "amount": 300})
    disputed = pay()
    for action in ("create", "update", "close"):
        sandbox.post("disputes", payment_intent=disputed.id, action=action)
    for button in ("pay", "cancel", ""):
        session = client.v1.checkout.sessions.create(_page())
        if button:
            httpx.post(f"{session.url}/{button}", data={"payment_method": "pm_card_visa"})
        else:
            client.v1.checkout.sessions.expire(session.id)


def _page() -> Any:
    item: Any = {"quantity": 2, "price_data": {"currency": "eur", "unit_amount": 500, "product_data": {"name": "pear"}}}
    addresses = {"success_url": "https://shop.example/thanks", "cancel_url": "https://shop.example/no"}
    return {"mode": "payment", "line_items": [item], **addresses}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.usefixtures("life")
def test_every_object_has_stripes_type(path: str, sandbox: Sandbox) -> None:
    found = list(walk(sandbox, path))
    assert found
    assert {problem for one in found for problem in of_stripe(one, LISTS[path], one["object"])} == set()


@pytest.mark.usefixtures("life")
def test_every_object_in_an_event_has_its_own_type(sandbox: Sandbox) -> None:
    kinds = {"checkout.session": stripe.checkout.Session, "payment_intent": stripe.PaymentIntent}
    kinds |= {"charge": stripe.Charge, "refund": stripe.Refund, "dispute": stripe.Dispute}
    shown = [one["data"]["object"] for one in walk(sandbox, "events")]
    assert {one["object"] for one in shown} == set(kinds)
    assert {problem for one in shown for problem in of_stripe(one, kinds[one["object"]], one["object"])} == set()


def test_payment_methods_and_confirmation_tokens_have_stripes_type(sandbox: Sandbox) -> None:
    made = {"payment_method": "pm_card_visa", "return_url": "https://shop.example/back"}
    token = httpx.post(f"{sandbox.url}/v1/test_helpers/confirmation_tokens", data=made, auth=(KEY, "")).json()
    card = {"type": "card", "card[token]": "tok_visa"}
    method = httpx.post(f"{sandbox.url}/v1/payment_methods", data=card, auth=(KEY, "")).json()
    assert [*of_stripe(token, stripe.ConfirmationToken), *of_stripe(method, stripe.PaymentMethod)] == []


def test_account_has_stripes_type(sandbox: Sandbox) -> None:
    shown = httpx.get(f"{sandbox.url}/v1/account", auth=(KEY, "")).raise_for_status().json()
    assert list(of_stripe(shown, stripe.Account)) == []


def test_expanded_objects_have_stripes_type(sandbox: Sandbox, pay: Pay) -> None:
    expand = {"expand[]": ["latest_charge", "payment_method"]}
    shown = httpx.get(f"{sandbox.url}/v1/payment_intents/{pay().id}", params=expand, auth=(KEY, "")).json()
    assert (shown["latest_charge"]["object"], shown["payment_method"]["object"]) == ("charge", "payment_method")
    assert list(of_stripe(shown, stripe.PaymentIntent)) == []


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ({"status": "paid"}, ".status: 'paid' is no word of Stripe's"),
        ({"amount": "1000"}, ".amount: '1000' is no int"),
        ({"amount": None}, ".amount: None is no int"),
        ({"amounts": 1}, ".amounts: PaymentIntent has no such field"),
        ({"next_action": {"url": "x"}}, ".next_action.url: PaymentIntent.NextAction has no such field"),
        ({"latest_charge": {"object": "charge", "amount": "x"}}, ""),
    ],
)
def test_what_is_not_stripes_is_noticed(broken: JSON, complaint: str, sandbox: Sandbox, pay: Pay) -> None:
    shown = httpx.get(f"{sandbox.url}/v1/payment_intents/{pay().id}", auth=(KEY, "")).json()
    found = list(of_stripe(shown | broken, stripe.PaymentIntent))
    assert found
    assert complaint in found or not complaint
    del shown["amount"]
    assert list(of_stripe(shown, stripe.PaymentIntent)) == [".amount: is not there"]
