"""Whether a merchant's account is ready for real money, seen with its live key through the public API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from cli.findings import Finding
from cli.golive.settings import LOCAL
from cli.merchant_api import Json, read
from mesh.rpc.headers import KEY_SCOPES
from mesh.rpc.interceptors import ALL_SCOPES

LIVE_PREFIX = "sk_live_"
LOOK_SECONDS = 0.2
PING_SECONDS = 15.0
PAID = "order.succeeded"
WAKES = ("dispute.opened", "endpoint.disabled")
"""What somebody has to hear of within the day."""


def examine(api: httpx.Client, api_key: str, *, ping: bool) -> list[Finding]:
    """Look at all of it. With `ping` each endpoint is sent an event, and its answer is waited for.

    Raises RefusedError, and httpx.TransportError, where the gateway does not answer.
    """
    orders = api.get("/v1/orders", params={"page_size": 1, "status": "SUCCESS"})
    endpoints = read(api.get("/v1/webhook_endpoints"))["webhook_endpoints"]
    channels = read(api.get("/v1/notification_channels"))["notification_channels"]
    scopes = orders.headers.get(KEY_SCOPES, "").replace(",", " ").split()
    return [
        *_key(api_key, scopes),
        *_address(str(api.base_url)),
        *_endpoints(api, endpoints, ping=ping),
        *_people([*endpoints, *channels]),
        *_rehearsal(api),
    ]


def _key(api_key: str, scopes: list[str]) -> Iterator[Finding]:
    if not api_key.startswith(LIVE_PREFIX):
        todo = "look with the live key: fusionxpay key create --merchant ID --live"
        yield Finding("key", "this is a key for tests, which sees nothing of what is live", todo, True)
        return
    yield Finding("key", "the gateway takes the live key")
    if ALL_SCOPES in scopes:
        todo = "give each server a key with the scopes that it needs: docs/authentication.md, Scopes"
        yield Finding("key", "the key may do everything", todo)


def _address(address: str) -> Iterator[Finding]:
    url = urlsplit(address)
    if url.scheme != "https":
        todo = "use the gateway's https address: by http the key travels in plain text"
        yield Finding("tls", f"{address} is no https", todo, True)
    elif (url.hostname or "") in LOCAL:
        yield Finding("tls", f"{address} is this machine", "use the gateway's public address")
    else:
        yield Finding("tls", f"{address} shows a certificate that is trusted here")


def _endpoints(api: httpx.Client, endpoints: list[Json], *, ping: bool) -> Iterator[Finding]:
    enabled = [one for one in endpoints if one.get("enabled")]
    if not any(_takes(one, PAID) for one in enabled):
        todo = f"register one with the live key: POST /v1/webhook_endpoints; it has to take {PAID}"
        yield Finding("webhooks", f"no webhook endpoint hears of {PAID}", todo, True)
    for one in endpoints:
        if one not in enabled:
            todo = 'PATCH it with {"enabled": true}, or delete it'
            yield Finding("webhooks", f"{one['url']} is disabled", todo)
    for one in enabled:
        if urlsplit(one["url"]).scheme != "https":
            yield Finding("webhooks", f"{one['url']} is no https", "use an address with a certificate", True)
        if ping:
            yield _pinged(api, one)


def _pinged(api: httpx.Client, endpoint: Json) -> Finding:
    path = f"/v1/webhook_endpoints/{endpoint['webhook_endpoint_id']}/ping"
    event_id = read(api.post(path, json={}))["event_id"]
    deadline = time.monotonic() + PING_SECONDS
    failure = "it has not answered yet"
    while time.monotonic() < deadline:
        for delivery in read(api.get(f"/v1/events/{event_id}/deliveries"))["deliveries"]:
            attempts = delivery.get("attempts") or []
            if delivery["status"] == "DELIVERED":
                took = attempts[-1].get("duration_ms", 0)
                return Finding("webhooks", f"{endpoint['url']} took a signed ping in {took} ms")
            if attempts:
                last = attempts[-1]
                failure = f"{last.get('failure', '')} {last.get('http_status') or ''} {last.get('answer', '')[:80]}"
                deadline = 0.0
        time.sleep(LOOK_SECONDS)
    todo = f"GET /v1/events/{event_id}/deliveries says more; docs/webhooks.md, Delivery"
    return Finding("webhooks", f"{endpoint['url']} did not take a ping: {' '.join(failure.split())}", todo, True)


def _people(receivers: list[Json]) -> Iterator[Finding]:
    enabled = [one for one in receivers if one.get("enabled")]
    if missing := [name for name in WAKES if not any(_takes(one, name) for one in enabled)]:
        todo = "add a mailbox, POST /v1/notification_channels, or an endpoint that takes them"
        yield Finding("people", f"nobody is told of {' and '.join(missing)}", todo)
    else:
        yield Finding("people", f"somebody is told of {' and '.join(WAKES)}")


def _takes(receiver: Json, event_type: str) -> bool:
    """Whether an endpoint's or a channel's filters take a type of event."""
    family = f"{event_type.split('.')[0]}.*"
    types = receiver.get("event_types") or ["*"]
    return bool({"*", family, event_type} & set(types))


def _rehearsal(api: httpx.Client) -> Iterator[Finding]:
    for what, words in (("payments", "payment"), ("refunds", "refund")):
        if read(api.get(f"/v1/{what}", params={"page_size": 1, "statuses": "SUCCESS"}))[what]:
            yield Finding("rehearsal", f"a {words} has succeeded with this mode's keys")
        else:
            todo = "pay an order of 1.00 with a card of your own, then give it back"
            yield Finding("rehearsal", f"no {words} has succeeded yet", todo, True)
