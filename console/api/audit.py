"""For operators: the audit, searched, and whether it is as it was written."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from fusionx.audit.v1 import audit_service_pb2
from starlette.responses import Response

from console.api.platform import PLATFORM
from console.api.requests import PAGE_SIZE, asked, cursor
from console.api.web import Page, Visit
from console.clients.merchant_api import Json
from mesh.ids import parse_uuid, tenant_of

FILTERS = ("merchant", "mode", "key", "status", "path", "id", "from", "to")
WALK_SECONDS = 8.0
"""How long a page walks along the chain; the next one goes on."""
_PERSON = "user:"


async def audit(visit: Visit) -> Response:
    """List requests of whomever, newest first; what is wrong with the filters is said above it."""
    chosen = {name: visit.query(name)[:200] for name in FILTERS if visit.query(name)}
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
    Page("GET", "/platform/audit", audit, scope=PLATFORM),
    Page("GET", "/platform/audit/chain", chain, scope=PLATFORM),
]
