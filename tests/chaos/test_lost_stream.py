"""NATS loses the stream: what was in it is brought again from the outboxes, and has its effect once."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
import pytest
from nats.js.errors import NotFoundError

from mesh.events.bus import EVENTS_STREAM
from mesh.events.participants import CONSUMERS
from stack.stack import Ready, Stack
from tests.support.merchant.api import Merchant
from tests.support.merchant.outcome import assert_paid
from tests.support.merchant.receiver import Receiver
from tests.support.providers.sandbox import Provider
from tests.support.slow import short_of
from tests.support.stack.bus import connected
from tests.support.stack.command import run_command
from tests.support.stack.metrics import metric
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("chaos")


def wipe(stack: Stack) -> None:
    """Take the server's disk away."""
    stack.stop("nats")
    shutil.rmtree(Path(stack.ready.log_dir).parent / "nats" / "jetstream")
    stack.start("nats")


def delete(stack: Stack) -> None:
    """Delete the stream of a server that goes on."""
    asyncio.run(_on_stream(stack, delete=True))


def purge(stack: Stack) -> None:
    """Take all messages out of a stream that may remember their ids."""
    asyncio.run(_on_stream(stack, delete=False))


async def _on_stream(stack: Stack, *, delete: bool) -> None:
    async with connected(stack.ready) as client:
        stream = client.jetstream()
        await (stream.delete_stream(EVENTS_STREAM) if delete else stream.purge_stream(EVENTS_STREAM))


async def _unconsumed(ready: Ready) -> int:
    async with connected(ready) as client:
        found = [await client.jetstream().consumer_info(EVENTS_STREAM, name) for name in CONSUMERS.values()]
    return sum((one.num_pending or 0) + (one.num_ack_pending or 0) for one in found)


def unpublished(gateway: Ready) -> int:
    """Count what is not in the stream yet."""
    count = 0
    for database in ("orders", "payments"):
        with psycopg.connect(gateway.database_urls[database]) as connection:
            row = connection.execute("SELECT count(*) FROM outbox WHERE publish_time IS NULL").fetchone()
        count += row[0] if row else 0
    return count


def quiet(stack: Stack) -> bool:
    """Whether everything is published, delivered and acknowledged."""
    if unpublished(stack.ready):
        return False
    try:
        return not asyncio.run(_unconsumed(stack.ready))
    except NotFoundError:
        return False  # the stream, or one of its consumers, is made again only now


@pytest.mark.parametrize("lose", short_of([wipe, delete, purge], wipe))
def test_lost_stream_is_filled_again_and_each_event_has_its_effect_once(
    lose: Callable[[Stack], None],
    stack: Stack,
    merchant: Merchant,
    provider: Provider,
    receiver: Receiver,
    gateway: Ready,
) -> None:
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    order_id = merchant.new_order()["order_id"]
    payment = merchant.open_page(order_id)
    receiver.wait_for("order.processing")
    for service in CONSUMERS:
        stack.stop(service)
    provider.pay(payment["redirect_url"])
    merchant.wait_for_payment(payment["payment_id"], "SUCCESS")
    eventually(lambda: not unpublished(gateway), "everything in the stream")
    lose(stack)
    for service in CONSUMERS:
        stack.start(service)
    eventually(lambda: quiet(stack), "consumers of an empty stream")
    assert merchant.order(order_id)["status"] == "PROCESSING"
    for _ in range(2):
        rebuilt = run_command(gateway, "events", "rebuild", "--since", since, "--json")
        assert rebuilt.exit_code == 0, rebuilt.output
        assert all(int(answer["events"]) > 0 for answer in json.loads(rebuilt.stdout).values())
        assert assert_paid(merchant, provider, receiver, order_id)["version"] == 3
        eventually(lambda: quiet(stack), "all of it consumed")
    assert set(Counter(event["id"] for event in receiver.events()).values()) == {1}


def is_zero(stack: Stack, service: str, name: str, consumer: str) -> bool:
    return metric(stack, service, name, consumer=consumer) == 0.0


def test_stream_that_was_deleted_is_made_again_by_those_who_need_it(
    stack: Stack, merchant: Merchant, provider: Provider, receiver: Receiver
) -> None:
    delete(stack)
    order_id = merchant.new_order()["order_id"]
    merchant.charge(order_id)
    assert_paid(merchant, provider, receiver, order_id)
    for name in ("fusionxpay_consumer_waiting", "fusionxpay_consumer_unacknowledged"):
        for service, consumer in CONSUMERS.items():
            eventually(partial(is_zero, stack, service, name, consumer), name)


def test_rebuild_of_one_service_says_what_it_does(gateway: Ready, stack: Stack) -> None:
    result = run_command(gateway, "events", "rebuild", "--service", "payment_svc", "--since", "2020-01-01")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("payment_svc: ")
    # no further back than the inboxes remember
    assert "2020" not in result.output
    refused = run_command(gateway, "events", "rebuild", "--service", "notify_svc")
    assert refused.exit_code == 2
    assert "order_svc, payment_svc" in refused.output
