"""Case 4: a merchant that floods its own account with well-signed events holds up no other's."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psycopg

from mesh.storage.lock import Locks
from payment_svc.domain.payment import Payment, PaymentStatus
from payment_svc.domain.provider_event import Verdict
from payment_svc.providers.base import ProviderEvent
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.use_cases.event_application import FOREIGN, EventApplication
from stack.stack import Ready
from stack.state import SECRETS_FILE
from tests.support.merchant.api import Merchant
from tests.support.providers.stripe_events import Stripe
from tests.support.stack.edges import Edges
from tests.support.stack.storage import provider_event
from tests.support.waiting import eventually

SECRET = f"whsec_{uuid.uuid4().hex}"
MANY = 300
NOW = datetime(2026, 1, 1, tzinfo=UTC)
AT_ONCE = 16
PATIENT_SECONDS = 5.0
"""How long a neighbour's event may take: ten times as long as one takes on a machine with too much to do."""


def pending(gateway: Ready, account_id: str) -> int:
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        query = b"SELECT count(*) FROM provider_events WHERE account = %s AND status = 'PENDING'"
        row = connection.execute(query, [account_id]).fetchone()
    return row[0] if row else 0


def test_neighbours_event_is_applied_while_a_flood_waits(gateway: Ready, merchant: Merchant, stripe: Stripe) -> None:
    secrets = json.loads((Path(gateway.log_dir).parent / SECRETS_FILE).read_text())
    credentials = {"api_key": secrets["stripe_api_key"], "webhook_secret": SECRET}
    account = merchant.http.put("/v1/provider_accounts/stripe", json={"credentials": credentials}).raise_for_status()
    account_id = account.json()["provider_account_id"]
    payment = merchant.open_page(merchant.new_order()["order_id"])
    own, path = Stripe(gateway.edge_url, SECRET), f"/v1/webhooks/stripe/{account_id}"
    http = httpx.Client(base_url=gateway.edge_url, headers={"content-type": "application/json"}, timeout=60)

    def send(_: int) -> int:
        body = own.event("payment_intent.processing", payment_id=payment["payment_id"])
        return http.post(path, content=body, headers={"stripe-signature": own.signature(body)}).status_code

    with http, ThreadPoolExecutor(AT_ONCE) as threads:
        assert set(threads.map(send, range(MANY))) == {200}
    body = stripe.event("payment_intent.created")
    assert stripe.post(body).status_code == 200
    started = time.monotonic()
    eventually(
        lambda: (provider_event(gateway, stripe.event_id(body)) or ("PENDING",))[0] != "PENDING",
        "the neighbour's event",
    )
    took, left = time.monotonic() - started, pending(gateway, account_id)
    assert left > 0, "the flood still waits"
    assert took < PATIENT_SECONDS


def test_account_has_one_path_and_so_one_bucket(gateway: Ready, merchant: Merchant) -> None:
    """The edge counts by path: in capital letters an account had as many as its id has letters, squared."""
    secrets = json.loads((Path(gateway.log_dir).parent / SECRETS_FILE).read_text())
    credentials = {"api_key": secrets["stripe_api_key"], "webhook_secret": SECRET}
    account = merchant.http.put("/v1/provider_accounts/stripe", json={"credentials": credentials}).raise_for_status()
    own = Stripe(gateway.edge_url, SECRET)
    path = account.json()["webhook_path"]
    folder, _, account_id = path.rpartition("/")
    body = own.event("payment_intent.created")
    assert own.post(body, path=f"{folder}/{account_id.upper()}").status_code == 404
    assert own.post(body, path=path).status_code == 200


def test_account_has_a_limit_of_its_own(edges: Edges) -> None:
    url = edges.envoy(account_webhooks_per_second=5)
    with httpx.Client(base_url=url, headers={"content-type": "application/json"}, timeout=60) as http:
        own, path = Counter[int](), f"/v1/webhooks/stripe/{uuid.uuid4()}"
        for _ in range(MANY):
            own[http.post(path, content=b"{}").status_code] += 1
        others = Counter(http.post("/v1/webhooks/stripe", content=b"{}").status_code for _ in range(50))
    assert own.keys() == {401, 429}
    assert own[429] > MANY / 2
    assert others.keys() == {401}


def test_of_long_events_is_stored_what_they_say(gateway: Ready, merchant: Merchant) -> None:
    """A merchant's own account had the database grow by 250 kB with each, for half a year."""
    secrets = json.loads((Path(gateway.log_dir).parent / SECRETS_FILE).read_text())
    credentials = {"api_key": secrets["stripe_api_key"], "webhook_secret": SECRET}
    account = merchant.http.put("/v1/provider_accounts/stripe", json={"credentials": credentials}).raise_for_status()
    own, payment = Stripe(gateway.edge_url, SECRET), merchant.charge(merchant.new_order()["order_id"])
    said = json.loads(own.event("payment_intent.succeeded", payment["provider_reference"]))
    body = json.dumps(said | {"more": uuid.uuid4().hex * 7000}).encode()
    assert own.post(body, path=account.json()["webhook_path"]).status_code == 200
    eventually(lambda: (provider_event(gateway, said["id"]) or ("PENDING",))[0] == "APPLIED", "the event's verdict")
    with psycopg.connect(gateway.database_urls["payments"]) as connection:
        query = b"SELECT length(payload) FROM provider_events WHERE event_id = %s"
        row = connection.execute(query, [said["id"]]).fetchone()
    assert row
    assert row[0] < 4096


class Held(Locks):
    """Locks that nobody gets."""

    def __init__(self) -> None: ...

    @asynccontextmanager
    async def hold(self, name: str, wait: float) -> AsyncIterator[bool]:
        raise AssertionError(f"{name} was asked for")
        yield False


async def test_event_about_anothers_payment_waits_for_nothing_of_it() -> None:
    attempt = SimpleNamespace(provider="stripe", account_id=uuid.uuid4())
    payment = SimpleNamespace(payment_id=uuid.uuid4(), order_id="order", attempts=(attempt,), status="PROCESSING")
    event = ProviderEvent("evt_1", "payment_intent.processing", "pi_1", str(payment.payment_id), NOW)

    class Finding(EventApplication):
        async def _payment_of(self, *_: object) -> Any:
            return payment

        async def echoed(self, *_: object) -> None:
            return None

    async def resolve(_: object) -> ProviderEvent:
        return event

    nothing: Any = None
    application = Finding(nothing, nothing, nothing, nothing, Held())
    stored: Any = SimpleNamespace(payload=b"{}")
    foreign: Any = SimpleNamespace(name="stripe", account_id=uuid.uuid4(), translate=lambda _: event, resolve=resolve)
    assert await application._find_and_apply(foreign, stored) == Verdict("QUARANTINED", FOREIGN)


class OneAtATime(Locks):
    """Locks of this process alone."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()

    @asynccontextmanager
    async def hold(self, name: str, wait: float) -> AsyncIterator[bool]:
        async with self.lock:
            yield True


class Looking(EventApplication):
    """Counts the looks at the provider's object."""

    looks = 0

    async def _apply(self, provider: ResilientProvider, event: ProviderEvent, payment: Payment) -> Verdict:
        self.looks += 1
        await asyncio.sleep(0)
        return Verdict("APPLIED", "")


async def test_events_that_say_the_same_share_a_look_that_has_not_begun() -> None:
    locks = OneAtATime()
    nothing: Any = SimpleNamespace(name="stripe", account_id=None, order_id="order", status=PaymentStatus.SUCCESS)
    application = Looking(nothing, nothing, nothing, nothing, locks)
    event = ProviderEvent("", "payment_intent.processing", "pi_1", "", NOW)
    same = [replace(event, event_id=f"evt_{n}", create_time=NOW + timedelta(seconds=n)) for n in range(MANY)]
    async with locks.lock:
        waiting = [
            asyncio.create_task(application._in_turn(nothing, one, nothing))
            for one in [*same, replace(event, refund_reference="re_1")]
        ]
        await asyncio.sleep(0)
        assert application.looks == 0
    assert {verdict.status for verdict in await asyncio.gather(*waiting)} == {"APPLIED"}
    assert application.looks == 2
    # the object may have changed since
    await application._in_turn(nothing, event, nothing)
    assert application.looks == 3
