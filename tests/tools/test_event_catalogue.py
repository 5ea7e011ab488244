from __future__ import annotations

import json

import pytest

from notify_svc.contract.event_types import PUBLIC_TYPES
from tools import event_catalogue as catalogue
from tools.event_examples import example


def test_page_says_of_every_event_what_the_contract_says() -> None:
    text = catalogue.PAGE.read_text()
    assert catalogue.page(text) == text
    for name, description in catalogue.descriptions().items():
        assert description, name
        assert f"| `{name}` | {description} |" in text


@pytest.mark.parametrize(
    ("public_type", "names"),
    [
        ("order.created", "`ORDER_CREATED`"),
        ("order.refunded", "`ORDER_STATUS_CHANGED`, `ORDER_UPDATED`"),
        ("payment.succeeded", "`PAYMENT_SUCCESS`"),
        ("dispute.opened", "`DISPUTE_OPENED`"),
    ],
)
def test_every_event_has_the_name_that_the_architecture_gives_it(public_type: str, names: str) -> None:
    assert public_type in PUBLIC_TYPES
    assert f"| `{public_type}` | {catalogue.descriptions()[public_type]} | {names} |" in catalogue.table()


@pytest.mark.parametrize("public_type", PUBLIC_TYPES)
def test_example_is_in_a_state_that_the_resource_has_with_such_an_event(public_type: str) -> None:
    """Every resource says in words or in its state what the type says."""
    event = json.loads(example(public_type))
    (resource,) = event["data"].values()
    assert event["type"] == public_type
    assert f"## {public_type}\n" in catalogue.EXAMPLES.read_text()
    fact = public_type.partition(".")[2]
    if fact in ("succeeded", "failed", "cancelled", "expired", "authorized", "processing", "needs_review"):
        assert resource["status"] == fact.upper().replace("SUCCEEDED", "SUCCESS")


def test_stale_table_is_replaced_and_the_rest_stays() -> None:
    stale = f"before\n{catalogue.BEGIN}| old |\n{catalogue.END}after\n"
    assert catalogue.page(stale) == f"before\n{catalogue.BEGIN}{catalogue.table()}{catalogue.END}after\n"
    with pytest.raises(ValueError, match="no place"):
        catalogue.page("nothing")
