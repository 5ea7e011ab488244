"""The request log: what a merchant's keys have asked, as the audit has it; and for operators the audit as a whole."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from fusionx.audit.v1 import audit_service_pb2
from starlette.responses import Response

from console.api.platform import PLATFORM
from console.api.web import Page, Visit
from console.clients.merchant_api import Json
from mesh.ids import parse_uuid, tenant_of

PAGE_SIZE = 50
STATUSES = {"2xx": (200, 299), "3xx": (300, 399), "4xx": (400, 499), "5xx": (500, 599)}
FILTERS = ("key", "status", "path", "id")
AUDIT_FILTERS = ("merchant", "mode", "key", "status", "path", "id", "from", "to")
WALK_SECONDS = 8.0
"""How long a page walks along the chain; the next one goes on."""
_PERSON = "user:"
_STATUS = re.compile("[1-5][0-9]{2}")
_TRACE = re.compile("[0-9a-f]{32}")
_LARGEST = (1 << 63) - 1


async def requests(visit: Visit) -> Response:
    """List requests, newest first; what is wrong with the filters is said above it."""
    chosen = {name: visit.query(name)[:200] for name in FILTERS if visit.query(name)}
    merchant_id, log = visit.person.merchant_id, visit.rooms.requests
    assert merchant_id
    page: Json = {}
    refused = ""
    try:
        filters = asked(chosen) | {"before_seq": cursor(visit.query("page")), "page_size": PAGE_SIZE}
        page = await log.page(merchant_id, visit.session.mode, **filters)
        if not page["entries"] and filters.pop("trace_ids", None) and parse_uuid(chosen["id"]):
            # a client that brings a trace of its own has that, and the edge's id beside it
            page = await log.page(merchant_id, visit.session.mode, **filters, request_id=chosen["id"])
    except ValueError as error:
        refused = str(error)
    entries = page.get("entries", [])
    keys = {found for one in entries if (found := parse_uuid(one["key_id"]))}
    return visit.render(
        "requests.html",
        400 if refused else 200,
        entries=entries,
        names=await visit.rooms.sessions.holders(merchant_id, list(keys)),
        chosen=chosen,
        refused=refused,
        next_page=page.get("next_before_seq", "0"),
    )


def asked(chosen: dict[str, str]) -> dict[str, Any]:
    """Return filters as the audit takes them. Raises ValueError, in words, for one that is wrong."""
    found: dict[str, Any] = {"path": chosen.get("path", "")}
    if not found["path"].isprintable():
        raise ValueError("A path is written as /v1/payments.")
    if key := chosen.get("key"):
        if parse_uuid(key) is None:
            raise ValueError("A key is named by its id, as the list of keys shows it.")
        found["key_id"] = str(parse_uuid(key))
    if status := chosen.get("status"):
        if status not in STATUSES and not _STATUS.fullmatch(status):
            raise ValueError("A status is written as 404, or as 4xx for all that begin so.")
        found["status_from"], found["status_to"] = STATUSES.get(status) or (int(status), int(status))
    if identity := chosen.get("id"):
        trace = identity.replace("-", "").lower()
        if not _TRACE.fullmatch(trace):
            raise ValueError("A request is named by the x-request-id of its answer, or by its trace.")
        found["trace_ids"] = [trace]
    return found


def cursor(text: str) -> int:
    """Return where a page of the audit goes on; 0: at the newest."""
    return min(int(text), _LARGEST) if re.fullmatch("[0-9]{1,19}", text) else 0


async def audit(visit: Visit) -> Response:
    """List requests of whomever, newest first; what is wrong with the filters is said above it."""
    chosen = {name: visit.query(name)[:200] for name in AUDIT_FILTERS if visit.query(name)}
    page: Json = {}
    refused = ""
    try:
        filters = _filters(chosen) | {"before_seq": cursor(visit.query("page")), "page_size": PAGE_SIZE}
        page = await visit.rooms.requests.search(**filters)
        if not page["entries"] and filters.pop("trace_id", None) and parse_uuid(chosen["id"]):
            # a client that brings a trace of its own has that, and the edge's id beside it
            page = await visit.rooms.requests.search(**filters, request_id=chosen["id"])
    except ValueError as error:
        refused = str(error)
    entries = page.get("entries", [])
    people = {found for one in entries if (found := _person(one["key_id"]))}
    names = await visit.rooms.accounts.names(people)
    return visit.render(
        "audit.html",
        400 if refused else 200,
        entries=entries,
        names={f"{_PERSON}{user_id}": email for user_id, email in names.items()},
        chosen=chosen,
        refused=refused,
        next_page=page.get("next_before_seq", "0"),
    )


def _person(key: str) -> UUID | None:
    return parse_uuid(key.removeprefix(_PERSON)) if key.startswith(_PERSON) else None


def _filters(chosen: dict[str, str]) -> dict[str, Any]:
    """Return filters as the audit takes them. Raises ValueError, in words, for one that is wrong."""
    key = chosen.get("key", "")
    found = asked({name: value for name, value in chosen.items() if name != "key" or not _person(key)})
    if user_id := _person(key):
        found["key_id"] = f"{_PERSON}{user_id}"
    if traces := found.pop("trace_ids", None):
        (found["trace_id"],) = traces
    if merchant := chosen.get("merchant"):
        merchant_id = parse_uuid(merchant)
        if merchant_id is None:
            raise ValueError("A merchant is named by its id, as the list of merchants shows it.")
        found["merchant_id"] = str(tenant_of(merchant_id, chosen.get("mode") or "live"))
    if day := chosen.get("from"):
        found["from_time"] = _day(day)
    if day := chosen.get("to"):
        found["to_time"] = _day(day) + timedelta(days=1)
    return found


def _day(text: str) -> datetime:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) and "1970" < text < "9999":
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        pass
    raise ValueError("A day is written as 2030-01-31.")


async def chain(visit: Visit) -> Response:
    """Walk along the chain for a while, and say whether what it holds is what was written."""
    after, checked = cursor(visit.query("after")), 0
    found = None
    if visit.query("go"):
        end = time.monotonic() + WALK_SECONDS
        while found is None or not (found.done or time.monotonic() > end):
            found = await visit.rooms.requests.verify(found.last_seq if found else after)
            checked += found.checked
    fault = ""
    if found and found.HasField("fault"):
        fault = audit_service_pb2.Fault.Kind.Name(found.fault.kind)
    return visit.render("chain.html", after=after, checked=checked, found=found, fault=fault)


PAGES = [
    Page("GET", "/requests", requests, scope="keys:read"),
    Page("GET", "/platform/audit", audit, scope=PLATFORM),
    Page("GET", "/platform/audit/chain", chain, scope=PLATFORM),
]
