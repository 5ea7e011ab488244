"""Payment links, for a merchant's people: list, make, switch off, and what was paid by each."""

from __future__ import annotations

import asyncio
import re
from datetime import date
from typing import Any

from starlette.responses import Response

from console.api.lists.listing import LISTINGS, show
from console.api.web import Page, Visit
from console.clients.merchant_api import ApiError, Json

VERBS = {"enable": True, "disable": False}


async def links(visit: Visit) -> Response:
    """List links, newest first."""
    return await show(visit, LISTINGS["payment_links"], "links.html")


async def create(visit: Visit) -> Response:
    """Make a link and show it; what is refused is said beside its field, with what was typed."""
    form, attempt = visit.form, visit.form.get("attempt", "")
    try:
        made = await (await visit.api()).post("payment_links", body=_asked(form), attempt=attempt)
    except ApiError as error:
        if error.status >= 500:
            raise
        said = {_FIELDS.get(name, name): words for name, words in error.fields.items()}
        return await show(
            *(visit, LISTINGS["payment_links"], "links.html", error.status),
            typed=dict(form),
            wrong=said or {"": error.words},
        )
    return visit.go(f"/payment_links/{made['payment_link_id']}", "link_made")


_FIELDS = {"amount.value": "amount", "amount.currency": "currency"}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def _asked(form: Any) -> Json:
    """Return what a form asks for. Raises ApiError for what the API would read as something else."""
    uses = form.get("max_uses", "").strip() or "1"
    if not re.fullmatch("[1-9][0-9]{0,4}", uses):
        raise ApiError(400, "INVALID", "Not made.", {"max_uses": "must be a whole number from 1 to 10000"})
    body: Json = {
        "amount": {
            "value": form.get("amount", "").strip(),
            "currency": form.get("currency", "").strip().upper(),
        },
        "description": form.get("description", "").strip(),
        "merchant_order_id": form.get("merchant_order_id", "").strip(),
        "return_url": form.get("return_url", "").strip(),
        "max_uses": int(uses),
    }
    if last_day := form.get("expires", "").strip():
        body["expire_time"] = _end_of(last_day)
    return body


def _end_of(day: str) -> str:
    """Return the end of a day, in UTC."""
    try:
        known = date.fromisoformat(day) if _DAY.fullmatch(day) else None
    except ValueError:
        known = None
    if known is None:
        raise ApiError(400, "INVALID", "Not made.", {"expire_time": "must be a day such as 2026-12-31"})
    return f"{known}T23:59:59Z"


async def link(visit: Visit) -> Response:
    """Show a link with its address, its picture and its orders."""
    api, link_id = await visit.api(), visit.path("payment_link_id")
    shown, orders = await asyncio.gather(
        api.get("payment_links", link_id), _orders(visit, link_id) if visit.person.may("orders:read") else _none()
    )
    return visit.render("link.html", link=shown, orders=orders.get("orders", []), next_page=orders["next_page_token"])


async def _orders(visit: Visit, link_id: str) -> Json:
    api = await visit.api()
    return await api.get("orders", payment_link_id=link_id, page_size=25, page_token=visit.query("page"))


async def _none() -> Json:
    return {"orders": [], "next_page_token": ""}


async def change(visit: Visit) -> Response:
    """Switch a link off, or on again."""
    api, link_id = await visit.api(), visit.path("payment_link_id")
    enabled = VERBS.get(visit.form.get("verb", ""))
    if enabled is None:
        raise ApiError(400, "INVALID", "Choose what to do with the link.")
    await api.patch("payment_links", link_id, body={"enabled": enabled})
    return visit.go(f"/payment_links/{link_id}", "saved")


PAGES = [
    Page("GET", "/payment_links", links, scope="links:read"),
    Page("POST", "/payment_links", create, scope="links:write"),
    Page("GET", "/payment_links/{payment_link_id}", link, scope="links:read"),
    Page("POST", "/payment_links/{payment_link_id}", change, scope="links:write"),
]
