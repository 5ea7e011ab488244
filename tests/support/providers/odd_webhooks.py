"""Webhooks that a provider has signed and that no provider would send: odd bytes, values, headers and queries."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from stack.stack import Ready
from tests.support.net.raw_http import exchange
from tests.support.providers.sandbox import Provider

PROVIDERS = ("stripe", "paypal", "bank_transfer")
_TEXTS = [
    "",
    "\0",
    "\ud800",
    "\u202e",
    "x" * 300,
    "x" * 20_000,
    "é",
    "1e999",
    "../..",
    "' OR 1=1 --",
    "{}",
    " ",
    "\r\n",
]
_TEXTS += ["4000056655665556", str(uuid.UUID(int=0)), "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "9" * 400]
_NUMBERS = [0, -1, 1 << 63, -(1 << 63), 10**40, 1e308, float("inf"), float("nan"), 1.5]


@dataclass(frozen=True)
class OddWebhook:
    """A body, what is changed of the headers that sign it, and what stands behind the path."""

    provider: str
    body: bytes
    headers: dict[str, bytes] = field(default_factory=dict)
    query: str = ""

    def sent(self, gateway: Ready, sender: Provider) -> int:
        """Send it to a gateway and return the status of the answer, 0 where the connection was closed."""
        headers = {"host": b"x", "content-type": b"application/json"}
        headers |= {name.lower(): value.encode() for name, value in sender.signed(self.provider, self.body).items()}
        headers |= self.headers | {"content-length": str(len(self.body)).encode(), "connection": b"close"}
        lines = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers.items())
        head = f"POST /v1/webhooks/{self.provider}{self.query} HTTP/1.1\r\n".encode("latin-1", "replace")
        return exchange(gateway.edge_url, head + lines + b"\r\n" + self.body)[0]


def odd_webhooks(random: Random) -> Iterator[OddWebhook]:
    """Yield webhooks without end."""
    while True:
        provider = random.choice(PROVIDERS)
        signed = random.choice(["stripe-signature", "paypal-transmission-sig", "bank-signature", "paypal-cert-url"])
        yield OddWebhook(
            provider,
            random.choice(_BODIES)(random, provider),
            {signed: _header(random)} if random.random() < 0.15 else {},
            f"?{random.choice(['provider=paypal', '%70rovider=x', 'x', '=', '%ff'])}" if random.random() < 0.05 else "",
        )


def event_of(provider: str, **fields: Any) -> dict[str, Any]:
    """Return an event of a provider about nothing, with some fields changed: `id`, `type`, `created`, `label`."""
    event_id, kind = fields.get("id", f"evt_{uuid.uuid4().hex}"), fields.get("type", "something.happened")
    created, label = fields.get("created"), fields.get("label", str(uuid.uuid4()))
    now = datetime.now(UTC).isoformat()
    if provider == "stripe":
        target = {"id": "pi_1", "object": "payment_intent", "metadata": {"payment_id": label}}
        created = int(time.time()) if created is None else created
        return {"id": event_id, "object": "event", "type": kind, "created": created, "data": {"object": target}}
    if provider == "paypal":
        event = {"id": event_id, "event_type": kind, "create_time": created or now, "resource_type": "checkout-order"}
        return event | {"resource": {"id": "5O190127TN364715T", "purchase_units": [{"custom_id": label}]}}
    event = {"event_id": event_id, "type": kind, "transfer_id": "tr_1", "merchant_reference": label}
    return event | {"callback_token": "0" * 64, "time": created or now}


def _changed_event(random: Random, provider: str) -> bytes:
    event = event_of(provider, type=random.choice(_TYPES[provider]))
    for _ in range(random.randint(1, 3)):
        _change(random, event)
    return json.dumps(event, ensure_ascii=random.random() < 0.7).encode("utf-8", "surrogatepass")


def _cut_event(random: Random, provider: str) -> bytes:
    body = bytearray(_changed_event(random, provider))
    for _ in range(random.randint(1, 4)):
        body[random.randrange(len(body))] = random.randrange(256)
    return bytes(body[: random.randint(0, len(body))])


def _nested(random: Random, _: str) -> bytes:
    depth = random.choice([10, 1000, 60_000])
    return b"[" * depth + b"]" * depth if random.random() < 0.5 else b'{"a":' * depth + b"1" + b"}" * depth


def _bytes(random: Random, _: str) -> bytes:
    return random.randbytes(random.randint(0, 200))


def _value(random: Random, depth: int = 3) -> Any:
    kind = random.randrange(6 if depth else 4)
    if kind < 2:
        return random.choice(_TEXTS)
    if kind == 2:
        return random.choice(_NUMBERS)
    if kind == 3:
        return random.choice([None, True, False])
    values = [_value(random, depth - 1) for _ in range(random.randint(0, 3))]
    return values if kind == 4 else {random.choice(_TEXTS): value for value in values}


def _change(random: Random, event: dict[str, Any]) -> None:
    """Change a value somewhere, take one away, or add one."""
    place = event
    while random.random() < 0.5 and (inner := [value for value in place.values() if isinstance(value, dict) and value]):
        place = random.choice(inner)
    name = random.choice([*place, random.choice(_TEXTS), "object", "metadata", "related_object"])
    if random.random() < 0.2:
        place.pop(name, None)
    else:
        place[name] = _value(random)


def _header(random: Random) -> bytes:
    odd = [
        b"",
        b"\xff\xfe",
        "é".encode(),
        b"t=1,v1=",
        b"t=,v1=x",
        b"t=1" * 500,
        b"=,=,",
        b"t=99999999999999999999,v1=0",
    ]
    return random.choice([*odd, random.randbytes(20).replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")])


_TYPES = {
    "stripe": ["payment_intent.succeeded", "charge.refunded", "charge.dispute.created", "checkout.session.completed"],
    "paypal": ["CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.REVERSED", "CUSTOMER.DISPUTE.CREATED", "X"],
    "bank_transfer": ["transfer.received", "refund.failed", "x"],
}
_BODIES: list[Callable[[Random, str], bytes]] = [
    _changed_event,
    _changed_event,
    _changed_event,
    _cut_event,
    _nested,
    _bytes,
]
