"""Every request at the edge is in the audit once, with what it was and how it ended, and without its secrets."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import httpx
import psycopg
from fusionx.identity.v1 import identity_pb2
from fusionx.order.v1 import order_service_pb2
from fusionx.order.v1.order_service_pb2_grpc import OrderServiceStub

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.paths import ROOT
from tests.support.providers.stripe_events import Stripe
from tests.support.stack.audit import command, rows_of_request
from tests.support.stack.mesh import operator_environment
from tests.support.waiting import PATIENCE

ORDER = {"amount": {"value": "12.00", "currency": "EUR"}}


def row_of(gateway: Ready, answer: httpx.Response) -> dict[str, Any]:
    (row,) = rows_of_request(gateway, answer.headers["x-request-id"])
    return row


def test_accepted_request_is_told_of_in_full(gateway: Ready, merchant: Merchant) -> None:
    key = str(uuid.uuid4())
    headers = {"idempotency-key": key, "user-agent": "shop/1.0"}
    row = row_of(gateway, merchant.http.post("/v1/orders", json=ORDER, headers=headers))
    assert row["merchant_id"] == merchant.merchant_id
    assert (row["method"], row["path"], row["source"]) == ("POST", "/v1/orders", "POST /v1/orders")
    assert row["rpc"] == "/fusionx.order.v1.OrderService/CreateOrder"
    assert (row["http_status"], row["grpc_status"], row["detail"]) == (200, 0, "via_upstream")
    assert (row["idempotency_key"], row["user_agent"], row["client"]) == (key, "shop/1.0", "127.0.0.1")
    assert (row["key_id"], row["mode"]) == (merchant.api_key_id, "test")
    assert row["duration_us"] > 0


def test_state_change_carries_the_trace_of_its_request(gateway: Ready, merchant: Merchant) -> None:
    answer = merchant.http.post("/v1/orders", json=ORDER)
    row = row_of(gateway, answer)
    timeline = merchant.get(f"/v1/orders/{answer.json()['order_id']}/timeline")
    assert row["trace_id"] == row["request_id"].replace("-", "")
    assert row["trace_id"] in json.dumps(timeline)


def test_failures_are_told_of_with_both_statuses(gateway: Ready, merchant: Merchant) -> None:
    row = row_of(gateway, merchant.http.get(f"/v1/orders/{uuid.uuid4()}"))
    assert (row["http_status"], row["grpc_status"], row["merchant_id"]) == (404, 5, merchant.merchant_id)
    row = row_of(gateway, merchant.http.post("/v1/orders", json={}))
    assert (row["http_status"], row["grpc_status"]) == (400, 3)
    row = row_of(gateway, httpx.get(f"{gateway.edge_url}/v1/orders"))
    assert (row["http_status"], row["flags"], row["merchant_id"], row["rpc"]) == (401, "UAEX", "", "")
    row = row_of(gateway, httpx.get(f"{gateway.edge_url}/nothing/here?secret=1"))
    assert (row["http_status"], row["source"], row["path"]) == (404, "no-route", "/nothing/here")


def test_who_is_refused_at_the_edge_is_named(
    gateway: Ready, merchant: Merchant, new_merchant: Callable[..., Merchant]
) -> None:
    """Whoever tries a stolen key out meets these refusals first."""
    elsewhere = new_merchant(merchant.merchant_id, allowed_ips=["192.0.2.0/24"])
    unsigned = new_merchant(merchant.merchant_id, signature=identity_pb2.ApiKey.REQUIRED)
    for who, answer, status in (
        (elsewhere, elsewhere.http.get("/v1/orders"), 403),
        (unsigned, unsigned.http.get("/v1/orders"), 401),
        (merchant, merchant.http.post("/v1/orders", json=ORDER | {"no": 1}), 400),
    ):
        row = row_of(gateway, answer)
        assert (row["http_status"], row["flags"], row["rpc"]) == (status, "UAEX", "")
        assert (row["merchant_id"], row["key_id"], row["mode"]) == (merchant.merchant_id, who.api_key_id, "test")


def test_webhook_and_native_grpc_are_told_of(gateway: Ready, merchant: Merchant, stripe: Stripe) -> None:
    row = row_of(gateway, httpx.post(f"{gateway.edge_url}/v1/webhooks/stripe", json={}))
    assert (row["http_status"], row["source"]) == (401, "POST /v1/webhooks/{provider}")
    with grpc.insecure_channel(gateway.edge_grpc) as channel:
        call = OrderServiceStub(channel).ListOrders.with_call(
            order_service_pb2.ListOrdersRequest(), metadata=merchant.metadata, timeout=PATIENCE
        )[1]
    request_id = str(dict(call.initial_metadata())["x-request-id"])
    (row,) = rows_of_request(gateway, request_id)
    assert (row["path"], row["rpc"]) == ("/fusionx.order.v1.OrderService/ListOrders",) * 2
    assert (row["merchant_id"], row["grpc_status"]) == (merchant.merchant_id, 0)


def test_no_secret_that_was_sent_is_in_the_audit(gateway: Ready, merchant: Merchant) -> None:
    card, password = "4242424242424242", f"pw{uuid.uuid4().hex}"
    attempts = [
        merchant.http.post("/v1/orders", json=ORDER | {"description": password}),
        merchant.http.get("/v1/orders", params={"page_token": password}),
        merchant.http.get(f"/v1/orders/{merchant.secret}"),
        merchant.http.get(f"/v1/orders/{card}"),
        merchant.http.post("/v1/orders", json=ORDER, headers={"idempotency-key": merchant.secret}),
        merchant.http.get("/v1/orders", headers={"user-agent": f"Bearer {merchant.secret}"}),
        httpx.get(f"{gateway.edge_url}/v1/orders", headers={"authorization": f"Basic {password}"}),
        httpx.post(
            f"{gateway.edge_url}/v1/webhooks/stripe", content=password, headers={"stripe-signature": f"v1={password}"}
        ),
    ]
    rows = [row_of(gateway, answer) for answer in attempts]
    with psycopg.connect(gateway.database_urls["audit"]) as connection:
        query = "SELECT count(*) FROM entries WHERE entries::text LIKE ANY(%s)"
        patterns = [f"%{secret}%" for secret in (merchant.secret, password, card)]
        assert connection.execute(query, [patterns]).fetchone() == (0,), rows


def test_table_takes_no_change(gateway: Ready, merchant: Merchant) -> None:
    row_of(gateway, merchant.http.get("/v1/orders"))
    for change in ("UPDATE entries SET path = ''", "DELETE FROM entries", "TRUNCATE entries"):
        with psycopg.connect(gateway.database_urls["audit"]) as connection:
            try:
                connection.execute(change.encode())
            except psycopg.errors.InsufficientPrivilege:
                continue
            raise AssertionError(change)


def test_verify_says_that_all_is_right_and_where_the_chain_ends(gateway: Ready, merchant: Merchant) -> None:
    row = row_of(gateway, merchant.http.post("/v1/orders", json=ORDER))
    run = command(gateway, "verify")
    assert run.exit_code == 0, run.stderr
    head = run.stdout.split()[-1]
    assert int(head.partition(":")[0]) >= row["seq"]
    assert command(gateway, "verify", "--head", head).exit_code == 0
    wrong = head[:-8] + ("00000000" if head[-8:] != "00000000" else "11111111")
    assert command(gateway, "verify", "--head", wrong).exit_code == 1
    time_of_row = f"{row['time']:%Y-%m-%dT%H:%M:%S}"
    assert command(gateway, "verify", "--from", time_of_row).exit_code == 0
    assert command(gateway, "verify", "--to", time_of_row).exit_code == 0


def test_tail_and_export_show_a_merchants_requests(gateway: Ready, merchant: Merchant) -> None:
    rows = [row_of(gateway, merchant.http.post("/v1/orders", json=ORDER)) for _ in range(3)]
    ids = [row["request_id"] for row in rows]
    tail = command(gateway, "tail", "--merchant", merchant.merchant_id, "-n", "2")
    assert [line.split()[-1] for line in tail.stdout.splitlines()] == ids[1:]
    jsonl = command(gateway, "export", "--merchant", merchant.merchant_id)
    assert [json.loads(line)["request_id"] for line in jsonl.stdout.splitlines()] == ids
    table = command(gateway, "export", "--format", "csv", "--merchant", merchant.merchant_id)
    read = list(csv.DictReader(io.StringIO(table.stdout)))
    assert [entry["request_id"] for entry in read] == ids
    assert [entry["hash"] for entry in read] == [bytes(row["hash"]).hex() for row in rows]


def test_tail_follows_what_comes_in(gateway: Ready, merchant: Merchant) -> None:
    row_of(gateway, merchant.http.get("/v1/orders"))
    argv = [sys.executable, "-m", "cli", "audit", "tail", "-n", "1", "--follow", "--merchant", merchant.merchant_id]
    argv += ["--target", gateway.services["audit_svc"]]
    env = os.environ | operator_environment(gateway)
    with subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout
        following.stdout.readline()  # it has looked once, and goes on from there
        second = merchant.http.post("/v1/orders", json=ORDER)
        line = following.stdout.readline()
        following.terminate()
    assert line.split()[-1] == second.headers["x-request-id"]
