"""Lists: what they are filtered by, and those of the public API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from console.api.web import Visit
from console.clients.merchant_api import ApiError, Json
from mesh.ids import utc_now

PAGE_SIZE = 25
FILE_PAGE = 100
"""How many rows of a file are asked for at once."""
AMOUNT_DAYS = 30
"""In how many days amounts are looked for where no days are given: the search looks as far."""
PAYMENT_STATUSES = (
    *("SUCCESS", "AUTHORIZED", "REQUIRES_ACTION", "PROCESSING", "INITIATED", "NEEDS_REVIEW", "FAILED", "CANCELLED"),
)
ORDER_STATUSES = ("NEW", "PROCESSING", "SUCCESS", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_REFUNDED", "REFUNDED")
REFUND_STATUSES = ("PENDING", "SUCCESS", "FAILED", "NEEDS_REVIEW")
DISPUTE_STATUSES = ("NEEDS_RESPONSE", "UNDER_REVIEW", "WON", "LOST", "CLOSED")
DELIVERY_STATUSES = ("DELIVERED", "PENDING", "FAILED", "CANCELLED")
_MONEY = ("since", "until", "currency", "min", "max")
_NAMES = {"min": "min_amount", "max": "max_amount"}

Filters = Mapping[str, str]
Rows = AsyncGenerator[list[Json]]


@dataclass(frozen=True)
class Listing:
    """A list: where it is and for whom, what it is filtered by, and the columns and rows of its file."""

    name: str
    scope: str
    filters: tuple[str, ...]
    columns: tuple[str, ...]
    pages: Callable[[Visit, Filters], Rows]
    """All rows that fit, some at a time."""
    path: str
    statuses: tuple[str, ...] = ()


async def _pages(name: str, visit: Visit, filters: Filters) -> Rows:
    """Yield what the public API has, page by page."""
    api, params, token = await visit.api(), bounded(filters), ""
    while True:
        page = await api.get(name, **params, page_size=FILE_PAGE, page_token=token)
        yield page.get(name, [])
        if not (token := page.get("next_page_token", "")):
            return


def _of_api(
    name: str, scope: str, filters: tuple[str, ...], columns: tuple[str, ...], statuses: tuple[str, ...] = ()
) -> Listing:
    return Listing(name, scope, filters, columns, partial(_pages, name), f"/{name}", statuses)


def _of_money(name: str, statuses: tuple[str, ...], more: str, columns: str, last: str = "") -> Listing:
    common = "amount.value amount.currency status create_time update_time"
    filters = ("status", *_MONEY, *more.split())
    return _of_api(name, f"{name}:read", filters, (*columns.split(), *common.split(), *last.split()), statuses)


LISTINGS: Mapping[str, Listing] = {
    one.name: one
    for one in (
        _of_money(
            "payments",
            PAYMENT_STATUSES,
            "provider provider_reference",
            "payment_id order_id merchant_order_id provider provider_reference captured_amount.value"
            " refunded_amount.value failure.code",
            "surplus_amount.value capture_time",
        ),
        _of_money(
            "orders", ORDER_STATUSES, "merchant_order_id metadata", "order_id merchant_order_id description metadata"
        ),
        _of_money(
            "refunds",
            REFUND_STATUSES,
            "",
            "refund_id payment_id order_id merchant_order_id provider_reference reason",
            "of_surplus success_time reverse_time",
        ),
        _of_money(
            "disputes",
            DISPUTE_STATUSES,
            "",
            "dispute_id payment_id order_id merchant_order_id provider_reference reason respond_before",
            "withdrawn_amount.value withdraw_time reinstate_time in_refunds",
        ),
        _of_api(
            "payment_links",
            "links:read",
            ("merchant_order_id",),
            (
                *("payment_link_id", "url", "merchant_order_id", "description", "amount.value", "amount.currency"),
                *("status", "max_uses", "uses", "paid_uses", "expire_time", "create_time", "update_time"),
            ),
        ),
        _of_api(
            "events",
            "events:read",
            ("type",),
            ("event_id", "type", "resource_id", "resource_version", "order_id", "create_time"),
        ),
        _of_api(
            "deliveries",
            "events:read",
            ("status", "since", "until"),
            (
                *("delivery_id", "event_id", "event_type", "webhook_endpoint_id", "notification_channel_id", "status"),
                "next_attempt_time",
            ),
            DELIVERY_STATUSES,
        ),
    )
}


def chosen(visit: Visit, listing: Listing) -> dict[str, str]:
    """Return the filters that an address has."""
    found = {name: visit.query(name)[:200] for name in listing.filters}
    if listing.statuses and found.get("status", "") not in ("", *listing.statuses):
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
    for one in page.get(listing.name, []):
        if "payment_id" in one and "order_id" in one:
            visit.rooms.orders_of.keep(one["payment_id"], one["order_id"])
    return visit.render(
        template,
        status,
        **{listing.name: page.get(listing.name, [])},
        **await about(visit, listing, filters),
        days=AMOUNT_DAYS if is_bounded(filters) else 0,
        refused=refused,
        next_page=page.get("next_page_token", ""),
        **values,
    )


async def about(visit: Visit, listing: Listing, filters: Filters) -> dict[str, Any]:
    """Return what the page of a list shows of it: its filters, those that somebody keeps, and its file."""
    views = await visit.rooms.views.of(visit.person.user_id, listing.name) if listing.filters else []
    return {"listing": listing, "filters": filters, "kept": urlencode(filters), "views": views}
