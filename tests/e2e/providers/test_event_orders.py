"""A provider's events in any order and number: the payment ends where the provider's books are, by legal steps only."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from payment_svc.domain.payment import TRANSITIONS, PaymentStatus
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.providers.sandbox import Provider
from tests.support.providers.stripe_events import Stripe
from tests.support.stack.storage import provider_event
from tests.support.waiting import eventually

KINDS = (
    "checkout.session.completed",
    "payment_intent.created",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.succeeded",
    "charge.failed",
    "charge.succeeded",
)
sequences = st.permutations(KINDS).flatmap(
    lambda order: st.lists(st.sampled_from(KINDS), max_size=4).map(lambda again: [*order, *again])
)


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_events_in_any_order_and_number_end_where_the_providers_books_are(
    data: st.DataObject, gateway: Ready, merchant: Merchant, provider: Provider, stripe: Stripe
) -> None:
    order_id = merchant.new_order()["order_id"]
    provider.fault(order_id, "webhook_drop", count=None)
    payment = merchant.open_page(order_id)
    told = data.draw(sequences, "the order in which the provider's events come")
    paid_after = data.draw(st.integers(0, len(told)), "how many of them come before the customer has paid")
    provider.pay(payment["redirect_url"], "pm_card_chargeDeclined")
    sent: list[str] = []
    for number, kind in enumerate(told):
        if number == paid_after:
            assert provider.pay(payment["redirect_url"]).status_code == 200
        # the same id again is the same event: a repetition is a delivery of its own, as at Stripe
        body = stripe.event(kind, payment["provider_reference"], payment_id=payment["payment_id"])
        for _ in range(data.draw(st.integers(1, 2), "deliveries")):
            assert stripe.post(body).status_code == 200
        sent.append(str(json.loads(body)["id"]))
    if paid_after == len(told):
        assert provider.pay(payment["redirect_url"]).status_code == 200
    merchant.wait_for_order(order_id, "SUCCESS")
    for event_id in sent:
        eventually(lambda one=event_id: (provider_event(gateway, one) or ("",))[0] == "APPLIED", event_id)  # type: ignore[misc]

    final = merchant.payment(payment["payment_id"])
    assert (final["status"], len(provider.captures(order_id))) == ("SUCCESS", 1)
    entries = merchant.get(f"/v1/orders/{order_id}/timeline")["entries"]
    versions = [(entry["version"], entry["status"]) for entry in entries if entry["resource"] == "payment"]
    assert [version for version, _ in versions] == list(range(1, final["version"] + 1))
    for (_, before), (_, after) in pairwise(versions):
        assert before == after or PaymentStatus(after) in TRANSITIONS[PaymentStatus(before)]
