"""After secrets of every kind went in: none is found in any log, table, stream or lock of the gateway."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from nats.errors import TimeoutError as NatsTimeoutError
from psycopg import sql
from redis import Redis

from stack.stack import Ready
from tests.support.merchant.api import Json, Merchant
from tests.support.merchant.everything import VALUES
from tests.support.providers.sandbox import Provider
from tests.support.providers.stripe_events import Stripe
from tests.support.stack.bus import connected

CARD = "6011000990139424"
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"


@pytest.fixture
def went_in(merchant: Merchant, new_merchant: Callable[..., Merchant], stripe: Stripe) -> dict[str, str]:
    """Send secrets to wherever they belong, and to where they do not; return them by what they are."""
    revoked = new_merchant(merchant.merchant_id, scopes=["orders:read"])
    wrong = f"sk_test_{secrets.token_urlsafe(32)}"
    provider_key, webhook_secret = f"sk_test_acct_{secrets.token_hex(16)}", f"whsec_{secrets.token_hex(16)}"
    http = merchant.http
    body = {"credentials": {"api_key": provider_key, "webhook_secret": webhook_secret}}
    assert http.put("/v1/provider_accounts/stripe", json=body).status_code == 200
    assert http.delete("/v1/provider_accounts/stripe").status_code == 200
    endpoint = http.post("/v1/webhook_endpoints", json={"url": "https://shop.example/hook"}).json()
    browser = {
        "endpoint": "http://127.0.0.1:9/push",
        "keys": VALUES["push"]["keys"] | {"auth": secrets.token_urlsafe(16)},
    }
    assert http.post("/v1/notification_channels", json={"push": browser}).status_code == 200
    assert http.get("/v1/orders", headers={"authorization": f"Bearer {wrong}"}).status_code == 401
    assert revoked.http.post("/v1/orders", json={}).status_code == 403
    for card in (CARD, _grouped(" ")):
        assert http.post("/v1/orders", json=_order(card)).status_code == 400
        assert http.post("/v1/payments", json={"order_id": card, "payment_method": card}).status_code == 400
        assert http.get("/v1/orders", params={"merchant_order_id": card}).status_code == 400
        assert http.get(f"/v1/orders/{card.replace(' ', '')}").status_code == 400
    for odd in (wrong, webhook_secret, CARD, _grouped("."), _grouped("/"), _grouped("%2E")):
        headers = {"traceparent": f"00-{CARD}", "x-request-id": CARD}
        assert http.get(f"/v1/nothing/{odd}", headers=headers).status_code == 404
    assert stripe.post(stripe.event("payment_intent.succeeded"), "t=1,v1=" + webhook_secret).status_code == 401
    payment = merchant.charge(merchant.new_order()["order_id"])
    assert payment["status"] == "SUCCESS"
    return {
        "the merchant's key": merchant.secret,
        "a key without the scope": revoked.secret,
        "a key that nobody has": wrong,
        "a provider's key": provider_key,
        "a provider's webhook secret": webhook_secret,
        "the secret of an endpoint": endpoint["secret"],
        "the secret of a browser": browser["keys"]["auth"],
        "a card number": CARD,
        **{f"a card number in groups, between them {mark!r}": _grouped(mark) for mark in (" ", ".", "/", "%2E")},
    }


def _grouped(mark: str) -> str:
    return mark.join(CARD[start : start + 4] for start in range(0, len(CARD), 4))


def _order(text: str) -> Json:
    return {"amount": {"value": "1.00", "currency": "EUR"}, "description": f"paid by {text}", "metadata": {"n": text}}


def logs(gateway: Ready) -> Iterator[tuple[str, bytes]]:
    """Yield every log of the gateway; the simulated provider is the outside world."""
    for file in Path(gateway.log_dir).rglob("*"):
        if file.is_file() and not file.name.startswith("sandbox"):
            yield f"log {file.name}", file.read_bytes()


def tables(gateway: Ready) -> Iterator[tuple[str, bytes]]:
    """Yield every table of every database, as text: bytes are searched as they are, not as hex."""
    for database, url in gateway.database_urls.items():
        with psycopg.connect(url) as connection:
            for (table,) in connection.execute(TABLES).fetchall():
                rows = connection.cursor(binary=True).execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
                found = b"\n".join(_bytes(value) for row in rows for value in row)
                yield f"table {database}.{table}", found


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def streams(gateway: Ready) -> list[tuple[str, bytes]]:
    """Return every message of every stream, with its headers."""

    async def read() -> list[tuple[str, bytes]]:
        found = []
        async with connected(gateway) as client:
            jetstream = client.jetstream()
            for info in await jetstream.streams_info():
                subscription = await jetstream.subscribe(">", stream=info.config.name, ordered_consumer=True)
                texts = [b""]
                for _ in range(info.state.messages):
                    try:
                        message = await subscription.next_msg(timeout=5)
                    except NatsTimeoutError:
                        break
                    texts.append(message.data + str(message.headers).encode())
                found.append((f"stream {info.config.name}", b"\n".join(texts)))
        return found

    return asyncio.run(read())


def locks(gateway: Ready) -> Iterator[tuple[str, bytes]]:
    """Yield every key of Redis."""
    with Redis.from_url(gateway.redis_url) as redis:
        for key in redis.scan_iter():
            yield f"redis {key!r}", key


def test_no_secret_and_no_card_number_is_anywhere(gateway: Ready, went_in: dict[str, str], provider: Provider) -> None:
    del provider
    places = [*logs(gateway), *tables(gateway), *streams(gateway), *locks(gateway)]
    assert {name.split()[0] for name, _ in places} >= {"log", "table", "stream"}
    assert any(b"CreateOrder" in text for name, text in places if name.startswith("log"))
    found = [
        f"{what} in {name}"
        for name, text in places
        for what, secret in went_in.items()
        for form in (secret.encode(), base64.b64encode(secret.encode()), secret.encode().hex().encode())
        if form in text
    ]
    assert found == []
