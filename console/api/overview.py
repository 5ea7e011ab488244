"""The first page, and the search."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from console.api.formats import parsed
from console.api.web import Page, Visit
from console.clients.merchant_api import ApiError, Json, MerchantApi
from mesh.ids import parse_uuid, utc_now

DAYS = 14
CHART_WIDTH, CHART_HEIGHT, BAR = 420, 96, 22
_TAKEN = ("SUCCESS", "AUTHORIZED")
_OPEN = ("INITIATED", "PROCESSING", "REQUIRES_ACTION", "NEEDS_REVIEW")


async def overview(visit: Visit) -> Response:
    """Show how the newest payments went, and what waits for somebody."""
    if visit.person.is_operator:
        return visit.go("/platform")
    api = await visit.api()
    payments, disputes, endpoints = await asyncio.gather(
        api.get("payments", page_size=100),
        api.get("disputes", page_size=100),
        api.get("webhook_endpoints"),
    )
    newest = payments.get("payments", [])
    return visit.render(
        "overview.html",
        payments=newest[:8],
        counted=len(newest),
        volume=_volume(newest),
        chart=_chart(newest),
        rates=_rates(newest),
        open_payments=sum(payment["status"] in _OPEN for payment in newest),
        uncaptured=sum(payment["status"] == "AUTHORIZED" for payment in newest),
        disputes=[one for one in disputes.get("disputes", []) if one["status"] == "NEEDS_RESPONSE"],
        stopped=[one for one in endpoints.get("webhook_endpoints", []) if not one.get("enabled")],
    )


async def search(visit: Visit) -> Response:
    """Go to what an id names, or list what an order number finds."""
    text = visit.query("q")
    if not text:
        return visit.go("/payments")
    api = await visit.api()
    if parse_uuid(text):
        for kind, page in (
            ("payments", "payments"),
            ("orders", "orders"),
            ("disputes", "disputes"),
            ("events", "events"),
            ("refunds", "payments"),
        ):
            if found := await _found(api, kind, text):
                return visit.go(f"/{page}/{found['payment_id'] if kind == 'refunds' else text}")
    orders = (await api.get("orders", merchant_order_id=text, page_size=50)).get("orders", [])
    if len(orders) == 1:
        return visit.go(f"/orders/{orders[0]['order_id']}")
    if orders:
        return visit.render("orders.html", orders=orders, next_page="")
    return visit.render(
        "error.html", 404, title="Nothing found", words="Search by an order number of yours, or by any id."
    )


async def _found(api: MerchantApi, kind: str, identity: str) -> Json | None:
    try:
        return await api.get(kind, identity)
    except ApiError as error:
        if error.status in (403, 404):
            return None
        raise


def _volume(payments: Iterable[Json]) -> list[dict[str, str]]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for payment in payments:
        if amount := payment.get("captured_amount"):
            sums[amount["currency"]] += Decimal(amount["value"])
    ordered = sorted(sums.items(), key=lambda one: one[1], reverse=True)
    return [{"value": str(value), "currency": currency} for currency, value in ordered]


def _rates(payments: Iterable[Json]) -> list[dict[str, Any]]:
    """Return, by provider, how many of the payments that are decided were taken."""
    seen: dict[str, list[bool]] = defaultdict(list)
    for payment in payments:
        if payment["status"] in (*_TAKEN, "FAILED"):
            seen[payment["provider"] or "none"].append(payment["status"] in _TAKEN)
    return [
        {"provider": provider, "count": len(taken), "percent": round(100 * sum(taken) / len(taken))}
        for provider, taken in sorted(seen.items())
    ]


def _chart(payments: Sequence[Json]) -> list[dict[str, Any]]:
    """Return a bar for each of the last days: how many payments began on it, of which taken."""
    today = utc_now().date()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    counts: dict[date, list[int]] = {day: [0, 0] for day in days}
    for payment in payments:
        moment = parsed(payment.get("create_time", ""))
        if moment and moment.date() in counts:
            counts[moment.date()][0] += 1
            counts[moment.date()][1] += payment["status"] in _TAKEN
    most = max(all_of_day for all_of_day, _ in counts.values()) or 1
    scale = CHART_HEIGHT / most
    step = CHART_WIDTH / DAYS
    return [
        {
            "x": round(place * step + (step - BAR) / 2, 1),
            "all": round(number * scale, 1),
            "taken": round(taken * scale, 1),
            "label": f"{day:%d %b}: {number} payments, {taken} taken",
            "day": f"{day:%d}",
        }
        for place, (day, (number, taken)) in enumerate(counts.items())
    ]


PAGES = [
    Page("GET", "/", overview),
    Page("GET", "/search", search, scope="orders:read"),
]
