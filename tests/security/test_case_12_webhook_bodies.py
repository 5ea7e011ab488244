"""Case 12: a webhook, well signed or not, gets 400 or 401 whatever is in it, and writes nothing of it into a log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from stack.stack import Ready
from tests.support.merchant.errors import problem
from tests.support.net.raw_http import exchange
from tests.support.providers.odd_webhooks import PROVIDERS, event_of, odd_webhooks
from tests.support.providers.sandbox import Provider
from tests.support.waiting import PATIENCE

CARD = "5200828282828210"
LONG = "x" * 200_000


def post(gateway: Ready, sender: Provider, name: str, body: bytes) -> httpx.Response:
    """Send a body that the provider has signed."""
    headers = sender.signed(name, body) | {"content-type": "application/json"}
    return httpx.post(f"{gateway.edge_url}/v1/webhooks/{name}", content=body, headers=headers, timeout=PATIENCE)


def logged(gateway: Ready) -> int:
    """Return the bytes in all logs of services that a webhook passes."""
    return sum(file.stat().st_size for file in _logs(gateway))


def _logs(gateway: Ready) -> Iterator[Path]:
    yield from (file for file in Path(gateway.log_dir).rglob("*payment_svc*") if file.is_file())


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[" * 60_000 + b"]" * 60_000,
        b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
        b'{"id": 1e999}',
        b"9" * 5_000,
        b"\xff\xfe\x00",
        b'{"id": "\xed\xa0\x80"}',
    ],
    ids=["empty", "null", "lists", "objects", "inf", "digits", "bytes", "surrogate"],
)
def test_body_that_is_no_event_is_refused(gateway: Ready, provider: Provider, name: str, body: bytes) -> None:
    before = logged(gateway)
    answer = post(gateway, provider, name, body)
    assert problem(answer)[0] in (400, 401)
    assert len(answer.content) < 2_000
    assert logged(gateway) - before < 100_000


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize(
    "fields",
    [
        {"id": "evt_\0"},
        {"id": "evt_\ud800"},
        {"id": LONG},
        {"id": ""},
        {"type": "a\nb"},
        {"type": LONG},
        {"type": "\ud800"},
        {"created": LONG},
        {"created": "9" * 4_000},
        {"created": "0001-01-01T00:00:00+23:59"},
        {"created": 10**30},
        {"created": float("inf")},
    ],
    ids=lambda fields: "-".join(f"{name}:{value!r:.12}" for name, value in fields.items()),
)
def test_field_that_is_no_word_is_refused(
    gateway: Ready, provider: Provider, name: str, fields: dict[str, Any]
) -> None:
    answer = post(gateway, provider, name, json.dumps(event_of(name, **fields)).encode())
    assert problem(answer)[0] in (400, 401)
    assert len(answer.content) < 2_000


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("label", [f"paid with {CARD}", LONG, "\0", "\ud800", CARD])
def test_label_that_is_not_ours_is_in_no_log(gateway: Ready, provider: Provider, name: str, label: str) -> None:
    before = logged(gateway)
    answer = post(gateway, provider, name, json.dumps(event_of(name, label=label)).encode())
    assert answer.status_code in (200, 400, 401)
    assert CARD not in answer.text
    assert logged(gateway) - before < 100_000
    assert not any(CARD in file.read_text(errors="replace") for file in _logs(gateway))


def test_card_number_as_the_type_of_an_event_is_in_no_log(gateway: Ready, provider: Provider) -> None:
    body = json.dumps(event_of("stripe", type=f"card.{CARD}")).encode()
    assert post(gateway, provider, "stripe", body).status_code == 200
    assert not any(CARD in file.read_text(errors="replace") for file in _logs(gateway))


@pytest.mark.parametrize(
    ("name", "header"),
    [("stripe", "Stripe-Signature"), ("bank_transfer", "Bank-Signature"), ("paypal", "Paypal-Transmission-Sig")],
)
@pytest.mark.parametrize("value", [b"t=1,v1=\xe9", "t=1,v1=é".encode(), b"\xff\xfe", "t=١,v1=x".encode()])
def test_signature_header_that_is_no_ascii_is_refused(gateway: Ready, name: str, header: str, value: bytes) -> None:
    request = b"POST /v1/webhooks/%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" % name.encode()
    request += header.encode() + b": " + value + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    assert exchange(gateway.edge_url, request)[0] in (400, 401)


def test_no_odd_webhook_breaks_a_service(gateway: Ready, provider: Provider) -> None:
    """The short form of `make fuzz`."""
    odd = list(islice(odd_webhooks(Random(20261127)), 150))
    assert not [webhook for webhook in odd if webhook.sent(gateway, provider) >= 500]
