"""Somebody who reaches NATS, or has taken over a service of ours, publishes that an order was paid."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import nats
import psutil
import psycopg
import pytest
from fusionx.payment.v1 import payment_events_pb2
from nats.aio.client import Client
from nats.errors import Error as NatsError

from mesh.events import envelope
from mesh.events.bus import EVENTS_STREAM
from mesh.events.envelope import OutboxEvent
from mesh.events.signature import CERTIFICATE, Signer
from stack.stack import Ready
from tests.support.merchant.api import Json, Merchant
from tests.support.stack.bus import bus_tls, connected, files_of
from tests.support.stack.command import run_command
from tests.support.waiting import come_true, eventually

SUBJECT = "fusionx.payment.v1.succeeded"
STRANGERS = ("edge", "audit_svc", "envoy")
Proof = Callable[[Ready, OutboxEvent], Mapping[str, str]]


@pytest.fixture
def waiting(merchant: Merchant) -> Json:
    """A payment that its customer has not paid."""
    return merchant.open_page(merchant.new_order()["order_id"])


def forged(payment: Json) -> OutboxEvent:
    """Return the fact that the payment was captured, as the payment service would write it."""
    fact = payment_events_pb2.PaymentSucceeded()
    fact.payment.payment_id, fact.payment.order_id = payment["payment_id"], payment["order_id"]
    fact.payment.amount.value, fact.payment.amount.currency = "12.00", "EUR"
    return envelope.event(
        fact,
        aggregate_id=UUID(payment["payment_id"]),
        version=3,
        merchant_id=uuid.uuid4(),
        time=datetime.now(UTC),
    )


async def refused(gateway: Ready, name: str, do: Callable[[Client], Awaitable[object]], what: str) -> None:
    """Hold that NATS refuses what a process does."""
    said: list[str] = []

    async def heard(error: Exception) -> None:
        said.append(str(error).lower())

    async with connected(gateway, name, error_cb=heard) as client:
        await do(client)
        await come_true(lambda: any(f"permissions violation for {what}" in one for one in said), f"{what}: {said}")


def refuses_publishing(gateway: Ready, name: str, subject: str, payload: bytes) -> None:
    """Hold that NATS takes nothing of a process for a subject."""
    asyncio.run(refused(gateway, name, lambda client: client.publish(subject, payload), "publish"))


async def stored(gateway: Ready, event: OutboxEvent, headers: Mapping[str, str]) -> None:
    """Put an event into the stream, past all permissions."""
    async with connected(gateway) as client:
        await client.jetstream().publish(event.subject, event.payload, headers=dict(headers))


@pytest.mark.parametrize("name", ["order_svc", "notify_svc"])
def test_service_may_not_publish_what_another_does(gateway: Ready, name: str, waiting: Json) -> None:
    refuses_publishing(gateway, name, SUBJECT, forged(waiting).payload)


@pytest.mark.parametrize(
    "subject",
    [
        f"$JS.API.STREAM.DELETE.{EVENTS_STREAM}",
        f"$JS.API.STREAM.PURGE.{EVENTS_STREAM}",
        f"$JS.API.STREAM.UPDATE.{EVENTS_STREAM}",
        f"$JS.API.STREAM.MSG.DELETE.{EVENTS_STREAM}",
        f"$JS.API.CONSUMER.DELETE.{EVENTS_STREAM}.notify_svc_events",
        f"$JS.ACK.{EVENTS_STREAM}.notify_svc_events.1.1.1.1.0",
        "_INBOX_notify_svc.answer",
    ],
)
def test_service_may_not_touch_the_stream_or_what_is_anothers(gateway: Ready, subject: str) -> None:
    refuses_publishing(gateway, "order_svc", subject, b"{}")


@pytest.mark.parametrize("subject", [">", "fusionx.payment.v1.>", "_INBOX.>", "_INBOX_notify_svc.>"])
def test_service_may_not_listen_to_what_is_anothers(gateway: Ready, subject: str) -> None:
    asyncio.run(refused(gateway, "order_svc", lambda client: client.subscribe(subject), "subscription"))


@pytest.mark.parametrize("name", STRANGERS)
def test_who_neither_publishes_nor_consumes_does_not_get_in(gateway: Ready, name: str) -> None:
    with pytest.raises(NatsError, match="Authorization Violation"):
        asyncio.run(_enter(gateway, **bus_tls(gateway, name).options()))


def test_without_a_certificate_nobody_gets_in(gateway: Ready) -> None:
    with pytest.raises((NatsError, OSError, TimeoutError)):
        asyncio.run(_enter(gateway, user="order_svc", password=""))
    options = bus_tls(gateway).options()
    foreign = options["tls"].__class__(options["tls"].protocol)
    foreign.load_verify_locations(gateway.ca_file)
    with pytest.raises((NatsError, OSError, TimeoutError)):
        asyncio.run(_enter(gateway, **options | {"tls": foreign}))


async def _enter(gateway: Ready, **options: Any) -> None:
    client = await nats.connect(gateway.nats_url, allow_reconnect=False, **options)
    await client.close()


def _unsigned(gateway: Ready, event: OutboxEvent) -> Mapping[str, str]:
    return {}


def _signed_by(name: str, gateway: Ready, event: OutboxEvent) -> Mapping[str, str]:
    (proof,) = Signer(files_of(gateway, name)).sign([(event.subject, event.payload)])
    return proof


def _signed_in_anothers_name(gateway: Ready, event: OutboxEvent) -> Mapping[str, str]:
    """Return the signature of who was taken over, beside the certificate of whom it is meant to be."""
    owner = _signed_by("payment_svc", gateway, event)
    return {**_signed_by("order_svc", gateway, event), CERTIFICATE: owner[CERTIFICATE]}


def _signed_for_other_bytes(gateway: Ready, event: OutboxEvent) -> Mapping[str, str]:
    (proof,) = Signer(files_of(gateway, "payment_svc")).sign([(event.subject, b"something else")])
    return proof


@pytest.mark.parametrize(
    ("prove", "reason"),
    [
        pytest.param(_unsigned, "not signed", id="unsigned"),
        pytest.param(partial(_signed_by, "order_svc"), "signed by order_svc, not by payment_svc", id="another"),
        pytest.param(partial(_signed_by, "notify_svc"), "signed by notify_svc, not by payment_svc", id="third"),
        pytest.param(_signed_in_anothers_name, "not that of the certificate's owner", id="borrowed-certificate"),
        pytest.param(_signed_for_other_bytes, "for something else", id="borrowed-signature"),
    ],
)
def test_forged_event_pays_no_order_and_stands_in_nobodys_way(
    gateway: Ready, merchant: Merchant, waiting: Json, prove: Proof, reason: str
) -> None:
    event = forged(waiting)
    asyncio.run(stored(gateway, event, prove(gateway, event)))
    letters = eventually(lambda: found if len(found := _letters(gateway, waiting)) == 2 else None, "both quarantined")
    assert {letter["service"] for letter in letters} == {"order_svc", "notify_svc"}
    assert all(reason in letter["reason"] for letter in letters)
    assert merchant.order(waiting["order_id"])["status"] == "PROCESSING"
    for letter in letters:
        refused = run_command(gateway, "dlq", "replay", letter["dead_letter_id"], "--json")
        assert (refused.exit_code, "did not publish it" in refused.output) == (1, True), refused.output
        assert run_command(gateway, "dlq", "drop", letter["dead_letter_id"]).exit_code == 0
    assert merchant.order(waiting["order_id"])["status"] == "PROCESSING"
    # under the same id, from its publisher, it counts: what was forged has not taken its place
    asyncio.run(stored(gateway, event, _signed_by("payment_svc", gateway, event)))
    merchant.wait_for_order(waiting["order_id"], "SUCCESS")


def _letters(gateway: Ready, payment: Json) -> list[Json]:
    listed = run_command(gateway, "dlq", "list", "--json")
    assert listed.exit_code == 0, listed.output
    letters: list[Json] = json.loads(listed.stdout)
    return [letter for letter in letters if letter.get("event", {}).get("aggregate_id") == payment["payment_id"]]


def test_event_of_one_subject_is_not_applied_on_another(gateway: Ready, merchant: Merchant, waiting: Json) -> None:
    """The order service signs, on a subject of its own, a fact that is the payment service's."""
    event = forged(waiting)
    (proof,) = Signer(files_of(gateway, "order_svc")).sign([("fusionx.order.v1.created", event.payload)])
    moved = replace(event, subject="fusionx.order.v1.created")
    asyncio.run(stored(gateway, moved, proof))
    (letter,) = eventually(lambda: _letters(gateway, waiting), "the quarantined event")
    assert (letter["service"], "does not belong here" in letter["reason"]) == ("notify_svc", True)
    assert run_command(gateway, "dlq", "drop", letter["dead_letter_id"]).exit_code == 0
    with psycopg.connect(gateway.database_urls["notify"]) as connection:
        logged = connection.execute("SELECT 1 FROM events WHERE event_id = %s", [event.event_id]).fetchone()
    assert logged is None


@pytest.mark.parametrize("name", ["edge", "audit_svc", "sandbox", "envoy"])
def test_who_has_no_events_is_not_told_where_they_are(gateway: Ready, name: str) -> None:
    environment = psutil.Process(gateway.pids[name]).environ()
    assert not [key for key, value in environment.items() if gateway.nats_url in value]
