"""For developers: webhook endpoints, events with their deliveries, events as they happen, and API keys."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import Any
from uuid import UUID

from starlette.responses import Response, StreamingResponse

from console.api.lists.listing import LISTINGS as OF_API
from console.api.lists.listing import Filters, Listing, Rows, about, show
from console.api.web import Page, Visit, templates
from console.clients.merchant_api import ApiError, Json, MerchantApi
from fusionxpay_client.sse import EventSource
from mesh.rpc.routes import contract_routes, scopes_of

STREAMS_OF_USER = 3
"""A merchant has no more than some ten at the gateway, which its servers may want too."""


async def endpoints(visit: Visit) -> Response:
    """List webhook endpoints."""
    return await _endpoints(visit)


async def _endpoints(visit: Visit, status: int = 200, **values: Any) -> Response:
    found = await _all_endpoints(visit)
    return visit.render("endpoints.html", status, endpoints=found, **await about(visit, ENDPOINTS, {}), **values)


async def _all_endpoints(visit: Visit) -> list[Json]:
    endpoints: list[Json] = (await (await visit.api()).get("webhook_endpoints")).get("webhook_endpoints", [])
    return endpoints


async def _endpoint_rows(visit: Visit, _: Filters) -> Rows:
    yield await _all_endpoints(visit)


async def create_endpoint(visit: Visit) -> Response:
    """Register an endpoint, and show its secret this once."""
    form = visit.form
    types, attempt = _names(form.get("event_types", "")), form.get("attempt", "")
    body = {"url": form.get("url", "").strip(), "description": form.get("description", ""), "event_types": types}
    try:
        made = await (await visit.api()).post("webhook_endpoints", body=body, attempt=attempt)
    except ApiError as error:
        if error.status >= 500:
            raise
        return await _endpoints(visit, error.status, refused=error, typed=form)
    return await _endpoints(visit, made=made)


async def change_endpoint(visit: Visit) -> Response:
    """Do to an endpoint what its form says."""
    api, identity, verb = await visit.api(), visit.path("webhook_endpoint_id"), visit.form.get("verb")
    attempt = visit.form.get("attempt", "")
    if verb == "delete":
        await api.delete("webhook_endpoints", identity)
        return visit.go("/webhooks", "deleted")
    if verb == "ping":
        event = await api.post("webhook_endpoints", identity, "ping", attempt=attempt)
        return visit.go(f"/events/{event['event_id']}", "pinged")
    if verb == "rotate":
        made = await api.post("webhook_endpoints", identity, "rotate_secret", attempt=attempt)
        return await _endpoints(visit, made=made)
    await api.patch("webhook_endpoints", identity, body={"enabled": verb == "enable"})
    return visit.go("/webhooks", "saved")


async def events(visit: Visit) -> Response:
    """List events, newest first."""
    return await _events(visit)


async def _events(visit: Visit, status: int = 200, **values: Any) -> Response:
    endpoints: list[Json] = []
    if visit.person.may("events:write"):
        endpoints = await _all_endpoints(visit)
    return await show(visit, OF_API["events"], "events.html", status, endpoints=endpoints, **values)


async def resend_span(visit: Visit) -> Response:
    """Send the events of a span again."""
    form = visit.form
    body = {
        "start_time": _moment(form.get("from", "")),
        "end_time": _moment(form.get("to", "")),
        "event_types": _names(form.get("event_types", "")),
        "webhook_endpoint_id": form.get("webhook_endpoint_id", ""),
    }
    try:
        resent = await (await visit.api()).resend(body, form.get("attempt", ""))
    except ApiError as error:
        if error.status >= 500:
            raise
        return await _events(visit, error.status, error=next(iter(error.fields.values()), error.words))
    return await _events(visit, resent=resent)


def _moment(text: str) -> str:
    """Return what `datetime-local` gives, as a time of the API, which says what is wrong with another one."""
    return f"{text}:00Z" if len(text) == len("2026-01-31T12:00") else f"{text}Z"


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


async def event(visit: Visit) -> Response:
    """Show an event with its payload and how its deliveries went."""
    api, event_id = await visit.api(), visit.path("event_id")
    shown, sent, endpoints = await asyncio.gather(
        api.get("events", event_id), api.get("events", event_id, "deliveries"), _all_endpoints(visit)
    )
    return visit.render("event.html", event=shown, deliveries=sent.get("deliveries", []), urls=_urls(endpoints))


def _urls(endpoints: list[Json]) -> dict[str, str]:
    return {one["webhook_endpoint_id"]: one["url"] for one in endpoints}


async def deliveries(visit: Visit) -> Response:
    """List what was put on its way, with what was answered last."""
    return await show(visit, OF_API["deliveries"], "deliveries.html", urls=_urls(await _all_endpoints(visit)))


async def resend(visit: Visit) -> Response:
    """Send an event again."""
    api, event_id = await visit.api(), visit.path("event_id")
    await api.post("events", event_id, "resend")
    return visit.go(f"/events/{event_id}", "resent")


async def live(visit: Visit) -> Response:
    """Show events as they happen."""
    return visit.render("live.html")


async def stream(visit: Visit) -> Response:
    """Send rows of the live page as Server-Sent Events."""
    api, open_streams, user_id = await visit.api(), visit.rooms.open_streams, visit.person.user_id
    if open_streams[user_id] >= STREAMS_OF_USER:
        raise ApiError(429, "TOO_MANY", "You have this page open too often. Close one of them.")
    last = visit.request.headers.get("last-event-id", "")
    headers = {"x-accel-buffering": "no"}
    rows = _counted(open_streams, user_id, _rows(api, last))
    return StreamingResponse(rows, media_type="text/event-stream", headers=headers)


async def _counted(counts: Counter[UUID], user_id: UUID, rows: AsyncGenerator[str]) -> AsyncGenerator[str]:
    counts[user_id] += 1
    try:
        async with aclosing(rows):
            async for row in rows:
                yield row
    finally:
        counts[user_id] -= 1


async def _rows(api: MerchantApi, last_event_id: str) -> AsyncGenerator[str]:
    source = EventSource(last_event_id)
    try:
        async with api.events(last_event_id) as pieces:
            # said before, what happens until then would be missed
            yield ": open\n\n"
            async for piece in pieces:
                for message in source.feed(piece):
                    yield _row(message.id, message.type, message.data)
                # the heartbeats too, so that what is between leaves the stream open
                yield ":\n\n"
    except ApiError as error:
        yield f"event: away\ndata: {templates.from_string('{{ words }}').render(words=error.words)}\n\n"


def _row(event_id: str, kind: str, data: str) -> str:
    said = json.loads(data)
    resource = ", ".join(str(name) for name in said.get("data", {}))
    row = templates.get_template("live_row.html").render(
        event_id=event_id, type=kind, resource=resource, time=said.get("timestamp", "")
    )
    text = "".join(f"data: {line}\n" for line in row.splitlines() if line.strip())
    return f"id: {event_id}\nevent: row\n{text}\n"


async def keys(visit: Visit) -> Response:
    """List the merchant's API keys."""
    return await _keys(visit)


async def _keys(visit: Visit, status: int = 200, **values: Any) -> Response:
    scopes = sorted(scopes_of(contract_routes()))
    listed = await about(visit, KEYS, {})
    return visit.render("keys.html", status, keys=await _all_keys(visit), scopes=scopes, **listed, **values)


async def _all_keys(visit: Visit) -> list[Json]:
    assert visit.person.merchant_id
    found = await visit.rooms.operators.keys(visit.person.merchant_id)
    # those that people's sessions have are no keys of the merchant's
    ours = await visit.rooms.sessions.key_ids(visit.person.merchant_id)
    return [key for key in found if key["api_key_id"] not in ours and not _is_over(key)]


async def _key_rows(visit: Visit, _: Filters) -> Rows:
    yield await _all_keys(visit)


def _is_over(key: Json) -> bool:
    return bool(key.get("revoke_time"))


async def create_key(visit: Visit) -> Response:
    """Make a key, and show its secret this once. Nobody gives a key more than their own role has."""
    form = visit.form
    assert visit.person.merchant_id
    scopes = [scope for scope in form.get("scopes", "").split(",") if scope]
    if not scopes and not visit.person.may("users:write"):
        return await _keys(visit, 400, error="Choose what the key may do.")
    if beyond := [scope for scope in scopes if not visit.person.may(scope)]:
        return await _keys(visit, 403, error=f"Your role does not have {', '.join(beyond)}, so you cannot give it.")
    days = form.get("days", "").strip()
    if days and not re.fullmatch("[1-9][0-9]{0,3}", days):
        # rather than a key that never ends
        return await _keys(visit, 400, error="Say the days until it ends as a whole number, at most 9999.")
    operators, networks = visit.rooms.operators, _names(form.get("allowed_ips", ""))
    try:
        made = await operators.create_key(
            visit.person.merchant_id, visit.session.mode, scopes, int(days or 0), allowed_ips=networks
        )
    except ApiError as error:
        if error.status >= 500:
            raise
        return await _keys(visit, error.status, error=error.words)
    return await _keys(visit, made=made)


async def key(visit: Visit) -> Response:
    """Show a key, with what it may do and from where."""
    return await _key(visit, await _own_key(visit))


async def _key(visit: Visit, shown: Json, status: int = 200, **values: Any) -> Response:
    return visit.render(
        "key.html",
        status,
        key=shown,
        scopes=sorted(scopes_of(contract_routes())),
        seen=_seen(shown),
        may_change=visit.person.may("keys:write") and _is_within(visit, shown["scopes"]),
        **values,
    )


async def _own_key(visit: Visit) -> Json:
    """Return a key of the merchant's. Raises ApiError for another one's, and for a session's."""
    shown = await visit.rooms.operators.key(visit.path("api_key_id"))
    assert visit.person.merchant_id
    ours = await visit.rooms.sessions.key_ids(visit.person.merchant_id)
    if shown["merchant_id"] != str(visit.person.merchant_id) or shown["api_key_id"] in ours:
        raise ApiError(404, "NOT_FOUND", "There is no such key.")
    return shown


def _is_within(visit: Visit, scopes: list[str]) -> bool:
    """Whether a role has all that a key may do: nobody sees the secret of another one, or changes it."""
    return all(map(visit.person.may, scopes))


def _seen(shown: Json) -> str:
    """Return what a form notes of the key that it is about: what it may do, and from where."""
    return json.dumps([sorted(shown["scopes"]), sorted(shown["allowed_ips"])])


async def change_key(visit: Visit) -> Response:
    """Change, rotate or revoke a key of the merchant's own."""
    shown, verb = await _own_key(visit), visit.form.get("verb")
    identity = str(shown["api_key_id"])
    if verb == "revoke":
        await visit.rooms.operators.revoke(UUID(identity))
        return visit.go("/keys", "revoked")
    if not _is_within(visit, shown["scopes"]):
        return await _key(visit, shown, 403, error="This key may do more than your role: an owner can change it.")
    if verb == "rotate":
        made = await visit.rooms.operators.rotate(identity, timedelta(hours=24))
        if not _is_within(visit, made["scopes"]):
            # somebody has just given it more
            return await _key(visit, made, 403, error="This key may do more than your role: an owner can rotate it.")
        # its secret is shown
        return await _keys(visit, made=made)
    if verb == "change":
        return await _change_key(visit, shown)
    # rather than what a form without fields would say: everything, from everywhere
    raise ApiError(400, "INVALID", "Say what is to be done with the key.")


async def _change_key(visit: Visit, shown: Json) -> Response:
    """Take what a key may do from now on, and from where. Nobody gives a key more than their own role has."""
    form, identity = visit.form, str(shown["api_key_id"])
    scopes = [scope for scope in form.get("scopes", "").split(",") if scope]
    networks = _names(form["allowed_ips"]) if "allowed_ips" in form else shown["allowed_ips"]
    typed = {"scopes": scopes, "allowed_ips": networks}
    if form.get("seen", _seen(shown)) != _seen(shown):
        # a page that was opened before would give back what was taken from the key
        return await _key(visit, shown, 409, error="Somebody has changed the key meanwhile: this is how it is now.")
    if not scopes:
        return await _key(visit, shown, 400, error="Choose what the key may do.", typed=typed)
    if beyond := [scope for scope in scopes if not visit.person.may(scope)]:
        words = f"Your role does not have {', '.join(beyond)}, so you cannot give it."
        return await _key(visit, shown, 403, error=words, typed=typed)
    try:
        await visit.rooms.operators.change_key(identity, scopes, networks)
    except ApiError as error:
        if error.status >= 500:
            raise
        return await _key(visit, shown, error.status, error=error.words, typed=typed)
    return visit.go(f"/keys/{identity}", "saved")


ENDPOINTS = Listing(
    "webhooks",
    "webhooks:read",
    (),
    (
        "webhook_endpoint_id",
        "url",
        "description",
        "enabled",
        "disable_reason",
        "event_types",
        "create_time",
        "update_time",
    ),
    _endpoint_rows,
    "/webhooks",
)
KEYS = Listing(
    "keys",
    "keys:read",
    (),
    ("api_key_id", "mode", "scopes", "allowed_ips", "signature", "create_time", "expire_time", "last_use_time"),
    _key_rows,
    "/keys",
)
LISTINGS = (ENDPOINTS, KEYS)
PAGES = [
    Page("GET", "/webhooks", endpoints, scope="webhooks:read"),
    Page("POST", "/webhooks", create_endpoint, scope="webhooks:write"),
    Page("POST", "/webhooks/{webhook_endpoint_id}", change_endpoint, scope="webhooks:write"),
    Page("GET", "/events", events, scope="events:read"),
    Page("POST", "/events", resend_span, scope="events:write"),
    Page("GET", "/events/{event_id}", event, scope="events:read"),
    Page("POST", "/events/{event_id}/resend", resend, scope="events:write", is_once=True),
    Page("GET", "/deliveries", deliveries, scope="events:read"),
    Page("GET", "/live", live, scope="events:read"),
    Page("GET", "/live/stream", stream, scope="events:read"),
    Page("GET", "/keys", keys, scope="keys:read"),
    Page("POST", "/keys", create_key, scope="keys:write", is_once=True),
    Page("GET", "/keys/{api_key_id}", key, scope="keys:read"),
    Page("POST", "/keys/{api_key_id}", change_key, scope="keys:write", is_once=True),
]
