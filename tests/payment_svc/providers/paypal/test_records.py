"""PayPal's own books as records of payments."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from payment_svc.domain.payment import PaymentStatus
from payment_svc.domain.reconciliation import ProviderRecord
from payment_svc.providers.base import UnreadableAnswerError
from tests.support.providers.paypal_api import NOW, PAYMENT, Paypal, order, paid, refusal, said

S = PaymentStatus
FIRST, SECOND = "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"


def _transaction(code: str = "T0006", status: str = "S", value: str = "12.00", **more: Any) -> dict[str, Any]:
    return {
        "transaction_info": {
            "transaction_id": "PAID1",
            "paypal_reference_id": "ORDER1",
            "paypal_reference_id_type": "ODR",
            "transaction_event_code": code,
            "transaction_initiation_date": "2026-01-01T00:00:00+0000",
            "transaction_amount": {"currency_code": "EUR", "value": value},
            "transaction_status": status,
            "custom_field": str(PAYMENT.payment_id),
            **more,
        }
    }


async def _records(paypal: Paypal, until: timedelta = timedelta(days=1)) -> list[ProviderRecord]:
    return [record async for record in paypal.adapter().records(NOW, NOW + until)]


@pytest.mark.parametrize(
    ("status", "ours", "minor"),
    [("S", S.SUCCESS, 1200), ("V", S.SUCCESS, 1200), ("P", S.PROCESSING, 0), ("D", S.FAILED, 0)],
)
async def test_transaction_is_a_record_of_its_order(status: str, ours: PaymentStatus, minor: int) -> None:
    others = [_transaction("T0106", value="-0.40"), _transaction("T1107", value="-3.00"), _transaction(value="-9.00")]
    others.append(_transaction(transaction_amount={"currency_code": "RUB", "value": "9.00"}))
    listed = {"transaction_details": [*others, _transaction(status=status)], "total_pages": 1}
    [record] = await _records(Paypal(said(200, listed)))
    assert (record.reference, record.payment_id) == ("ORDER1", str(PAYMENT.payment_id))
    assert (record.status, record.amount.minor if record.amount else 0, record.create_time) == (ours, minor, NOW)
    assert record.gave_back == (status == "V")


async def test_captured_authorization_is_asked_for_its_order() -> None:
    listed = {"transaction_details": [_transaction(paypal_reference_id_type="TXN")], "total_pages": 1}
    capture = paid("COMPLETED", supplementary_data={"related_ids": {"order_id": "ORDER7"}})
    paypal = Paypal(said(200, listed), said(200, capture))
    assert [record.reference for record in await _records(paypal)] == ["ORDER7"]
    assert paypal.sent()[0] == "/v2/payments/captures/PAID1"


async def test_what_names_another_kind_of_thing_names_no_order() -> None:
    listed = {"transaction_details": [_transaction(paypal_reference_id_type="BAL")], "total_pages": 1}
    paypal = Paypal(said(200, listed), said(404, {"name": "RESOURCE_NOT_FOUND"}))
    assert [record.reference for record in await _records(paypal)] == [""]


async def test_long_span_is_searched_in_parts_and_page_by_page() -> None:
    listed = {"transaction_details": [_transaction()], "total_pages": 2}
    paypal = Paypal(said(200, listed), said(200, listed), said(200, listed | {"total_pages": 1}))
    assert len(await _records(paypal, timedelta(days=40))) == 2  # of the second part nothing is as old as it says
    spans = [(one.url.params["start_date"], one.url.params["page"]) for one in paypal.asked]
    assert spans == [
        ("2026-01-01T00:00:00.000Z", "1"),
        ("2026-01-01T00:00:00.000Z", "2"),
        ("2026-02-01T00:00:00.000Z", "1"),
    ]


async def test_span_with_too_many_transactions_is_halved() -> None:
    empty = {"transaction_details": [], "total_pages": 0}
    paypal = Paypal(said(400, refusal("RESULTSET_TOO_LARGE")), said(200, empty))
    assert await _records(paypal) == []
    ends = [one.url.params["end_date"] for one in paypal.asked]
    assert ends == ["2026-01-02T00:00:00.000Z", "2026-01-01T12:00:00.000Z", "2026-01-02T00:00:00.000Z"]


@pytest.mark.parametrize(
    ("code", "kind", "more"),
    [
        ("T0006", "", {}),
        ("T1300", "", {}),
        ("T0006", "captures", {"paypal_reference_id_type": "TXN"}),
        ("T1300", "authorizations", {"paypal_reference_id_type": "TXN"}),
    ],
)
async def test_payment_of_which_only_the_id_is_known_is_found_by_its_money(
    code: str, kind: str, more: dict[str, Any]
) -> None:
    label = f"{PAYMENT.payment_id}.{PAYMENT.order_id}"
    others = [_transaction("T1107", value="-3.00", custom_field=label), _transaction("T0006", custom_field="another")]
    listed = said(200, {"transaction_details": [*others, _transaction(code, **more)], "total_pages": 1})
    named = said(200, paid("COMPLETED", supplementary_data={"related_ids": {"order_id": "ORDER1"}}))
    paypal = Paypal(listed, *([named] if kind else []), said(200, order(captures=[paid("COMPLETED")])))
    found = await paypal.adapter(lambda: NOW + timedelta(days=1)).recall(replace(PAYMENT, provider_reference=""))
    assert found
    assert (found.reference, found.status) == ("ORDER1", S.SUCCESS)
    assert [request.url.path for request in paypal.asked[1:-1]] == ([f"/v2/payments/{kind}/PAID1"] if kind else [])


@pytest.mark.parametrize("capture", [said(404, refusal("RESOURCE_NOT_FOUND")), said(200, paid("COMPLETED"))])
async def test_money_whose_order_cannot_be_named_is_no_silence(capture: httpx.Response) -> None:
    """Records are the account's, captures those of an app: the payment was nowhere, and charged twice."""
    nameless = _transaction(paypal_reference_id_type="TXN")
    denied = _transaction(status="D", paypal_reference_id_type="TXN")
    at = PAYMENT.create_time + timedelta(days=1)
    paypal = Paypal(said(200, {"transaction_details": [nameless], "total_pages": 1}), capture)
    with pytest.raises(UnreadableAnswerError, match="PAID1"):
        await paypal.adapter(lambda: at).recall(PAYMENT)
    # another line may name it, and what was denied is no money
    listed = said(200, {"transaction_details": [nameless, _transaction()], "total_pages": 1})
    paypal = Paypal(listed, capture, said(200, order(captures=[paid("COMPLETED")])))
    assert await paypal.adapter(lambda: at).recall(PAYMENT)
    paypal = Paypal(said(200, {"transaction_details": [denied], "total_pages": 1}), capture)
    assert await paypal.adapter(lambda: at).recall(PAYMENT) is None


async def test_payment_without_money_in_the_records_is_not_found() -> None:
    paypal = Paypal(said(200, {"transaction_details": [_transaction(custom_field="another")], "total_pages": 1}))
    assert await paypal.adapter().recall(PAYMENT) is None
    span = paypal.asked[-1].url.params
    assert span["start_date"] < span["end_date"]
