"""The request log: what a merchant's keys have asked, as the audit has it; and for operators the audit as a whole."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from fusionx.audit.v1 import audit_service_pb2
from starlette.responses import Response

from console.api.lists.listing import FILE_PAGE, Filters, Listing, Rows, about, chosen
from console.api.platform import PLATFORM
from console.api.web import Page, Visit
from console.clients.merchant_api import ApiError, Json
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

Look = Callable[[Visit, Filters, int, int], Awaitable[Json]]
"""How a page of requests is asked for: what it is filtered by, before which number, and how many."""


async def requests(visit: Visit) -> Response:
    """List requests, newest first; what is wrong with the filters is said above it."""
    merchant_id = visit.person.merchant_id
    assert merchant_id
    shown = await _shown(visit, REQUESTS, _merchants_page)
    keys = {found for one in shown["entries"] if (found := parse_uuid(one["key_id"]))}
    names = await visit.rooms.sessions.holders(merchant_id, list(keys))
    return visit.render("requests.html", 400 if shown["refused"] else 200, **shown, names=names)


async def _shown(visit: Visit, listing: Listing, look: Look) -> dict[str, Any]:
    """Return what a page of requests shows."""
    filters = chosen(visit, listing)
    page: Json = {}
    refused = ""
    try:
        page = await look(visit, filters, cursor(visit.query("page")), PAGE_SIZE)
    except ValueError as error:
        refused = str(error)
    return {
        **await about(visit, listing, filters),
        "entries": page.get("entries", []),
        "refused": refused,
        "next_page": _goes_on(page),
    }


def _goes_on(page: Json) -> str:
    """Return where the next page begins, empty when there is none."""
    before = str(page.get("next_before_seq", "0"))
    return "" if before == "0" else before


async def _rows(look: Look, visit: Visit, filters: Filters) -> Rows:
    """Yield all requests that fit, for a file."""
    before = "0"
    while True:
        try:
            page = await look(visit, filters, int(before), FILE_PAGE)
        except ValueError as error:
            raise ApiError(400, "INVALID", str(error)) from None
        yield page["entries"]
        if not (before := _goes_on(page)):
            return


async def _merchants_page(visit: Visit, filters: Filters, before: int, size: int) -> Json:
    """Return requests of a merchant's keys. Raises ValueError, in words, for a filter that is wrong."""
    merchant_id, mode, log = visit.person.merchant_id, visit.session.mode, visit.rooms.requests
    assert merchant_id
    wanted = asked(filters) | {"before_seq": before, "page_size": size}
    page = await log.page(merchant_id, mode, **wanted)
    if not page["entries"] and wanted.pop("trace_ids", None) and parse_uuid(filters["id"]):
        # a client that brings a trace of its own has that, and the edge's id beside it
        page = await log.page(merchant_id, mode, **wanted, request_id=filters["id"])
    return page


def asked(filters: Filters) -> dict[str, Any]:
    """Return filters as the audit takes them. Raises ValueError, in words, for one that is wrong."""
    found: dict[str, Any] = {"path": filters.get("path", "")}
    if not found["path"].isprintable():
        raise ValueError("A path is written as /v1/payments.")
    if key := filters.get("key"):
        if parse_uuid(key) is None:
            raise ValueError("A key is named by its id, as the list of keys shows it.")
        found["key_id"] = str(parse_uuid(key))
    if status := filters.get("status"):
        if status not in STATUSES and not _STATUS.fullmatch(status):
            raise ValueError("A status is written as 404, or as 4xx for all that begin so.")
        found["status_from"], found["status_to"] = STATUSES.get(status) or (int(status), int(status))
    if identity := filters.get("id"):
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
    shown = await _shown(visit, AUDIT, _anybodys_page)
    people = {found for one in shown["entries"] if (found := _person(one["key_id"]))}
    names = await visit.rooms.accounts.names(people)
    return visit.render(
        "audit.html",
        400 if shown["refused"] else 200,
        **shown,
        names={f"{_PERSON}{user_id}": email for user_id, email in names.items()},
    )


async def _anybodys_page(visit: Visit, filters: Filters, before: int, size: int) -> Json:
    """Return requests of whomever. Raises ValueError, in words, for a filter that is wrong."""
    wanted = _filters(filters) | {"before_seq": before, "page_size": size}
    page = await visit.rooms.requests.search(**wanted)
    if not page["entries"] and wanted.pop("trace_id", None) and parse_uuid(filters["id"]):
        # a client that brings a trace of its own has that, and the edge's id beside it
        page = await visit.rooms.requests.search(**wanted, request_id=filters["id"])
    return page


def _person(key: str) -> UUID | None:
    return parse_uuid(key.removeprefix(_PERSON)) if key.startswith(_PERSON) else None


def _filters(filters: Filters) -> dict[str, Any]:
    """Return filters as the audit takes them. Raises ValueError, in words, for one that is wrong."""
    key = filters.get("key", "")
    found = asked({name: value for name, value in filters.items() if name != "key" or not _person(key)})
    if user_id := _person(key):
        found["key_id"] = f"{_PERSON}{user_id}"
    if traces := found.pop("trace_ids", None):
        (found["trace_id"],) = traces
    if merchant := filters.get("merchant"):
        merchant_id = parse_uuid(merchant)
        if merchant_id is None:
            raise ValueError("A merchant is named by its id, as the list of merchants shows it.")
        found["merchant_id"] = str(tenant_of(merchant_id, filters.get("mode") or "live"))
    if day := filters.get("from"):
        found["from_time"] = _day(day)
    if day := filters.get("to"):
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


_COLUMNS = "time method path http_status detail rpc key_id client user_agent duration_us request_id trace_id"
REQUESTS = Listing(
    "requests", "keys:read", FILTERS, tuple(_COLUMNS.split()), partial(_rows, _merchants_page), "/requests"
)
AUDIT = Listing(
    "audit",
    PLATFORM,
    AUDIT_FILTERS,
    ("seq", *_COLUMNS.split(), "merchant_id", "mode", "grpc_status", "flags", "idempotency_key", "source"),
    partial(_rows, _anybodys_page),
    "/platform/audit",
)
LISTINGS = (REQUESTS, AUDIT)
PAGES = [
    Page("GET", "/requests", requests, scope="keys:read"),
    Page("GET", "/platform/audit", audit, scope=PLATFORM),
    Page("GET", "/platform/audit/chain", chain, scope=PLATFORM),
]
