"""Further accounts: a key opens one, which sees its own objects and remembers its own keys."""

import uuid
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.harness import KEY, Pay, Sandbox
from tests.support.providers.stripe_params import intent_params


def account(sandbox: Sandbox, key: str) -> str:
    return str(httpx.get(f"{sandbox.url}/v1/account", auth=(key, "")).raise_for_status().json()["id"])


def test_keys_of_one_account_have_one_account(sandbox: Sandbox) -> None:
    name = uuid.uuid4().hex[:8]
    found = [account(sandbox, f"sk_test_acct_{name}{more}") for more in ("", "_2", "_rolled")]
    assert found == [f"acct_{name}"] * 3
    assert account(sandbox, KEY) == account(sandbox, KEY) != found[0]


def test_account_sees_nothing_of_anothers(sandbox: Sandbox, client: stripe.StripeClient, pay: Pay) -> None:
    mine, key = pay(), f"key-{uuid.uuid4()}"
    key_of_other = f"sk_test_acct_{uuid.uuid4().hex[:8]}"
    other = stripe.StripeClient(key_of_other, base_addresses={"api": sandbox.url})
    with pytest.raises(stripe.InvalidRequestError) as absent:
        other.v1.payment_intents.retrieve(mine.id)
    assert absent.value.http_status == 404
    assert other.v1.payment_intents.list().data == []
    made = [one.v1.payment_intents.create(intent_params(), {"idempotency_key": key}).id for one in (client, other)]
    assert made[0] != made[1]
    assert [one.id for one in other.v1.payment_intents.list()] == [made[1]]
    assert made[1] not in [one.id for one in client.v1.payment_intents.list()]
    again = stripe.StripeClient(f"{key_of_other}_2", base_addresses={"api": sandbox.url})
    assert again.v1.payment_intents.create(intent_params(), {"idempotency_key": key}).id == made[1]


def test_page_of_a_further_account_is_paid_there(sandbox: Sandbox) -> None:
    name = uuid.uuid4().hex[:8]
    other = stripe.StripeClient(f"sk_test_acct_{name}", base_addresses={"api": sandbox.url})
    item: Any = {"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 500, "product_data": {"name": "pear"}}}
    page: Any = {"mode": "payment", "line_items": [item], "success_url": "https://shop.example/thanks"}
    session = other.v1.checkout.sessions.create(page)
    httpx.post(f"{session.url}/pay", data={"payment_method": "pm_card_visa"})
    paid = other.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert paid.payment_status == "paid"
    assert isinstance(paid.payment_intent, stripe.PaymentIntent)
    assert other.v1.refunds.create({"payment_intent": paid.payment_intent.id}).status == "succeeded"
