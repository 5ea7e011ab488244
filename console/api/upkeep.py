"""For operators: circuits, maintenance of providers, and what waits in outboxes and before consumers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response

from console.api.lists.listing import Filters, Listing, Rows, about
from console.api.platform import PLATFORM, tripped
from console.api.web import Page, Visit
from console.clients.merchant_api import ApiError

LENGTHS = {"30": "30 minutes", "60": "1 hour", "240": "4 hours", "720": "12 hours", "1440": "1 day", "4320": "3 days"}
"""How long a maintenance lasts, in minutes, and in words."""


async def circuits(visit: Visit) -> Response:
    """Show which calls get through to which provider."""
    found = await visit.rooms.operators.providers()
    return visit.render("circuits.html", providers=[tripped(one) for one in found])


async def maintenance(visit: Visit) -> Response:
    """Show which providers are taken out of routing, and which were."""
    return await _maintenance(visit)


async def _maintenance(visit: Visit, status: int = 200, **values: Any) -> Response:
    operators = visit.rooms.operators
    found = await operators.maintenances()
    providers = [one["name"] for one in await operators.providers()]
    listed = await about(visit, MAINTENANCES, {})
    return visit.render(
        "maintenance.html", status, maintenances=found, providers=providers, lengths=LENGTHS, **listed, **values
    )


async def _maintenance_rows(visit: Visit, _: Filters) -> Rows:
    yield await visit.rooms.operators.maintenances()


async def start(visit: Visit) -> Response:
    """Take a provider out of routing."""
    form = visit.form
    try:
        until = _until(form.get("until", "").strip(), form.get("minutes", ""))
        await visit.rooms.operators.start_maintenance(
            form.get("provider", ""), until, visit.person.email, form.get("why", "").strip()
        )
    except ValueError as error:
        return await _maintenance(visit, 400, error=str(error), typed=form)
    except ApiError as error:
        if error.status >= 500:
            raise
        return await _maintenance(visit, error.status, error=error.words, typed=form)
    return visit.go("/platform/maintenance", "drained")


def _until(text: str, minutes: str) -> datetime:
    """Return when it ends. Raises ValueError, in words."""
    if not text:
        return datetime.now(UTC) + timedelta(minutes=int(minutes) if minutes in LENGTHS else 60)
    try:
        time = datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError("A time is written as 2030-01-31 18:00, in UTC.") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


async def end(visit: Visit) -> Response:
    """Let routing give it payments again."""
    try:
        await visit.rooms.operators.end_maintenance(visit.path("provider"), visit.person.email)
    except ApiError as error:
        if error.status >= 500:
            raise
        return await _maintenance(visit, error.status, error=error.words)
    return visit.go("/platform/maintenance", "undrained")


async def backlog(visit: Visit) -> Response:
    """Show what is not published yet, and not applied yet."""
    return visit.render("backlog.html", backlogs=await visit.rooms.operators.backlogs())


MAINTENANCES = Listing(
    "maintenances",
    PLATFORM,
    (),
    ("maintenance_id", "provider", "operator", "why", "create_time", "until_time", "end_time", "ended_by", "active"),
    _maintenance_rows,
    "/platform/maintenance",
)
LISTINGS = (MAINTENANCES,)
PAGES = [
    Page("GET", "/platform/circuits", circuits, scope=PLATFORM),
    Page("GET", "/platform/maintenance", maintenance, scope=PLATFORM),
    Page("POST", "/platform/maintenance", start, scope=PLATFORM),
    Page("POST", "/platform/maintenance/{provider}", end, scope=PLATFORM),
    Page("GET", "/platform/backlog", backlog, scope=PLATFORM),
]
