"""Payments and orders: lists, one payment with all that happened to it, and what can be done."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from console.api.formats import readable, words
from console.api.lists.listing import LISTINGS, show
from console.api.overview import together
from console.api.web import Page, Visit
from console.clients.merchant_api import ROWS_MOST, ApiError, Json, MerchantApi
from mesh.ids import parse_uuid

_OF_WEBHOOKS = {"APPLIED": "good", "IGNORED": "done", "QUARANTINED": "bad", "DEAD": "bad"}
VOIDABLE = ("INITIATED", "PROCESSING", "REQUIRES_ACTION", "AUTHORIZED")


async def payments(visit: Visit) -> Response:
    """List payments, newest first."""
    return await show(visit, LISTINGS["payments"], "payments.html")


async def payment(visit: Visit) -> Response:
    """Show one payment."""
    return await _payment(visit)


async def _payment(visit: Visit, status: int = 200, **values: Any) -> Response:
    api, payment_id = await visit.api(), visit.path("payment_id")
    first = (api.get("payments", payment_id), api.every("payments", payment_id, "refunds"))
    if order_id := visit.rooms.orders_of.get(payment_id):
        shown, refunds, order, entries, events = await together(*first, *_of_order(visit, api, order_id))
    else:
        shown, refunds = await together(*first)
        visit.rooms.orders_of.keep(payment_id, shown["order_id"])
        order, entries, events = await together(*_of_order(visit, api, shown["order_id"]))
    return visit.render(
        "payment.html",
        status,
        payment=shown,
        order=order,
        entries=entries,
        refunds=refunds,
        events=events,
        most=cut(entries, refunds, events),
        left=left_of(shown),
        can_capture=shown["status"] == "AUTHORIZED",
        can_void=shown["status"] in VOIDABLE,
        **values,
    )


def cut(*lists: list[Json]) -> int:
    """Return how many rows of each list are shown, where one may be longer; else 0."""
    return ROWS_MOST if any(len(one) >= ROWS_MOST for one in lists) else 0


def _of_order(visit: Visit, api: MerchantApi, order_id: str) -> tuple[Coroutine[Any, Any, Any], ...]:
    """Return what asks for an order, its timeline, and its events."""
    events = api.every("events", order_id=order_id)
    return api.get("orders", order_id), _timeline(visit, api, order_id), events


def left_of(payment: Json) -> dict[str, str] | None:
    """Return what can still be given back of a payment; None: nothing."""
    captured = payment.get("captured_amount")
    if not captured or payment["status"] != "SUCCESS":
        return None
    gone = (payment.get("refunded_amount") or {"value": "0"})["value"]
    left = Decimal(captured["value"]) - Decimal(gone)
    return {**captured, "value": str(left)} if left > 0 else None


async def exchanges(visit: Visit) -> Response:
    """Show what was said to the provider about a payment, and by it."""
    api, payment_id = await visit.api(), visit.path("payment_id")
    found = await api.get("payments", payment_id, "provider_exchanges")
    shown = [_exchange(one) for one in reversed(found.get("exchanges", []))]
    return visit.render(
        "exchanges.html", payment_id=payment_id, exchanges=shown, has_older=found.get("has_older", False)
    )


def _exchange(said: Json) -> Json:
    """Return a call or a webhook as a line to read."""
    texts = {name: readable(said.get(name, "")) for name in ("request", "answer")}
    if said["kind"] == "WEBHOOK":
        status = said.get("status", "")
        line = {"is_webhook": True, "outcome": words(status), "tone": _OF_WEBHOOKS.get(status, "wait")}
        return said | texts | line | {"title": said["operation"], "purpose": "webhook"}
    status, micros = said.get("http_status", 0), int(said.get("duration_us", 0))
    outcome = str(status) if status else "no answer" if said.get("method") else "not sent"
    tone = "good" if 200 <= status < 400 else "act" if 400 <= status < 500 else "bad"
    title = f"{said['method']} {said['path']}" if said.get("method") else said["operation"]
    took = f"{micros / 1000:,.0f} ms" if said.get("method") else ""
    purpose = words(said["operation"]).lower()
    return said | texts | {"outcome": outcome, "tone": tone, "title": title, "took": took, "purpose": purpose}


async def capture(visit: Visit) -> Response:
    """Take the money of an authorization, all or a part."""
    api, payment_id = await visit.api(), visit.path("payment_id")
    return await _act(visit, api, payment_id, "capture", "captured")


async def cancel(visit: Visit) -> Response:
    """Void an authorization, or close the customer's page."""
    api, payment_id = await visit.api(), visit.path("payment_id")
    return await _act(visit, api, payment_id, "cancel", "cancelled")


async def refund(visit: Visit) -> Response:
    """Give money back."""
    api, payment_id = await visit.api(), visit.path("payment_id")
    return await _act(visit, api, payment_id, "refunds", "refunded")


async def _act(visit: Visit, api: MerchantApi, payment_id: str, verb: str, said: str) -> Response:
    """Do it and show the payment again; what is refused is shown beside its form, with what was typed."""
    form = visit.form
    body: Json = {}
    if form.get("amount"):
        body["amount"] = {"value": form["amount"].strip(), "currency": form.get("currency", "")}
    if form.get("reason"):
        body["reason"] = form["reason"]
    try:
        await api.post("payments", payment_id, verb, body=body, attempt=form.get("attempt", ""))
    except ApiError as error:
        if error.status >= 500 or error.status == 404:
            raise
        why = (
            error.fields.get("amount.value") or error.fields.get("amount") or error.fields.get("reason") or error.words
        )
        return await _payment(visit, error.status, refused=verb, why=why, typed=dict(form))
    return visit.go(f"/payments/{payment_id}", said)


async def orders(visit: Visit) -> Response:
    """List orders, newest first."""
    return await show(visit, LISTINGS["orders"], "orders.html")


async def order(visit: Visit) -> Response:
    """Show one order with its payments."""
    api, order_id = await visit.api(), visit.path("order_id")
    shown, paid, entries = await asyncio.gather(
        api.get("orders", order_id),
        api.every("payments", order_id=order_id),
        _timeline(visit, api, order_id),
    )
    return visit.render("order.html", order=shown, payments=paid, entries=entries, most=cut(entries, paid))


async def _timeline(visit: Visit, api: MerchantApi, order_id: str) -> list[Json]:
    """Return a timeline's entries, with who has done what was done at the console, as the audit has it."""
    entries = await api.every("orders", order_id, "timeline", field="entries")
    traces = [entry["trace_id"] for entry in entries if entry["actor"] == "merchant" and entry.get("trace_id")]
    merchant_id, rooms = visit.person.merchant_id, visit.rooms
    assert merchant_id
    try:
        keys = await rooms.requests.keys_of(merchant_id, visit.session.mode, traces)
    except ApiError:
        # the timeline is whole without it
        return entries
    ids = {key: found for key in keys.values() if (found := parse_uuid(key))}
    names = await rooms.sessions.holders(merchant_id, list(ids.values()))
    return [entry | {"person": names.get(keys.get(entry.get("trace_id", ""), ""), "")} for entry in entries]


async def cancel_order(visit: Visit) -> Response:
    """Cancel an order that nobody has paid."""
    api, order_id = await visit.api(), visit.path("order_id")
    await api.post("orders", order_id, "cancel")
    return visit.go(f"/orders/{order_id}", "order_cancelled")


async def refunds(visit: Visit) -> Response:
    """List refunds, newest first."""
    return await show(visit, LISTINGS["refunds"], "refunds.html")


async def disputes(visit: Visit) -> Response:
    """List disputes; those that wait for an answer say until when."""
    return await show(visit, LISTINGS["disputes"], "disputes.html")


async def dispute(visit: Visit) -> Response:
    """Show one dispute."""
    api = await visit.api()
    return visit.render("dispute.html", dispute=await api.get("disputes", visit.path("dispute_id")))


PAGES = [
    Page("GET", "/payments", payments, scope="payments:read"),
    Page("GET", "/payments/{payment_id}", payment, scope="payments:read"),
    Page("GET", "/payments/{payment_id}/provider", exchanges, scope="payments:read"),
    Page("POST", "/payments/{payment_id}/capture", capture, scope="payments:write"),
    Page("POST", "/payments/{payment_id}/cancel", cancel, scope="payments:write"),
    Page("POST", "/payments/{payment_id}/refunds", refund, scope="refunds:write"),
    Page("GET", "/orders", orders, scope="orders:read"),
    Page("GET", "/orders/{order_id}", order, scope="orders:read"),
    Page("POST", "/orders/{order_id}/cancel", cancel_order, scope="orders:write"),
    Page("GET", "/refunds", refunds, scope="refunds:read"),
    Page("GET", "/disputes", disputes, scope="disputes:read"),
    Page("GET", "/disputes/{dispute_id}", dispute, scope="disputes:read"),
]
