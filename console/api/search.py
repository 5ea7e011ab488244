"""The search: whatever a person has in hand."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Sequence

from starlette.responses import Response

from console.api.web import Page, Visit
from console.clients.merchant_api import ApiError, Json, MerchantApi
from mesh.ids import parse_uuid

FOUND = 20
"""How many of each are shown."""
_AMOUNT = re.compile(
    r"(?P<before>[€$£¥]|[A-Za-z]{3})? ?(?P<value>[0-9]{1,12}([.,][0-9]{1,4})?) ?(?P<after>[€$£¥]|[A-Za-z]{3})?"
)
_USUAL = ("EUR", "USD", "GBP", "CHF")
"""Where an amount comes without a currency: the API takes none alone."""
_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY"}


async def search(visit: Visit) -> Response:
    """Go to what an id names, or show what an order number, an amount or a part of the metadata finds."""
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
    found = dict(zip(("orders", "payments"), await asyncio.gather(*_asked_for(api, text)), strict=True))
    only = [(kind, rows) for kind, rows in found.items() if rows]
    if len(only) == 1 and len(only[0][1]) == 1:
        (kind, (row,)) = only[0]
        return visit.go(f"/{kind}/{row[f'{kind[:-1]}_id']}")
    return visit.render("found.html", 200 if only else 404, text=text, **found)


def _asked_for(api: MerchantApi, text: str) -> list[Awaitable[list[Json]]]:
    """Return what is asked about orders and about payments for a text: a number, an amount, or `key=value`."""
    orders = [_rows(api, "orders", merchant_order_id=text[:128])]
    payments: list[Awaitable[list[Json]]] = []
    if amount := _AMOUNT.fullmatch(text):
        value, currency = amount["value"].replace(",", "."), (amount["before"] or amount["after"] or "").upper()
        for one in [_SIGNS.get(currency, currency)] if currency else _USUAL:
            sought = {"min_amount": value, "max_amount": value, "currency": one}
            orders.append(_rows(api, "orders", **sought))
            payments.append(_rows(api, "payments", **sought))
    key, is_pair, value = text.partition("=")
    if is_pair and key and value:
        orders.append(_rows(api, "orders", metadata_key=key[:40], metadata_value=value[:500]))
    return [_together(orders), _together(payments)]


async def _together(asked: Sequence[Awaitable[list[Json]]]) -> list[Json]:
    rows = [row for rows in await asyncio.gather(*asked) for row in rows]
    # one that fits twice is shown once
    return list({row.get("payment_id", row["order_id"]): row for row in rows}.values())


async def _rows(api: MerchantApi, kind: str, **params: str) -> list[Json]:
    """Return the newest rows of a list; none where the API takes no such filter."""
    try:
        rows: list[Json] = (await api.get(kind, **params, page_size=FOUND)).get(kind, [])
    except ApiError as error:
        if error.status not in (400, 403):
            raise
        return []
    return rows


async def _found(api: MerchantApi, kind: str, identity: str) -> Json | None:
    try:
        return await api.get(kind, identity)
    except ApiError as error:
        if error.status in (403, 404):
            return None
        raise


PAGES = [Page("GET", "/search", search, scope="orders:read")]
