"""What is saved of lists, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.responses import Response, StreamingResponse

from console.api.lists.listing import Listing, Rows, chosen
from console.api.web import Visit
from console.clients.merchant_api import Json
from mesh.rpc.exports import shown_as_text

MAX_ROWS = 10_000
"""Of a file; longer ones are for `fusionxpay export`."""
CUT_OFF = "INCOMPLETE: there are more than the {most} rows above. Choose fewer days, or take `fusionxpay export`."
"""The last line of a file that has not all."""


async def export(listing: Listing, visit: Visit) -> Response:
    """Send a list as CSV, page by page. A file that cannot be finished is cut off, so that the browser says so."""
    pages = listing.pages(visit, chosen(visit, listing))
    # what is wrong with the filters is said before a file is begun
    first: list[Json] = await anext(pages, [])
    name = listing.name if visit.person.is_operator else f"{listing.name}-{visit.session.mode}"
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(_file(listing, first, pages), media_type="text/csv", headers=headers)


async def _file(listing: Listing, first: list[Json], pages: Rows) -> AsyncGenerator[str]:
    yield _line(listing.columns)
    yield _lines(listing, first)
    left = MAX_ROWS - len(first)
    async with aclosing(pages):
        async for rows in pages:
            yield _lines(listing, rows[:left])
            left -= len(rows)
            if left < 0:
                yield _line([CUT_OFF.format(most=MAX_ROWS)])
                return


def _lines(listing: Listing, rows: list[Json]) -> str:
    return "".join(_line([_cell(row, column) for column in listing.columns]) for row in rows)


def _cell(row: Json, column: str) -> str:
    value: Any = row
    for part in column.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value = " ".join(f"{name}={item}" for name, item in sorted(value.items()))
    if isinstance(value, list):
        value = " ".join(map(str, value))
    return shown_as_text("" if value is None else str(value))


def _line(cells: Any) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
