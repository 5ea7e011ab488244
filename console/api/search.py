"""The search: whatever a person has in hand."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import timedelta

from starlette.responses import Response

from console.api.web import Page, Visit
from console.clients.merchant_api import ApiError, Json, MerchantApi
from mesh.ids import parse_uuid, utc_now

FOUND = 20
"""How many of each are shown."""
AMOUNT_DAYS = 30
"""Of how many days amounts are looked for."""
Found = dict[str, list[Json]]
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
            ("payment_links", "payment_links"),
            ("events", "events"),
            ("refunds", "payments"),
        ):
            if found := await _found(api, kind, text):
                return visit.go(f"/{page}/{found['payment_id'] if kind == 'refunds' else text}")
    found = await _by_name(api, text) or await _by_reference(api, text) or await _by_amount(api, text)
    only = [(kind, rows) for kind, rows in found.items() if rows]
    if len(only) == 1 and len(only[0][1]) == 1:
        (kind, (row,)) = only[0]
        return visit.go(f"/{kind}/{row[f'{kind[:-1]}_id']}")
    return visit.render("found.html", 200 if only else 404, text=text, days=AMOUNT_DAYS, **found)


async def _by_name(api: MerchantApi, text: str) -> Found:
    """Return the orders of a number, or with a `key=value` in their metadata: what an index has."""
    asked = {"number": _rows(api, "orders", merchant_order_id=text[:128])}
    key, is_pair, value = text.partition("=")
    if is_pair and key and value:
        asked["metadata"] = _rows(api, "orders", metadata_key=key[:40], metadata_value=value[:500])
    orders = answered(await asyncio.gather(*asked.values(), return_exceptions=True))
    return {"orders": orders} if orders else {}


async def _by_reference(api: MerchantApi, text: str) -> Found:
    """Return the payment that a provider's dashboard and reports call so."""
    payments = await _rows(api, "payments", provider_reference=text[:255])
    return {"payments": payments} if payments else {}


async def _by_amount(api: MerchantApi, text: str) -> Found:
    """Return the newest orders and payments of an amount. No index has those, so that only some days are looked at."""
    amount = _AMOUNT.fullmatch(text)
    if amount is None:
        return {}
    value, currency = amount["value"].replace(",", "."), (amount["before"] or amount["after"] or "").upper()
    since = (utc_now() - timedelta(days=AMOUNT_DAYS)).isoformat()
    kinds = ("orders", "payments")
    asked = [
        _rows(api, kind, min_amount=value, max_amount=value, currency=one, create_time_from=since)
        for one in ([_SIGNS.get(currency, currency)] if currency else _USUAL)
        for kind in kinds
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    if not answered(answers):
        return {}
    return {
        kind: [row for rows in answers[place :: len(kinds)] if isinstance(rows, list) for row in rows]
        for place, kind in enumerate(kinds)
    }


def answered(answers: Sequence[list[Json] | BaseException]) -> list[Json]:
    """Return the rows of several lists, each once. Raises what a list failed with only when no other has any."""
    rows = [row for rows in answers if isinstance(rows, list) for row in rows]
    if not rows:
        for error in answers:
            if isinstance(error, BaseException):
                raise error
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
