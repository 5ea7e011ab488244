"""Lists: their filters, the filters that people keep, and what is saved of them as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse

from console.api.web import Page, Visit
from console.clients.merchant_api import ApiError, Json, MerchantApi
from mesh.ids import parse_uuid, utc_now

PAGE_SIZE = 25
MAX_ROWS = 10_000
"""Of a file; longer ones are for `fusionxpay export`, which goes on where it was cut off."""
MAX_NAME = 40
AMOUNT_DAYS = 30
"""In how many days amounts are looked for where no days are given: the search looks as far."""
PAYMENT_STATUSES = (
    *("SUCCESS", "AUTHORIZED", "REQUIRES_ACTION", "PROCESSING", "INITIATED", "NEEDS_REVIEW", "FAILED", "CANCELLED"),
)
ORDER_STATUSES = ("NEW", "PROCESSING", "SUCCESS", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_REFUNDED", "REFUNDED")
REFUND_STATUSES = ("PENDING", "SUCCESS", "FAILED", "NEEDS_REVIEW")
DISPUTE_STATUSES = ("NEEDS_RESPONSE", "UNDER_REVIEW", "WON", "LOST", "CLOSED")
_MONEY = ("since", "until", "currency", "min", "max")
_NAMES = {"min": "min_amount", "max": "max_amount"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Listing:
    """A list of the public API: its resource, what it is filtered by, and the columns of its file."""

    name: str
    scope: str
    filters: tuple[str, ...]
    columns: tuple[str, ...]
    statuses: tuple[str, ...] = ()


def _listing(name: str, statuses: tuple[str, ...], more: str, columns: str) -> Listing:
    common = "amount.value amount.currency status create_time update_time"
    filters = ("status", *_MONEY, *more.split())
    return Listing(name, f"{name}:read", filters, (*columns.split(), *common.split()), statuses)


LISTINGS: Mapping[str, Listing] = {
    one.name: one
    for one in (
        _listing(
            "payments",
            PAYMENT_STATUSES,
            "provider",
            "payment_id order_id provider provider_reference captured_amount.value refunded_amount.value failure.code",
        ),
        _listing(
            "orders", ORDER_STATUSES, "merchant_order_id metadata", "order_id merchant_order_id description metadata"
        ),
        _listing("refunds", REFUND_STATUSES, "", "refund_id payment_id order_id provider_reference reason"),
        _listing(
            "disputes",
            DISPUTE_STATUSES,
            "",
            "dispute_id payment_id order_id provider_reference reason respond_before",
        ),
        Listing(
            "payment_links",
            "links:read",
            ("merchant_order_id",),
            (
                *("payment_link_id", "url", "merchant_order_id", "description", "amount.value", "amount.currency"),
                *("status", "max_uses", "uses", "paid_uses", "expire_time", "create_time", "update_time"),
            ),
        ),
        Listing(
            "events",
            "events:read",
            ("type",),
            ("event_id", "type", "resource_id", "resource_version", "order_id", "create_time"),
        ),
    )
}


def chosen(visit: Visit, listing: Listing) -> dict[str, str]:
    """Return the filters that an address has."""
    found = {name: visit.query(name)[:200] for name in listing.filters}
    if found.get("status", "") not in ("", *listing.statuses):
        found["status"] = ""
    return {name: value for name, value in found.items() if value}


def asked(filters: Mapping[str, str]) -> dict[str, Any]:
    """Return filters as the API takes them. Raises ApiError for a day that is none, and an amount of no currency."""
    params: dict[str, Any] = {}
    if filters.keys() & {"min", "max"} and "currency" not in filters:
        raise ApiError(400, "INVALID", "An amount needs its currency.")
    for name, value in filters.items():
        if name == "since":
            params["create_time_from"] = f"{_day(name, value)}T00:00:00Z"
        elif name == "until":
            # the whole of the last day
            params["create_time_to"] = f"{_day(name, value) + timedelta(days=1)}T00:00:00Z"
        elif name == "status":
            # refunds and disputes know no single one
            params["statuses"] = [value]
        elif name == "metadata":
            params["metadata_key"], _, params["metadata_value"] = value.partition("=")
        else:
            params[_NAMES.get(name, name)] = value.upper() if name == "currency" else value
    return params


def bounded(filters: Mapping[str, str]) -> dict[str, Any]:
    """Return filters as the API takes them; amounts, of which no index is kept, are looked for in so many days."""
    params = asked(filters)
    if is_bounded(filters):
        params["create_time_from"] = f"{utc_now().date() - timedelta(days=AMOUNT_DAYS)}T00:00:00Z"
    return params


def is_bounded(filters: Mapping[str, str]) -> bool:
    """Whether a list is one of amounts, and of no days."""
    return bool(filters.keys() & {"min", "max", "currency"}) and not filters.keys() & {"since", "until"}


def _day(name: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.max
    if not 1970 < day.year < 9998:
        raise ApiError(400, "INVALID", "A day is written as 2026-01-31.", {name: "is no day, such as 2026-01-31"})
    return day


async def show(visit: Visit, listing: Listing, template: str, status: int = 200, **values: Any) -> Response:
    """Show a page of a list; what is wrong with its filters is said above it."""
    filters, api = chosen(visit, listing), await visit.api()
    refused, page = "", {}
    try:
        page = await api.get(listing.name, **bounded(filters), page_token=visit.query("page"), page_size=PAGE_SIZE)
    except ApiError as error:
        if error.status != 400:
            raise
        said = [f"{name} {words}" for name, words in error.fields.items()]
        status, refused = 400, ", ".join(said) or error.words
    return visit.render(
        template,
        status,
        **{listing.name: page.get(listing.name, [])},
        listing=listing,
        filters=filters,
        days=AMOUNT_DAYS if is_bounded(filters) else 0,
        kept=urlencode(filters),
        views=await visit.rooms.views.of(visit.person.user_id, listing.name),
        refused=refused,
        next_page=page.get("next_page_token", ""),
        **values,
    )


async def export(listing: Listing, visit: Visit) -> Response:
    """Send a list as CSV, page by page. A file that cannot be finished is cut off, so that the browser says so."""
    api, params = await visit.api(), bounded(chosen(visit, listing))
    first = await api.get(listing.name, **params, page_size=100)
    name = f"{listing.name}-{visit.session.mode}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_file(listing, api, params, first), media_type="text/csv", headers=headers)


async def _file(listing: Listing, api: MerchantApi, params: Json, page: Json) -> AsyncGenerator[str]:
    yield _line(listing.columns)
    for _ in range(MAX_ROWS // 100):
        yield "".join(_line([_cell(row, column) for column in listing.columns]) for row in page.get(listing.name, []))
        if not (token := page.get("next_page_token")):
            return
        page = await api.get(listing.name, **params, page_size=100, page_token=token)


def _cell(row: Json, column: str) -> str:
    value: Any = row
    for part in column.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value = " ".join(f"{name}={item}" for name, item in sorted(value.items()))
    text = "" if value is None else str(value)
    # a spreadsheet would run what a customer has written
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(cells: Any) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()


async def keep(visit: Visit) -> Response:
    """Keep the filters of a list under a name, or forget them."""
    form, views, user_id = visit.form, visit.rooms.views, visit.person.user_id
    listing = LISTINGS.get(form.get("list", ""))
    if listing is None or not visit.person.may(listing.scope):
        raise ApiError(404, "NOT_FOUND", "There is no such list.")
    if view_id := parse_uuid(form.get("forget", "")):
        await views.forget(user_id, view_id)
        return visit.go(f"/{listing.name}")
    name = re.sub(r"\s+", " ", form.get("name", "")).strip()[:MAX_NAME]
    found = {known: form.get(known, "")[:200] for known in listing.filters}
    query = urlencode({known: value for known, value in found.items() if value})
    if not name or not query or not await views.keep(user_id, listing.name, name, query):
        raise ApiError(400, "INVALID", "Choose filters and a name for them. There is room for 20 on each list.")
    return visit.go(f"/{listing.name}?{query}", "saved")


PAGES = [
    Page("POST", "/views", keep),
    *(Page("GET", f"/export/{one.name}", partial(export, one), scope=one.scope) for one in LISTINGS.values()),
]
