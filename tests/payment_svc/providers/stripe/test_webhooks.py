"""Stripe's webhooks: what an event points at."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_svc.providers.base import ProviderEvent
from payment_svc.providers.stripe import webhooks
from tests.support.net.scripted import Answer, scripted
from tests.support.providers import stripe_api as api
from tests.support.providers.stripe_api import PAYMENT, REFUND, adapter, error

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVENT = {
    "id": "evt_1",
    "type": "payment_intent.succeeded",
    "created": 1_767_225_600,
    "data": {"object": {"id": "pi_1", "object": "payment_intent", "metadata": {"payment_id": "p-1"}}},
}
BODY = json.dumps(EVENT).encode()


@pytest.mark.parametrize(
    ("target", "reference", "payment_id"),
    [
        ({"id": "pi_1", "object": "payment_intent", "metadata": {"payment_id": "p"}}, "pi_1", "p"),
        ({"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "metadata": {}}, "pi_1", ""),
        ({"id": "cs_1", "object": "checkout.session", "payment_intent": "pi_1"}, "cs_1", ""),
    ],
)
def test_event_points_at_the_object_to_fetch(target: dict[str, Any], reference: str, payment_id: str) -> None:
    event = webhooks.translate(json.dumps(EVENT | {"data": {"object": target}}).encode())
    assert (event.event_id, event.reference, event.payment_id) == ("evt_1", reference, payment_id)


@given(st.binary(max_size=60) | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode()))
def test_body_that_is_no_event_is_a_value_error_whatever_it_is(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any reason
        webhooks.translate(body)


WITHOUT_ID = [
    "balance.available",
    "balance_settings.updated",
    "billing.alert.triggered",
    "cash_balance.funds_available",
    "entitlements.active_entitlement_summary.updated",
    "tax.settings.updated",
]


@pytest.mark.parametrize("kind", WITHOUT_ID)
def test_event_about_something_without_an_id_points_at_nothing(kind: str) -> None:
    target = {"object": kind.rpartition(".")[0], "livemode": False, "available": []}
    event = webhooks.translate(json.dumps(EVENT | {"type": kind, "data": {"object": target}}).encode())
    assert event == ProviderEvent("evt_1", kind, reference="", payment_id="", create_time=NOW)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"id": "re_1", "object": "refund", "payment_intent": "pi_1"}, ("pi_1", "re_1", "")),
        ({"id": "re_1", "object": "refund", "payment_intent": {"id": "pi_1"}}, ("pi_1", "re_1", "")),
        ({"id": "re_1", "object": "refund", "payment_intent": None}, ("re_1", "re_1", "")),
        ({"id": "du_1", "object": "dispute", "payment_intent": "pi_1"}, ("pi_1", "", "du_1")),
        ({"id": "du_1", "object": "dispute", "payment_intent": None}, ("du_1", "", "du_1")),
        ({"id": "pi_1", "object": "payment_intent", "metadata": None}, ("pi_1", "", "")),
        ({"id": "pi_1", "object": "payment_intent", "metadata": {"payment_id": 7}}, ("pi_1", "", "")),
        ({"id": 7, "object": "payment_intent"}, ("", "", "")),
        ({"id": "cus_1"}, ("cus_1", "", "")),
    ],
)
def test_event_points_at_refunds_and_disputes(target: dict[str, Any], expected: tuple[str, str, str]) -> None:
    event = webhooks.translate(json.dumps(EVENT | {"data": {"object": target}}).encode())
    assert (event.reference, event.refund_reference, event.dispute_reference) == expected
    assert (event.payment_id, event.object_type) == ("", "")


def _thin(kind: str | None = None, reference: str = "") -> bytes:
    related = {"id": reference, "type": kind, "url": f"/v1/things/{reference}"} if kind else None
    event = {
        "id": "evt_2",
        "object": "v2.core.event",
        "type": "v1.thing.happened",
        "created": "2026-01-01T00:00:00.000Z",
    }
    return json.dumps(event | {"livemode": False, "context": None, "related_object": related}).encode()


LABELS = {"payment_id": str(PAYMENT.payment_id), "refund_id": str(REFUND.refund_id)}


@pytest.mark.parametrize(
    ("kind", "shown", "path", "expected"),
    [
        ("payment_intent", api.intent(), "/v1/payment_intents/x_1", ("pi_1", LABELS["payment_id"], "", "")),
        (
            "checkout.session",
            api.session(metadata=LABELS),
            "/v1/checkout/sessions/x_1",
            ("cs_1", LABELS["payment_id"], LABELS["refund_id"], ""),
        ),
        ("refund", api.refund(), "/v1/refunds/x_1", ("pi_1", *LABELS.values(), "re_1")),
        (
            "charge",
            {"id": "ch_1", "object": "charge", "payment_intent": "pi_1"},
            "/v1/charges/x_1",
            ("pi_1", "", "", ""),
        ),
    ],
)
async def test_object_of_a_thin_event_is_fetched(
    kind: str, shown: api.Json, path: str, expected: tuple[str, str, str, str]
) -> None:
    event = webhooks.translate(_thin(kind, "x_1"))
    assert (event.event_id, event.type, event.create_time) == ("evt_2", "v1.thing.happened", NOW)
    assert (event.reference, event.object_type) == ("x_1", kind)
    async with scripted(Answer(200, shown)) as server, adapter(server.url) as provider:
        event = await provider.resolve(event)
        assert [one.path for one in server.asked] == [path]
    assert (event.reference, event.payment_id, event.refund_id, event.refund_reference) == expected
    assert event.object_type == ""


async def test_thin_event_about_an_object_that_is_gone_points_at_nothing() -> None:
    async with scripted(error(404, code="resource_missing")) as server, adapter(server.url) as provider:
        event = await provider.resolve(webhooks.translate(_thin("refund", "re_1")))
    assert (event.reference, event.refund_reference, event.object_type) == ("", "", "")


def test_thin_event_about_a_dispute_needs_no_look() -> None:
    event = webhooks.translate(_thin("dispute", "du_1"))
    assert (event.dispute_reference, event.reference, event.object_type) == ("du_1", "", "")


@pytest.mark.parametrize("body", [_thin(), _thin("v2.core.account", "acct_1"), _thin("payment_intent", "")])
def test_thin_event_about_anything_else_points_at_nothing(body: bytes) -> None:
    event = webhooks.translate(body)
    assert (event.event_id, event.reference, event.object_type) == ("evt_2", "", "")


@pytest.mark.parametrize("missing", ["id", "type", "created"])
@pytest.mark.parametrize("body", [BODY, _thin("payment_intent", "pi_1")])
def test_what_has_no_id_type_or_time_is_no_event(missing: str, body: bytes) -> None:
    event = json.loads(body)
    wrongs: tuple[object, ...] = (None, 10**30, [], "")
    for wrong in wrongs:
        with pytest.raises(ValueError, match="not a Stripe event"):
            webhooks.translate(json.dumps(event | {missing: wrong}).encode())


def test_body_that_is_nested_without_end_is_no_event() -> None:
    with pytest.raises(ValueError, match="not a Stripe event"):
        webhooks.translate(b"[" * 100_000)
