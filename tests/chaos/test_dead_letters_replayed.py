"""A poison event: others flow past it, and once its cause is gone an operator has it applied, exactly once."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from fusionx.mesh.v1 import dead_letter_pb2
from fusionx.mesh.v1 import dead_letter_service_pb2 as service_pb2
from fusionx.mesh.v1.dead_letter_service_pb2_grpc import DeadLetterServiceStub
from typer.testing import Result

from stack.stack import Ready, Stack
from tests.support.merchant.api import Merchant
from tests.support.merchant.outcome import assert_paid
from tests.support.merchant.receiver import Receiver
from tests.support.poison import poisoned, publish_as_owner
from tests.support.providers.sandbox import Provider
from tests.support.stack.command import run_command
from tests.support.stack.mesh import dial_service
from tests.support.stack.metrics import metric
from tests.support.waiting import PATIENCE, eventually

pytestmark = pytest.mark.xdist_group("chaos")
Invoke = Callable[..., Result]
CONSUMER = "order_svc_payments"
CARD = b"4242424242424242"
GARBAGE = b"\xff no event, and a card " + CARD


@pytest.fixture
def invoke(gateway: Ready) -> Invoke:
    """Run a command as the operator of the stack."""
    return partial(run_command, gateway)


def listed(invoke: Invoke, *arguments: str) -> list[dict[str, Any]]:
    result = invoke("dlq", "list", "--json", *arguments)
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_poison_event_is_replayed_once_when_its_cause_is_gone(
    stack: Stack, merchant: Merchant, provider: Provider, receiver: Receiver, gateway: Ready, invoke: Invoke
) -> None:
    poison, healthy = merchant.new_order()["order_id"], merchant.new_order()["order_id"]
    with poisoned(gateway, poison):
        payment = merchant.charge(poison)
        (letter,) = eventually(
            lambda: [one for one in listed(invoke) if one["event"]["aggregate_id"] == payment["payment_id"]],
            "the dead letter",
        )
        assert (letter["consumer"], letter["deliveries"], letter["service"]) == (CONSUMER, 5, "order_svc")
        merchant.charge(healthy)
        merchant.wait_for_order(healthy, "SUCCESS")
        receiver.wait_for_state(healthy, lambda order: order["status"] == "SUCCESS")
        refused = invoke("dlq", "replay", letter["dead_letter_id"], "--json")
        assert refused.exit_code == 1
        (after,) = json.loads(refused.stdout)
        assert (after["state"], after["failed_replays"]) == ("OPEN", 1)
        assert "poisoned" in after["reason"]
    assert merchant.order(poison)["status"] == "PROCESSING"
    answers = _replay_at_once(gateway, letter["dead_letter_id"])
    assert {answer.state for answer in answers} == {dead_letter_pb2.DeadLetter.REPLAYED}
    again = invoke("dlq", "replay", letter["dead_letter_id"], "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)[0]["closed_by"] == "operator"
    receiver.wait_for("order.succeeded", count=2)
    receiver.wait_for("payment.succeeded", count=2)
    assert assert_paid(merchant, provider, receiver, poison)["version"] == 3


def _replay_at_once(gateway: Ready, letter_id: str) -> list[dead_letter_pb2.DeadLetter]:
    request = service_pb2.ReplayDeadLetterRequest(dead_letter_id=letter_id)
    with dial_service(gateway, "order_svc") as channel, ThreadPoolExecutor(8) as operators:
        stub = DeadLetterServiceStub(channel)
        return list(operators.map(lambda _: stub.ReplayDeadLetter(request, timeout=PATIENCE), range(8)))


@pytest.mark.slow
def test_all_open_letters_of_a_consumer_are_replayed_together(
    stack: Stack, merchant: Merchant, provider: Provider, receiver: Receiver, gateway: Ready, invoke: Invoke
) -> None:
    orders = [merchant.new_order()["order_id"] for _ in range(2)]
    with poisoned(gateway, orders[0]), poisoned(gateway, orders[1]):
        payments = {merchant.charge(order_id)["payment_id"] for order_id in orders}
        eventually(
            lambda: payments <= {one["event"]["aggregate_id"] for one in listed(invoke, "--consumer", CONSUMER)},
            "both dead letters",
        )
        eventually(lambda: (_metric(stack, "fusionxpay_dead_letters_open") or 0) >= 2, "both counted")
        assert (_metric(stack, "fusionxpay_dead_letters_oldest_seconds") or 0) > 0
    replayed = invoke("dlq", "replay", "--all", "--consumer", CONSUMER)
    assert replayed.exit_code == 0, replayed.output
    receiver.wait_for("order.succeeded", count=2)
    receiver.wait_for("payment.succeeded", count=2)
    for order_id in orders:
        assert_paid(merchant, provider, receiver, order_id)
    assert not listed(invoke, "--consumer", CONSUMER)


def _metric(stack: Stack, name: str) -> float | None:
    return metric(stack, "order_svc", name, consumer=CONSUMER)


def test_bytes_that_are_no_event_are_buried_at_once_shown_refused_and_dropped(
    stack: Stack, gateway: Ready, invoke: Invoke
) -> None:
    before = {one["dead_letter_id"] for one in listed(invoke, "--state", "any")}
    asyncio.run(publish_as_owner(gateway, "fusionx.order.v1.succeeded", GARBAGE))
    (letter,) = eventually(
        lambda: [one for one in listed(invoke) if one["dead_letter_id"] not in before], "the dead letter"
    )
    assert (letter["service"], letter["deliveries"], letter["payload"]) == ("notify_svc", 1, "")
    assert "cannot be decoded" in letter["reason"]
    letter_id = letter["dead_letter_id"]
    shown = invoke("dlq", "show", letter_id, "--json")
    assert shown.exit_code == 0, shown.output
    assert base64.b64decode(json.loads(shown.stdout)["payload"]) == GARBAGE.replace(CARD, b"[redacted]")
    assert invoke("dlq", "replay", letter_id).exit_code == 1
    dropped = invoke("dlq", "drop", letter_id, "--json")
    assert dropped.exit_code == 0, dropped.output
    (after,) = json.loads(dropped.stdout)
    assert (after["state"], after["closed_by"]) == ("DROPPED", "operator")
    assert after["drop_time"]
    assert letter_id not in {one["dead_letter_id"] for one in listed(invoke)}
    assert letter_id in {one["dead_letter_id"] for one in listed(invoke, "--state", "dropped")}
