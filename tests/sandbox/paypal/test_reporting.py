"""PayPal's own books: Transaction Search."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.sandbox.harness import JSON
from tests.sandbox.paypal.harness import Paypal, issue

URL = "/v1/reporting/transactions"


def span(**more: str) -> dict[str, str]:
    now = datetime.now(UTC)
    times = {"start_date": now - timedelta(minutes=5), "end_date": now + timedelta(minutes=5)}
    return {name: at.isoformat(timespec="seconds") for name, at in times.items()} | more


def listed(paypal: Paypal, **more: str) -> Iterator[JSON]:
    """This test's transactions, from all pages."""
    page = pages = 1
    while page <= pages:
        answer = paypal.http.get(URL, params=span(page=str(page), **more)).raise_for_status().json()
        pages, page = answer["total_pages"], page + 1
        for found in answer["transaction_details"]:
            if found["transaction_info"].get("custom_field") == paypal.payment_id:
                yield found["transaction_info"]


def test_capture_is_listed_with_its_order_and_its_label(paypal: Paypal) -> None:
    order = paypal.approved()
    paypal.create()  # nobody has paid it, so it is in no books
    capture = paypal.capture(order).json()["purchase_units"][0]["payments"]["captures"][0]
    [found] = listed(paypal)
    assert found["transaction_id"] == capture["id"]
    assert (found["paypal_reference_id"], found["paypal_reference_id_type"]) == (order["id"], "ODR")
    assert (found["transaction_status"], found["transaction_event_code"]) == ("S", "T0006")
    assert found["transaction_amount"] == {"currency_code": "EUR", "value": "10.00"}
    assert datetime.fromisoformat(found["transaction_initiation_date"]).tzinfo


@pytest.mark.parametrize(
    ("method", "status"), [("paypal_capture_declined", "D"), ("paypal_held", "P"), ("paypal", "S")]
)
def test_status_is_a_letter_that_can_be_asked_for(method: str, status: str, paypal: Paypal) -> None:
    paypal.captured(method)
    assert [one["transaction_status"] for one in listed(paypal)] == [status]
    for letter in "DPSV":
        assert len(list(listed(paypal, transaction_status=letter))) == (letter == status)


def test_capture_of_an_authorization_names_the_authorization(paypal: Paypal) -> None:
    held = paypal.authorized()
    [hold] = listed(paypal)
    assert [hold[f"transaction_{name}"] for name in ("id", "event_code", "status")] == [held["id"], "T1300", "P"]
    paypal.post(f"/v2/payments/authorizations/{held['id']}/capture", {"final_capture": True}).raise_for_status()
    [found] = (one for one in listed(paypal) if one["transaction_event_code"] == "T0006")
    assert (found["paypal_reference_id"], found["paypal_reference_id_type"]) == (held["id"], "TXN")


def test_refund_is_money_that_goes_out(paypal: Paypal) -> None:
    capture = paypal.captured()
    paypal.refund(capture, "2.50").raise_for_status()
    taken, given = sorted(listed(paypal), key=lambda one: str(one["transaction_event_code"]))
    assert (taken["transaction_status"], taken["transaction_amount"]["value"]) == ("S", "10.00")
    assert (given["transaction_event_code"], given["transaction_amount"]["value"]) == ("T1107", "-2.50")
    assert given["paypal_reference_id"] == capture["id"]


def test_pages_hold_everything_once(paypal: Paypal) -> None:
    captures = {paypal.captured()["id"] for _ in range(3)}
    found = [one["transaction_id"] for one in listed(paypal, page_size="1", transaction_status="S")]
    assert len(found) == 3
    assert set(found) == captures


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"start_date": ""}, "INVALID_PARAMETER_VALUE"),
        ({"start_date": "2020-01-01T00:00:00Z"}, "INVALID_PARAMETER_VALUE"),
        ({"end_date": "2020-01-01T00:00:00Z"}, "INVALID_PARAMETER_VALUE"),
        ({"end_date": "2020-01-01T00:00:00"}, "INVALID_PARAMETER_VALUE"),
        ({"page": "0"}, "INVALID_PARAMETER_VALUE"),
        ({"page_size": "501"}, "INVALID_PARAMETER_VALUE"),
        ({"fields": "everything"}, "INVALID_PARAMETER_VALUE"),
        ({"transaction_status": "X"}, "INVALID_PARAMETER_VALUE"),
    ],
)
def test_wrong_question_is_refused(changed: dict[str, str], complaint: str, paypal: Paypal) -> None:
    assert issue(paypal.http.get(URL, params=span(**changed)), 400) == complaint


def test_question_without_a_time_or_a_token_is_refused(paypal: Paypal) -> None:
    assert issue(paypal.http.get(URL), 400) == "MISSING_REQUIRED_PARAMETER"
    assert paypal.http.get(URL, params=span(), headers={"authorization": "Bearer nobody"}).status_code == 401
