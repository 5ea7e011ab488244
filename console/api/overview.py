"""The first page."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from console.api.formats import parsed
from console.api.web import Page, Visit
from console.clients.merchant_api import Json, MerchantApi
from mesh.ids import utc_now

DAYS, SPANS = 14, ("7", "14", "30")
MAX_PAGES = 5
"""Of a span, with 100 payments each: of who has more the newest tell what part was taken, and nothing that is a sum."""
MOST_CURRENCIES = 6
"""Of which each has a figure of its own."""
PATIENCE_SECONDS = 0.1
CHART_WIDTH, CHART_HEIGHT = 420, 96
_TAKEN = ("SUCCESS", "AUTHORIZED")
_HELD = "AUTHORIZED"
_OPEN = ("INITIATED", "PROCESSING", "REQUIRES_ACTION", "NEEDS_REVIEW")


@dataclass(frozen=True)
class Span:
    """The payments that began in some days, and whether they are all of them."""

    payments: list[Json]
    is_whole: bool


async def overview(visit: Visit) -> Response:
    """Show how some days went, beside as many before, and what waits for somebody."""
    if visit.person.is_operator:
        return visit.go("/platform")
    api = await visit.api()
    days = int(visit.query("days")) if visit.query("days") in SPANS else DAYS
    since = (utc_now() - timedelta(days=days)).isoformat()
    figures, newest, (waiting, held), (disputes, respond_before, missed), endpoints, undelivered = await together(
        _figures(visit, api, days),
        api.get("payments", page_size=8),
        _unended(api),
        _unanswered(api),
        api.get("webhook_endpoints"),
        api.get("deliveries", statuses=["FAILED"], create_time_from=since, page_size=100),
    )
    return visit.render(
        "overview.html",
        days=days,
        spans=SPANS,
        **figures,
        payments=newest.get("payments", []),
        open_payments=waiting,
        uncaptured=held,
        undelivered=_count(undelivered, "deliveries"),
        since=since[:10],
        disputes=disputes,
        respond_before=respond_before,
        missed=missed,
        stopped=[one for one in endpoints.get("webhook_endpoints", []) if not one.get("enabled")],
    )


async def _unanswered(api: MerchantApi) -> tuple[str, str, int]:
    """Return how many disputes wait for an answer, the nearest deadline of those to come, and how many have passed.

    The API sorts by no deadline: of many it is the oldest whose end is near.
    """
    page = await api.get("disputes", statuses=["NEEDS_RESPONSE"], order_by="create_time asc", page_size=100)
    # one without a deadline waits for nobody
    ends = [one["respond_before"] for one in page.get("disputes", []) if one.get("respond_before")]
    now = utc_now()
    missed = [end for end in ends if (moment := parsed(end)) and moment <= now]
    return _count(page, "disputes"), min(set(ends) - set(missed), default=""), len(missed)


async def _unended(api: MerchantApi) -> tuple[str, str]:
    """Return how many payments are open and how many are uncaptured: asked for at once, and apart if they are many."""
    both = await api.get("payments", statuses=[*_OPEN, _HELD], page_size=100)
    if both.get("next_page_token"):
        waiting, held = await together(
            api.get("payments", statuses=list(_OPEN), page_size=100),
            api.get("payments", statuses=[_HELD], page_size=100),
        )
        return _count(waiting), _count(held)
    held_ones = sum(one["status"] == _HELD for one in both.get("payments", []))
    return str(len(both.get("payments", [])) - held_ones), str(held_ones)


async def together(*calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """Return what several calls return; when one fails, with what it failed, and the others are given up."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


async def _figures(visit: Visit, api: MerchantApi, days: int) -> Json:
    """Return how the days went, as the merchant's people saw it less than a minute ago, or anew.

    Many payments take longer to count than a page may: then there are no figures yet, and the page looks again. Those
    that could not be counted it does without.
    """
    glances, whose = visit.rooms.glances, (visit.person.merchant_id, visit.session.mode, days)
    if seen := glances.get(whose):
        return seen
    counting = glances.counted(whose, lambda: _counted(api, days))
    done, _ = await asyncio.wait({counting}, timeout=PATIENCE_SECONDS)
    return counting.result() if done else {"is_counting": True}


async def _counted(api: MerchantApi, days: int) -> Json:
    now = utc_now()
    since = now - timedelta(days=days)
    span = await _span(api, since, now)
    # what is not whole is compared with nothing
    before = await _span(api, since - timedelta(days=days), since) if span.is_whole else Span([], is_whole=False)
    return {
        "counted": len(span.payments),
        "is_whole": span.is_whole,
        "tiles": _compared(span, before),
        "chart": _chart(span.payments, days) if span.is_whole else [],
        "rates": _rates(span.payments),
    }


async def _span(api: MerchantApi, since: datetime, until: datetime) -> Span:
    """Return the newest payments of a span of time, as many as a page may ask for."""
    asked = {"create_time_from": since.isoformat(), "create_time_to": until.isoformat(), "page_size": 100}
    found: list[Json] = []
    token = ""
    for _ in range(MAX_PAGES):
        page = await api.get("payments", **asked, page_token=token)
        found += page.get("payments", [])
        if not (token := page.get("next_page_token", "")):
            return Span(found, is_whole=True)
    return Span(found, is_whole=False)


def _count(page: Json, kind: str = "payments") -> str:
    return f"{len(page.get(kind, []))}{'+' if page.get('next_page_token') else ''}"


def _compared(span: Span, before: Span) -> list[dict[str, Any]]:
    """Return figures with how they changed since the days before; of some payments alone only what part was taken."""
    rate, rate_before = _rate(span.payments), _rate(before.payments)
    part = "–" if rate is None else f"{rate} %"
    if not span.is_whole:
        counted = len(span.payments)
        return [
            {"label": "Payments", "value": f"{counted}+", "note": "too many to sum up here: export them"},
            {"label": "Taken of decided", "value": part, "note": f"of the newest {counted}"},
        ]
    is_whole = before.is_whole
    tiles = _money(span, before)
    count, past = Decimal(len(span.payments)), Decimal(len(before.payments))
    tiles.append({"label": "Payments", "value": str(count), "change": _change(count, past, is_whole=is_whole)})
    points = None if rate is None or rate_before is None or not is_whole else f"{rate - rate_before:+d} points"
    tiles.append({"label": "Taken of decided", "value": part, "change": points})
    return tiles


def _money(span: Span, before: Span) -> list[dict[str, Any]]:
    """Return what was captured in each currency."""
    now, then = _sums(span.payments), _sums(before.payments)
    tiles: list[dict[str, Any]] = [
        {
            "label": "Captured",
            "amount": {"value": str(value), "currency": currency},
            "change": _change(value, then.get(currency, Decimal()), is_whole=before.is_whole),
        }
        for currency, value in list(now.items())[:MOST_CURRENCIES]
    ] or [{"label": "Captured", "amount": None, "change": None}]
    if len(now) > MOST_CURRENCIES:
        others = ", ".join(list(now)[MOST_CURRENCIES:])
        tiles.append({"label": "Captured in more currencies", "value": str(len(now) - MOST_CURRENCIES), "note": others})
    return tiles


def _change(now: Decimal, before: Decimal, *, is_whole: bool) -> str | None:
    return f"{round(100 * (now - before) / before):+d} %" if is_whole and before else None


def _rate(payments: Iterable[Json]) -> int | None:
    taken = [one["status"] in _TAKEN for one in payments if one["status"] in (*_TAKEN, "FAILED")]
    return round(100 * sum(taken) / len(taken)) if taken else None


def _sums(payments: Iterable[Json]) -> dict[str, Decimal]:
    """Return what was captured by currency, that of the most payments first: amounts of two are not compared."""
    values: dict[str, list[Decimal]] = defaultdict(list)
    for payment in payments:
        if amount := payment.get("captured_amount"):
            values[amount["currency"]].append(Decimal(amount["value"]))
    by_count = sorted(values.items(), key=lambda one: (-len(one[1]), one[0]))
    return {currency: sum(each, Decimal()) for currency, each in by_count}


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


def _chart(payments: Iterable[Json], days: int) -> list[dict[str, Any]]:
    """Return a bar for each day: how many payments began on it, of which taken."""
    today = utc_now().date()
    shown = [today - timedelta(days=back) for back in reversed(range(days))]
    counts: dict[date, list[int]] = {day: [0, 0] for day in shown}
    for payment in payments:
        moment = parsed(payment.get("create_time", ""))
        if moment and moment.date() in counts:
            counts[moment.date()][0] += 1
            counts[moment.date()][1] += payment["status"] in _TAKEN
    most = max(all_of_day for all_of_day, _ in counts.values()) or 1
    scale, step = CHART_HEIGHT / most, CHART_WIDTH / days
    return [
        {
            "x": round(place * step + step * 0.13, 1),
            "width": round(step * 0.74, 1),
            "middle": round((place + 0.5) * step, 1),
            "all": round(number * scale, 1),
            "taken": round(taken * scale, 1),
            "label": f"{day:%d %b}: {number} payments, {taken} taken",
            # of many days only some have room for their names
            "day": f"{day:%d}" if days < 20 or place % 3 == 0 else "",
        }
        for place, (day, (number, taken)) in enumerate(counts.items())
    ]


PAGES = [Page("GET", "/", overview)]
