"""`fusionxpay export`: payments, refunds, disputes or orders of a time as CSV or JSON Lines, however many they are."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, TextIO

import httpx
import typer

from cli.merchant_api import DEFAULT_GATEWAY, ApiKey, Gateway, Json, merchant_api, read
from cli.moments import FORMATS

PAGE_SIZE = 100
SPREADSHEET_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would run instead of showing it."""


class What(StrEnum):
    """What can be exported."""

    ORDERS = "orders"
    PAYMENTS = "payments"
    REFUNDS = "refunds"
    DISPUTES = "disputes"


class Form(StrEnum):
    """How it is written."""

    CSV = "csv"
    JSONL = "jsonl"


_SHARED = ("status", "amount.value", "amount.currency", "create_time", "update_time")
COLUMNS = {
    What.ORDERS: ("order_id", "merchant_order_id", *_SHARED, "paid_amount.value", "refunded_amount.value"),
    What.PAYMENTS: (
        *("payment_id", "order_id", "provider", "provider_reference", *_SHARED),
        *("captured_amount.value", "refunded_amount.value", "failure.code"),
    ),
    What.REFUNDS: ("refund_id", "payment_id", "order_id", *_SHARED, "provider_reference", "reason", "failure.code"),
    What.DISPUTES: ("dispute_id", "payment_id", "order_id", *_SHARED, "reason", "respond_before"),
}
"""The columns of CSV: paths in the JSON of the API. JSON Lines has all there is."""


def export(
    what: Annotated[What, typer.Argument(help="What is exported.")],
    since: Annotated[datetime, typer.Option("--from", formats=FORMATS, help="Created from here on, UTC.")],
    until: Annotated[datetime, typer.Option("--to", formats=FORMATS, help="Created before, UTC.")],
    form: Annotated[Form, typer.Option("--format", help="How it is written.")] = Form.CSV,
    status: Annotated[list[str] | None, typer.Option(help="Only in this status; repeat it for several.")] = None,
    gateway: Gateway = DEFAULT_GATEWAY,
    api_key: ApiKey = "",
) -> None:
    """Export a span of time to the standard output, oldest first; it includes its start and not its end.

    Amounts are decimals in the currency's own unit, times are RFC 3339 in UTC. It reads page by page and keeps none.
    """
    query: Json = {
        "create_time_from": since.replace(tzinfo=UTC).isoformat(),
        "create_time_to": until.replace(tzinfo=UTC).isoformat(),
        "order_by": "create_time asc",
        "page_size": PAGE_SIZE,
        "statuses": status or [],
    }
    with merchant_api(gateway, api_key) as api:
        _write(_items(api, what, query), what, form, sys.stdout)


def _items(api: httpx.Client, what: What, query: Json) -> Iterator[Json]:
    token = ""
    while True:
        page = read(api.get(f"/v1/{what}", params=query | ({"page_token": token} if token else {})))
        yield from page[what]
        token = page["next_page_token"]
        if not token:
            return


def _write(items: Iterator[Json], what: What, form: Form, out: TextIO) -> None:
    if form is Form.JSONL:
        out.writelines(json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n" for item in items)
        return
    lines = csv.writer(out)
    lines.writerow(COLUMNS[what])
    for item in items:
        lines.writerow([_cell(item, path) for path in COLUMNS[what]])


def _cell(item: Any, path: str) -> str:
    for name in path.split("."):
        item = item.get(name, "") if isinstance(item, dict) else ""
    text = str(item)
    return f"'{text}" if text.startswith(SPREADSHEET_FORMULA) else text
