"""The request log: what a merchant's keys have asked, and how it was answered, as the audit has it."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from console.api.web import Page, Visit
from console.clients.merchant_api import Json
from mesh.ids import parse_uuid

PAGE_SIZE = 50
STATUSES = {"2xx": (200, 299), "3xx": (300, 399), "4xx": (400, 499), "5xx": (500, 599)}
FILTERS = ("key", "status", "path", "id")
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


PAGES = [Page("GET", "/requests", requests, scope="keys:read")]
