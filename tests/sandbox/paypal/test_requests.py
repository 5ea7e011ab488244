"""`PayPal-Request-Id`, faults of the network, and what survives the death of the process."""

import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.sandbox.harness import Receiver, Sandbox
from tests.sandbox.paypal.harness import Paypal, issue
from tests.support.waiting import eventually


def test_a_repetition_shows_the_order_as_it_is_now(paypal: Paypal) -> None:
    body, request_id = paypal.order(), f"create-{paypal.order_id}"
    order = paypal.post("/v2/checkout/orders", body, PayPal_Request_Id=request_id).json()
    paypal.approve(order)
    repeated = paypal.post("/v2/checkout/orders", body, PayPal_Request_Id=request_id)
    assert (repeated.status_code, repeated.json()["id"]) == (200, order["id"])
    assert repeated.json()["status"] == "APPROVED"


def test_a_repeated_capture_or_refund_moves_money_once(paypal: Paypal) -> None:
    order = paypal.approved()
    first = paypal.capture(order, PayPal_Request_Id=f"capture-{order['id']}")
    again = paypal.capture(order, PayPal_Request_Id=f"capture-{order['id']}")
    assert (first.status_code, again.status_code) == (201, 200)
    [capture] = again.json()["purchase_units"][0]["payments"]["captures"]
    refunds = [paypal.refund(capture, "3.00", PayPal_Request_Id=f"refund-{order['id']}") for _ in range(2)]
    assert [answer.status_code for answer in refunds] == [201, 200]
    assert len({answer.json()["id"] for answer in refunds}) == 1
    assert paypal.ledger("capture") == [(1000, "succeeded")]
    assert paypal.ledger("refund") == [(300, "succeeded")]


def test_a_repeated_void_is_no_error(paypal: Paypal) -> None:
    url = f"/v2/payments/authorizations/{paypal.authorized()['id']}/void"
    request_id = f"void-{paypal.order_id}"
    answers = [paypal.post(url, PayPal_Request_Id=request_id) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]


def test_a_request_id_belongs_to_one_request(paypal: Paypal) -> None:
    capture, request_id = paypal.captured(), f"refund-{paypal.order_id}"
    paypal.refund(capture, "3.00", PayPal_Request_Id=request_id)
    assert issue(paypal.refund(capture, "4.00", PayPal_Request_Id=request_id)) == "DUPLICATE_REQUEST_ID"
    assert issue(paypal.refund(capture, PayPal_Request_Id="x" * 109), 400) == "INVALID_STRING_LENGTH"


def test_a_failure_is_not_remembered(paypal: Paypal) -> None:
    order, request_id = paypal.create(), f"capture-{paypal.order_id}"
    assert issue(paypal.capture(order, PayPal_Request_Id=request_id)) == "ORDER_NOT_APPROVED"
    paypal.approve(order)
    assert paypal.capture(order, PayPal_Request_Id=request_id).status_code == 201


def test_a_concurrent_repetition_is_a_conflict(paypal: Paypal) -> None:
    order, request_id = paypal.approved(), f"capture-{paypal.order_id}"
    # longer than a loaded machine takes to send the second
    fault = {"kind": "latency", "seconds": 4, "count": 1, "match": {"payment_id": paypal.payment_id}}
    armed = paypal.sandbox.post("faults", provider="paypal", operation="orders.capture", **fault)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(paypal.capture, order, PayPal_Request_Id=request_id)
        eventually(lambda: hits(paypal.sandbox, armed["id"]), "the first request is under way")
        second = paypal.capture(order, PayPal_Request_Id=request_id)
    assert issue(second, 409) == "PREVIOUS_REQUEST_IN_PROGRESS"
    assert slow.result().status_code == 201
    assert paypal.capture(order, PayPal_Request_Id=request_id).status_code == 200


def test_a_timeout_after_the_capture_leaves_money_that_a_repetition_finds(paypal: Paypal) -> None:
    order, request_id = paypal.approved(), f"capture-{paypal.order_id}"
    fault = {"kind": "timeout_after", "seconds": 0.3, "count": 1, "match": {"order_id": paypal.order_id}}
    paypal.sandbox.post("faults", provider="paypal", operation="orders.capture", **fault)
    with pytest.raises(httpx.TransportError):
        paypal.capture(order, PayPal_Request_Id=request_id)
    assert paypal.ledger("capture") == [(1000, "succeeded")]
    assert paypal.capture(order, PayPal_Request_Id=request_id).json()["status"] == "COMPLETED"
    assert paypal.ledger("capture") == [(1000, "succeeded")]


@pytest.mark.parametrize(
    ("kind", "status", "name"),
    [
        ("error_500", 500, "INTERNAL_SERVER_ERROR"),
        ("error_429", 429, "RATE_LIMIT_REACHED"),
        ("error_401", 401, None),
    ],
)
def test_a_fault_strikes_before_the_work(paypal: Paypal, kind: str, status: int, name: str | None) -> None:
    fault = {"kind": kind, "count": 1, "match": {"payment_id": paypal.payment_id}}
    paypal.sandbox.post("faults", provider="paypal", operation="captures.refund", **fault)
    capture = paypal.captured()
    refused = paypal.refund(capture)
    assert (refused.status_code, refused.json().get("name")) == (status, name)
    assert paypal.ledger("refund") == []
    assert paypal.refund(capture).status_code == 201


def test_nothing_is_lost_when_the_process_is_killed(own_sandbox: Sandbox, receiver: Receiver, order_id: str) -> None:
    token = Paypal.log_in(own_sandbox)
    with Paypal.session(own_sandbox, token) as http:
        paypal = Paypal(own_sandbox, http, order_id)
        own_sandbox.post("faults", kind="settle_delay", operation="settle.capture", seconds=1)
        order, request_id = paypal.approved("paypal_pending"), f"capture-{order_id}"
        paypal.capture(order, PayPal_Request_Id=request_id)
        authority = (own_sandbox.folder / "paypal-ca.pem").read_bytes()
        own_sandbox.stop(signal.SIGKILL)
    own_sandbox.start()
    with Paypal.session(own_sandbox, token) as http:
        paypal = Paypal(own_sandbox, http, order_id)
        assert paypal.capture(order, PayPal_Request_Id=request_id).status_code == 200
        receiver.wait(order["id"], "PAYMENT.CAPTURE.COMPLETED")
        assert paypal.ledger("capture") == [(1000, "succeeded")]
    assert (own_sandbox.folder / "paypal-ca.pem").read_bytes() == authority


def test_a_token_expires(own_sandbox: Sandbox) -> None:
    own_sandbox.stop()
    own_sandbox.settings["SANDBOX_PAYPAL_TOKEN_SECONDS"] = "0"
    own_sandbox.start()
    with Paypal.session(own_sandbox, Paypal.log_in(own_sandbox)) as http:
        refused = http.get("/v2/checkout/orders/ANY")
    assert refused.json() == {"error": "invalid_token", "error_description": "Access token has expired"}


def hits(sandbox: Sandbox, fault_id: str) -> int:
    return next(int(one["hits"]) for one in sandbox.get("faults")["faults"] if one["id"] == fault_id)
