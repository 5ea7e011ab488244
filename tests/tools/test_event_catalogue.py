from __future__ import annotations

import json

import pytest
from fusionx.order.v1.order_pb2 import Order
from fusionx.payment.v1.dispute_pb2 import Dispute
from fusionx.payment.v1.payment_pb2 import Payment
from fusionx.payment.v1.refund_pb2 import Refund

from notify_svc.contract.event_types import PUBLIC_TYPES
from tools import event_catalogue as catalogue
from tools.event_examples import example

STATUSES: dict[str, set[str]] = {
    "order": set(Order.Status.keys()),
    "payment": set(Payment.Status.keys()),
    "refund": set(Refund.Status.keys()),
    "dispute": set(Dispute.Status.keys()),
    "endpoint": set(),
    "ping": set(),
}


def test_page_says_of_every_event_what_the_contract_says() -> None:
    text = catalogue.PAGE.read_text()
    assert catalogue.page(text) == text
    for name, description in catalogue.descriptions().items():
        assert description, name
        assert f"| `{name}` | {description} |" in text


@pytest.mark.parametrize("public_type", PUBLIC_TYPES)
def test_example_is_in_a_state_that_the_resource_has_with_such_an_event(public_type: str) -> None:
    """Every resource says in words or in its state what the type says."""
    event = json.loads(example(public_type))
    (resource,) = event["data"].values()
    assert event["type"] == public_type
    assert f"## {public_type}\n" in catalogue.EXAMPLES.read_text()
    fact = public_type.partition(".")[2]
    # a dispute that was closed was won, lost, or closed
    if fact != "closed" and fact.upper().replace("SUCCEEDED", "SUCCESS") in STATUSES[public_type.partition(".")[0]]:
        assert resource["status"] == fact.upper().replace("SUCCEEDED", "SUCCESS")


@pytest.mark.parametrize("public_type", [name for name in PUBLIC_TYPES if name.startswith("payment.")])
def test_example_of_a_payment_shows_what_its_status_and_its_event_have(public_type: str) -> None:
    """As `payment_svc/contract/messages.py` shows it: no sum of nothing, each with an attempt."""
    payment = json.loads(example(public_type))["data"]["payment"]
    assert ("captured_amount" in payment) == (payment["status"] == "SUCCESS")
    assert ("refunded_amount" in payment) == public_type.endswith("refunded")
    assert ("next_action" in payment) == bool(payment["redirect_url"])
    assert ("next_action" in payment) == (public_type in ("payment.requires_action", "payment.updated"))
    assert payment["surplus"] == ("surplus" in public_type)
    (attempt,) = payment["attempts"]
    assert ("end_time" in attempt) == (payment["status"] in ("AUTHORIZED", "SUCCESS", "FAILED", "CANCELLED"))
    assert attempt.get("failure") == payment.get("failure")


@pytest.mark.parametrize("public_type", [name for name in PUBLIC_TYPES if name.startswith("order.")])
def test_example_of_an_order_shows_what_is_paid_and_what_is_open(public_type: str) -> None:
    """As `order_svc/contract/messages.py` shows it."""
    order = json.loads(example(public_type))["data"]["order"]
    status = order["status"]
    assert ("paid_amount" in order) == (status in ("SUCCESS", "PARTIALLY_REFUNDED", "REFUNDED"))
    assert ("open_amount" in order) == (status in ("NEW", "PROCESSING", "FAILED"))
    assert ("refunded_amount" in order) == (status in ("PARTIALLY_REFUNDED", "REFUNDED"))


def test_stale_table_is_replaced_and_the_rest_stays() -> None:
    stale = f"before\n{catalogue.BEGIN}| old |\n{catalogue.END}after\n"
    assert catalogue.page(stale) == f"before\n{catalogue.BEGIN}{catalogue.table()}{catalogue.END}after\n"
    with pytest.raises(ValueError, match="no place"):
        catalogue.page("nothing")
