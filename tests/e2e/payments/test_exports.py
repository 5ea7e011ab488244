"""Exports: one file of all that a list has, oldest first, by its filters, whole or visibly not, and nobody else's."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Callable
from contextlib import closing

import httpx
import psycopg
import pytest

from fusionxpay_client import FusionXPay, FusionXPayError
from mesh.rpc.exports import PAGE_SIZE
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.errors import problem
from tests.support.stack.storage import copies_of
from tests.support.waiting import eventually


def rows(merchant: Merchant, kind: str, **params: str) -> list[dict[str, str]]:
    answer = merchant.http.get(f"/v1/{kind}:export", params=params)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8"), answer.text
    assert answer.headers["content-disposition"] == f'attachment; filename="{kind}.csv"'
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_payments_refunds_and_disputes_are_rows(merchant: Merchant) -> None:
    order = merchant.new_order(merchant_order_id="=1+1")
    payment = merchant.charge(order["order_id"], payment_method="pm_card_createDispute")
    merchant.wait_for_order(order["order_id"], "SUCCESS")
    refund = merchant.post(f"/v1/payments/{payment['payment_id']}/refunds", {"reason": 'too late, "sorry"'})
    (row,) = rows(merchant, "payments", statuses="SUCCESS", provider="stripe")
    assert (row["payment_id"], row["order_id"]) == (payment["payment_id"], order["order_id"])
    assert (row["amount"], row["currency"], row["captured_amount"], row["status"]) == (
        "12.00",
        "EUR",
        "12.00",
        "SUCCESS",
    )
    assert row["create_time_utc"] == payment["create_time"][:19].replace("T", " ")
    assert row["capture_time_utc"] >= row["create_time_utc"]
    assert rows(merchant, "payments", statuses="FAILED") == []
    assert rows(merchant, "payments", status="FAILED") == []
    assert len(rows(merchant, "payments", status="SUCCESS")) == 1
    assert rows(merchant, "orders", status="NEW") == rows(merchant, "disputes", status="LOST") == []
    (row,) = rows(merchant, "refunds", payment_id=payment["payment_id"])
    assert (row["refund_id"], row["reason"]) == (refund["refund_id"], 'too late, "sorry"')
    assert row["of_surplus"] == "false"
    # what a spreadsheet would run is shown to it as a text
    (row,) = rows(merchant, "orders", merchant_order_id="=1+1")
    assert (row["order_id"], row["merchant_order_id"]) == (order["order_id"], "'=1+1")
    dispute = eventually(lambda: rows(merchant, "disputes"), "the dispute")[0]
    assert (dispute["payment_id"], dispute["amount"]) == (payment["payment_id"], "12.00")
    # the merchant's own number of the order is in each of them
    assert payment["merchant_order_id"] == refund["merchant_order_id"] == "=1+1"
    for kind in ("payments", "refunds", "disputes"):
        assert {row["merchant_order_id"] for row in rows(merchant, kind)} == {"'=1+1"}, kind


def test_jsonl_has_what_the_list_has(merchant: Merchant) -> None:
    for _ in range(2):
        merchant.new_order()
    answer = merchant.http.get("/v1/orders:export", params={"format": "jsonl"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    listed = merchant.get("/v1/orders", order_by="create_time asc")["orders"]
    assert [json.loads(line) for line in answer.text.splitlines()] == listed


def test_what_is_asked_wrongly_is_refused_before_a_file_begins(merchant: Merchant) -> None:
    def refused(kind: str, **params: str) -> tuple[int, str, set[str]]:
        return problem(merchant.http.get(f"/v1/{kind}:export", params=params))

    assert refused("orders", format="xls") == (400, "INVALID_ARGUMENT", {"format"})
    assert refused("orders", page_size="1")[0] == 400
    assert refused("orders", min_amount="5.00") == (400, "INVALID_ARGUMENT", {"currency"})
    assert refused("refunds", payment_id=str(uuid.uuid4())) == (404, "PAYMENT_NOT_FOUND", set())


def test_another_merchants_are_not_in_it(merchant: Merchant, new_merchant: Callable[[], Merchant]) -> None:
    order = merchant.new_order()
    assert [row["order_id"] for row in rows(merchant, "orders")] == [order["order_id"]]
    assert rows(new_merchant(), "orders") == []


def test_more_than_a_page_is_one_file_and_what_breaks_in_between_is_no_shorter_one(
    gateway: Ready, merchant: Merchant
) -> None:
    first = merchant.new_order()["order_id"]
    with psycopg.connect(gateway.database_urls["orders"]) as database:
        last = copies_of(database, first, PAGE_SIZE + 1)
    found = [row["order_id"] for row in rows(merchant, "orders")]
    assert (len(found), found[0], found[-1]) == (PAGE_SIZE + 2, first, last)
    assert found == sorted(found)
    with psycopg.connect(gateway.database_urls["orders"]) as database:
        # on the second page there is what the service cannot read now
        copies_of(database, first, 1, currency="'XQQ'")
    with pytest.raises(httpx.RemoteProtocolError):
        merchant.http.get("/v1/orders:export")
    # before anything was sent, there is a status
    unreadable = merchant.http.get("/v1/orders:export", params={"currency": "XQQ"})
    assert problem(unreadable)[:2] == (500, "INTERNAL")
    with closing(FusionXPay(merchant.secret, gateway.edge_url)) as client:
        pieces = client.orders.export(format="jsonl")
        assert len(next(pieces).splitlines()) == PAGE_SIZE
        with pytest.raises(FusionXPayError, match="on our side"):
            next(pieces)
