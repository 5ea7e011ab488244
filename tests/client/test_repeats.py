"""Which answers are asked for again: one table, and both clients keep to it."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import grpc
import pytest
from fusionx.order.v1.order_pb2 import Order as OrderMessage
from fusionx.payment.v1.dispute_pb2 import Dispute
from google.rpc import error_details_pb2, status_pb2

from fusionxpay_client import FusionXPay, FusionXPayError, RateLimitError, WaitTimeoutError
from fusionxpay_client.errors import DETAILS, error_of
from fusionxpay_client.models import Order
from fusionxpay_client.retries import Attempts
from fusionxpay_client.waiting import _is_reached
from fusionxpay_client.webhooks import event_of
from tests.client.test_node import run

Code = grpc.StatusCode


class Refusal(NamedTuple):
    """An answer as it is over HTTP and over gRPC, and whether the call is made again."""

    status: int
    code: Code
    reason: str
    retry_after: str
    repeats: bool


# an HTTP status that the gateway did not make is UNAVAILABLE to gRPC (grpc/doc/http-grpc-status-mapping.md)
TABLE = [
    Refusal(400, Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", "", repeats=False),
    Refusal(400, Code.FAILED_PRECONDITION, "ORDER_NOT_PAYABLE", "", repeats=False),
    Refusal(401, Code.UNAUTHENTICATED, "API_KEY_INVALID", "", repeats=False),
    Refusal(404, Code.NOT_FOUND, "ORDER_NOT_FOUND", "", repeats=False),
    Refusal(409, Code.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED", "", repeats=False),
    Refusal(409, Code.ABORTED, "IDEMPOTENCY_KEY_IN_USE", "", repeats=True),
    Refusal(429, Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", "0", repeats=True),
    Refusal(429, Code.RESOURCE_EXHAUSTED, "TOO_MANY_CONFIRMATIONS", "", repeats=False),
    Refusal(429, Code.UNAVAILABLE, "", "", repeats=True),
    Refusal(500, Code.INTERNAL, "INTERNAL", "", repeats=False),
    Refusal(502, Code.UNAVAILABLE, "", "", repeats=True),
    Refusal(503, Code.UNAVAILABLE, "OVERLOADED", "", repeats=True),
    Refusal(503, Code.UNAVAILABLE, "", "", repeats=True),
    Refusal(504, Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "", repeats=True),
]
CALLS = """
import { FusionXPay } from "fusionxpay";
const said = [];
for (const [status, body, after] of JSON.parse(process.env.TABLE)) {
  let calls = 0;
  const headers = after ? { "retry-after": after } : {};
  const fetch = async () => { calls += 1; return new Response(JSON.stringify(body), { status, headers }); };
  const client = new FusionXPay("sk_test_x", "http://127.0.0.1:9", { fetch, retries: 1, timeout: 1000 });
  await client.orders.create({ amount: { value: "1.00", currency: "EUR" } }).catch(() => {});
  said.push(calls > 1);
}
console.log(JSON.stringify(said));
"""


def test_both_clients_repeat_the_same(tmp_path: Path) -> None:
    expected = [one.repeats for one in TABLE]
    assert [_as_python_sees(one).passes for one in TABLE] == expected
    cases = [[one.status, _body(one.reason), one.retry_after] for one in TABLE]
    assert json.loads(run(tmp_path, CALLS, TABLE=json.dumps(cases))) == expected


def _as_python_sees(refusal: Refusal) -> FusionXPayError:
    status = status_pb2.Status(code=refusal.code.value[0])
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=refusal.reason))
    told: list[tuple[str, Any]] = [(DETAILS, status.SerializeToString())] if refusal.reason else []
    told += [("retry-after", refusal.retry_after)] if refusal.retry_after else []
    return error_of(_failure(refusal.code, "", told))


def _failure(code: Code, details: str, told: list[tuple[str, Any]]) -> Any:
    return SimpleNamespace(
        code=lambda: code, details=lambda: details, initial_metadata=lambda: (), trailing_metadata=lambda: told
    )


def _body(reason: str) -> dict[str, Any]:
    return {"details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]} if reason else {}


def test_answer_that_is_too_large_is_no_limit_to_wait_for() -> None:
    words = "CLIENT: Received message larger than max (5000000 vs. 4194304)"
    error = error_of(_failure(Code.RESOURCE_EXHAUSTED, words, []))
    assert (type(error), error.reason, error.passes) == (FusionXPayError, "ANSWER_TOO_LARGE", False)


def test_stream_that_was_open_waits_for_its_place() -> None:
    full = RateLimitError(Code.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", "")
    with pytest.raises(RateLimitError):
        Attempts(None, 8).pause_after(full)
    assert Attempts.of_what_was_open().pause_after(full) > 0


@pytest.mark.parametrize("key", ["", "№5", "x" * 256, "a\n"])
def test_key_that_is_no_key_is_refused_before_anything_is_sent(key: str) -> None:
    with FusionXPay("sk_test_x", "http://127.0.0.1:9") as client, pytest.raises(ValueError, match="idempotency_key"):
        client.orders.create(amount=("1.00", "EUR"), idempotency_key=key)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda client: client.refunds.create("p", amount=None), "amount"),
        (lambda client: client.payments.capture("p", amount=None), "amount"),
        (lambda client: client.refunds.list(None), "payment_id"),
        (lambda client: client.refunds.list(""), "payment_id"),
        (lambda client: client.webhook_endpoints.list_deliveries(None), "webhook_endpoint_id"),
        (lambda client: client.orders.list(merchant_order_id=None), "merchant_order_id"),
        (lambda client: client.routing_policy.update(rules=None), "rules"),
        (lambda client: client.payment_links.update("l", expire_time=None), "expire_time"),
        (lambda client: client.events.resend("e", webhook_endpoint_id=None), "webhook_endpoint_id"),
    ],
)
def test_none_is_not_taken_for_all(call: Any, field: str) -> None:
    with FusionXPay("sk_test_x", "http://127.0.0.1:9") as client, pytest.raises(TypeError, match=f"^{field} is "):
        call(client)


def test_what_is_taken_away_is_named_in_a_list() -> None:
    with FusionXPay("sk_test_x", "http://127.0.0.1:9") as client:
        with pytest.raises(TypeError, match=r"^expire_time is None: leave it out, and name it in update_mask"):
            client.payment_links.update("l", expire_time=None)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r'such as \["expire_time"\], not a text'):
            client.payment_links.update("l", update_mask="expire_time")


def test_wait_ends_in_time_and_says_what_kept_the_answer_away(tmp_path: Path) -> None:
    with FusionXPay("sk_test_x", "http://127.0.0.1:9") as client, pytest.raises(WaitTimeoutError) as late:
        client.orders.wait("x", timeout=1)
    assert isinstance(late.value.__cause__, FusionXPayError)
    assert (late.value.found, late.value.status) == (None, "")


def test_errors_of_waits_travel_between_processes() -> None:
    error = WaitTimeoutError("it is late", Order(OrderMessage(status=OrderMessage.NEW)))
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.status, again.found, again.status.number) == ("it is late", "NEW", error.found, 1)


def test_wait_ends_at_ends_that_are_known() -> None:
    assert not _is_reached(Order(OrderMessage(status=99)), ())  # type: ignore[arg-type]  # newer than this package
    assert not _is_reached(Order(OrderMessage()), ())
    numbers: Any = {OrderMessage.SUCCESS}
    assert _is_reached(Order(OrderMessage(status=OrderMessage.SUCCESS)), numbers)
    for status, ends in ((Dispute.NEEDS_RESPONSE, False), (Dispute.UNDER_REVIEW, False), (Dispute.WON, True)):
        assert _is_reached(Order(Dispute(status=status)), ()) is ends


def test_word_that_is_newer_than_the_package_is_kept() -> None:
    order = {"order_id": "o", "status": "ON_HOLD", "version": 2, "metadata": {"status": "x"}}
    told = {"id": "1", "type": "order.on_hold", "timestamp": "2026-11-23T11:28:47Z", "data": {"order": order}}
    event = event_of(told)
    assert event.data.order is not None
    assert event.data.order.status == "ON_HOLD"
    assert event.data.order.metadata == {"status": "x"}
