"""Checkout Sessions and their hosted page."""

import time
from typing import Literal

import httpx
import pytest
import stripe
from stripe.params.checkout import (
    SessionCreateParamsLineItemPriceData,
    SessionCreateParamsPaymentIntentData,
)

from tests.sandbox.harness import Receiver, Sandbox

JSON = {"Accept": "application/json"}


@pytest.fixture
def session(client: stripe.StripeClient, order_id: str) -> stripe.checkout.Session:
    return open_session(client, order_id)


def open_session(
    client: stripe.StripeClient, order_id: str, capture_method: Literal["manual"] | None = None
) -> stripe.checkout.Session:
    price: SessionCreateParamsLineItemPriceData = {
        "currency": "eur",
        "unit_amount": 750,
        "product_data": {"name": "Tea & <b>cake</b>"},
    }
    payment: SessionCreateParamsPaymentIntentData = {"metadata": {"order_id": order_id}}
    if capture_method:
        payment["capture_method"] = capture_method
    return client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"quantity": 2, "price_data": price}],
            "success_url": "https://shop.example/done?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.example/cart",
            "client_reference_id": order_id,
            "metadata": {"order_id": order_id},
            "payment_intent_data": payment,
        }
    )


def test_the_page_shows_the_amount_and_escapes_names(session: stripe.checkout.Session) -> None:
    page = httpx.get(str(session.url)).text
    assert "15.00 EUR" in page
    assert "Tea &amp; &lt;b&gt;cake&lt;/b&gt;" in page


def test_paying_completes_the_session_and_redirects(
    client: stripe.StripeClient, session: stripe.checkout.Session, receiver: Receiver
) -> None:
    answer = httpx.post(f"{session.url}/pay", data={"payment_method": "pm_card_visa"})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"https://shop.example/done?session={session.id}"
    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert isinstance(paid.payment_intent, stripe.PaymentIntent)
    assert (paid.payment_intent.status, paid.payment_intent.amount_received) == ("succeeded", 1500)
    event = receiver.wait(session.id, "checkout.session.completed")[0].verify()
    assert event.data.object.payment_intent == paid.payment_intent.id
    found = client.v1.checkout.sessions.list({"payment_intent": paid.payment_intent.id})
    assert [one.id for one in found.data] == [session.id]


def test_a_customer_may_pay_after_a_decline(
    client: stripe.StripeClient, session: stripe.checkout.Session, receiver: Receiver, order_id: str
) -> None:
    assert client.v1.checkout.sessions.retrieve(session.id).payment_intent is None
    declined = httpx.post(f"{session.url}/pay", json={"payment_method": "pm_card_chargeDeclined"}, headers=JSON)
    assert declined.status_code == 402
    assert declined.json()["error"]["code"] == "card_declined"
    event = receiver.wait(order_id, "payment_intent.payment_failed")[0].verify()
    assert event.data.object.last_payment_error.decline_code == "generic_decline"
    paid = httpx.post(f"{session.url}/pay", json={"payment_method": "pm_card_visa"}, headers=JSON).json()
    assert paid["status"] == "complete"
    assert paid["payment_intent"] == declined.json()["payment_intent"] == event.data.object.id


def test_a_browser_sees_the_reason_of_a_decline(session: stripe.checkout.Session) -> None:
    page = httpx.post(f"{session.url}/pay", data={"payment_method": "pm_card_chargeDeclinedExpiredCard"})
    assert page.status_code == 402
    assert "Your card has expired." in page.text


def test_paying_twice_takes_the_money_once(sandbox: Sandbox, session: stripe.checkout.Session, order_id: str) -> None:
    pay = {"payment_method": "pm_card_visa"}
    answers = [httpx.post(f"{session.url}/pay", json=pay, headers=JSON).status_code for _ in range(2)]
    assert answers == [200, 409]
    assert len(sandbox.get("ledger", order_id=order_id, kind="capture")["entries"]) == 1


def test_three_d_secure_leads_through_the_bank_to_the_shop(
    client: stripe.StripeClient, session: stripe.checkout.Session
) -> None:
    to_bank = httpx.post(f"{session.url}/pay", data={"payment_method": "pm_card_threeDSecure2Required"})
    back = httpx.post(f"{to_bank.headers['location']}/approve")
    assert back.headers["location"].endswith(session.id)
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


@pytest.mark.parametrize(
    ("token", "event_type", "payment_status"),
    [
        ("pm_usBankAccount_success", "checkout.session.async_payment_succeeded", "paid"),
        ("pm_usBankAccount_failed", "checkout.session.async_payment_failed", "unpaid"),
    ],
)
def test_a_bank_debit_completes_the_session_before_it_is_paid(
    client: stripe.StripeClient,
    session: stripe.checkout.Session,
    receiver: Receiver,
    token: str,
    event_type: str,
    payment_status: str,
) -> None:
    httpx.post(f"{session.url}/pay", data={"payment_method": token})
    completed = receiver.wait(session.id, "checkout.session.completed")[0].verify()
    assert completed.data.object.payment_status == "unpaid"
    receiver.wait(session.id, event_type)
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == payment_status


def test_manual_capture_is_paid_when_captured(client: stripe.StripeClient, order_id: str) -> None:
    session = open_session(client, order_id, capture_method="manual")
    paid = httpx.post(f"{session.url}/pay", json={"payment_method": "pm_card_visa"}, headers=JSON).json()
    assert paid["payment_intent_status"] == "requires_capture"
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "unpaid"
    client.v1.payment_intents.capture(paid["payment_intent"])
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_an_expired_session_takes_no_money_and_cancels_its_intent(
    client: stripe.StripeClient, session: stripe.checkout.Session, receiver: Receiver
) -> None:
    declined = httpx.post(f"{session.url}/pay", json={"payment_method": "pm_card_chargeDeclined"}, headers=JSON)
    intent_id = declined.json()["payment_intent"]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.cancel(intent_id)
    assert client.v1.checkout.sessions.expire(session.id).status == "expired"
    receiver.wait(session.id, "checkout.session.expired")
    assert client.v1.payment_intents.retrieve(intent_id).status == "canceled"
    late = httpx.post(f"{session.url}/pay", json={"payment_method": "pm_card_visa"}, headers=JSON)
    assert late.status_code == 409
    with pytest.raises(stripe.InvalidRequestError, match="expired"):
        client.v1.checkout.sessions.expire(session.id)


def test_cancel_leads_back_and_leaves_the_session_open(
    client: stripe.StripeClient, session: stripe.checkout.Session
) -> None:
    assert httpx.post(f"{session.url}/cancel").headers["location"] == "https://shop.example/cart"
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_a_session_must_live_for_half_an_hour(client: stripe.StripeClient) -> None:
    price: SessionCreateParamsLineItemPriceData = {
        "currency": "eur",
        "unit_amount": 750,
        "product_data": {"name": "Tea"},
    }
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.checkout.sessions.create(
            {
                "mode": "payment",
                "line_items": [{"quantity": 1, "price_data": price}],
                "success_url": "https://shop.example",
                "expires_at": int(time.time()) + 60,
            }
        )
    assert refusal.value.param == "expires_at"
