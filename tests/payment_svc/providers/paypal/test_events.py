"""What PayPal's events point at: the object to ask for, and whose it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_svc.providers.paypal import webhooks
from tests.support.providers.paypal_certificates import EVENT


def _event(resource: Any, resource_type: str = "capture") -> bytes:
    return json.dumps(EVENT | {"resource_type": resource_type, "resource": resource}).encode()


RELATED = {"supplementary_data": {"related_ids": {"order_id": "ORDER1"}}}


@pytest.mark.parametrize(
    ("kind", "resource", "reference", "payment_id"),
    [
        ("checkout-order", {"id": "ORDER1", "purchase_units": [{"custom_id": "p"}]}, "ORDER1", "p"),
        ("capture", {"id": "C1", "custom_id": "p", **RELATED}, "ORDER1", "p"),
        ("authorization", {"id": "A1", "custom_id": "p", **RELATED}, "ORDER1", "p"),
        ("payment-approval", {"order_id": "ORDER1", "purchase_units": [{"custom_id": "p"}]}, "ORDER1", "p"),
        ("capture", {"id": "C1"}, "", ""),
        ("dispute", {"dispute_id": "D1"}, "", ""),
    ],
)
def test_event_points_at_the_order_to_fetch(
    kind: str, resource: dict[str, Any], reference: str, payment_id: str
) -> None:
    event = webhooks.translate(_event(resource, kind))
    assert (event.event_id, event.type) == ("WH-EVENT-1", "PAYMENT.CAPTURE.COMPLETED")
    assert (event.reference, event.payment_id) == (reference, payment_id)
    assert (event.refund_id, event.refund_reference) == ("", "")


@pytest.mark.parametrize(
    ("label", "payment_id", "refund_id"), [("p.r", "p", "r"), ("p/r", "p", "r"), ("p", "p", ""), (None, "", "")]
)
def test_refund_names_its_payment_by_its_label(label: str | None, payment_id: str, refund_id: str) -> None:
    event = webhooks.translate(_event({"id": "R1", "custom_id": label}, "refund"))
    assert (event.refund_reference, event.payment_id, event.refund_id) == ("R1", payment_id, refund_id)


def test_refund_leads_to_its_capture() -> None:
    links = [{"rel": "self", "href": "https://x/refunds/R1"}, {"rel": "up", "href": "https://x/captures/C1"}]
    assert webhooks.translate(_event({"id": "R1", "links": links}, "refund")).reference == "C1"


@pytest.mark.parametrize(("above", "reference"), [("checkout/orders/O1", "O1"), ("payments/authorizations/A1", "")])
def test_capture_leads_to_its_order_and_an_authorization_is_no_name_of_a_payment(above: str, reference: str) -> None:
    links = [{"rel": "up", "href": f"https://x/v2/{above}"}]
    assert webhooks.translate(_event({"id": "C1", "links": links}, "capture")).reference == reference


@pytest.mark.parametrize("resource", [None, {}, {"available": []}])
@pytest.mark.parametrize("kind", ["capture", "checkout-order", "merchant-onboarding", ""])
def test_event_about_something_without_an_id_points_at_nothing(kind: str, resource: Any) -> None:
    event = webhooks.translate(_event(resource, kind))
    assert (event.event_id, event.reference, event.payment_id) == ("WH-EVENT-1", "", "")


@pytest.mark.parametrize("missing", ["id", "event_type", "create_time"])
def test_what_has_no_id_type_or_time_is_no_event(missing: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any reason
        webhooks.translate(json.dumps({name: value for name, value in EVENT.items() if name != missing}).encode())


@given(st.binary(max_size=60) | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode()))
def test_body_that_is_no_event_is_a_value_error_whatever_it_is(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any reason
        webhooks.translate(body)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_resource_of_any_shape_is_an_event(resource: Any) -> None:
    for kind in ("checkout-order", "refund", "capture"):
        assert webhooks.translate(_event(resource, kind)).event_id == "WH-EVENT-1"
