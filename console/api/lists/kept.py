"""All lists that there are: their files, and the filters that people keep of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from urllib.parse import urlencode

from starlette.responses import Response

from console.api import developers, people, platform, requests, upkeep
from console.api.lists.files import export
from console.api.lists.listing import LISTINGS, Listing
from console.api.web import Page, Visit
from console.clients.merchant_api import ApiError
from mesh.ids import parse_uuid

MAX_NAME = 40
ALL: Mapping[str, Listing] = {
    **LISTINGS,
    **{
        one.name: one
        for one in (
            *developers.LISTINGS,
            *people.LISTINGS,
            *platform.LISTINGS,
            *requests.LISTINGS,
            *upkeep.LISTINGS,
        )
    },
}


async def keep(visit: Visit) -> Response:
    """Keep the filters of a list under a name, or forget them."""
    form, views, user_id = visit.form, visit.rooms.views, visit.person.user_id
    listing = ALL.get(form.get("list", ""))
    if listing is None or not listing.filters or not visit.person.may(listing.scope):
        raise ApiError(404, "NOT_FOUND", "There is no such list.")
    if view_id := parse_uuid(form.get("forget", "")):
        await views.forget(user_id, view_id)
        return visit.go(listing.path)
    name = re.sub(r"\s+", " ", form.get("name", "")).strip()[:MAX_NAME]
    found = {known: form.get(known, "")[:200] for known in listing.filters}
    query = urlencode({known: value for known, value in found.items() if value})
    if not name or not query or not await views.keep(user_id, listing.name, name, query):
        raise ApiError(400, "INVALID", "Choose filters and a name for them. There is room for 20 on each list.")
    return visit.go(f"{listing.path}?{query}", "saved")


PAGES = [
    Page("POST", "/views", keep, in_any_mode=True),
    *(Page("GET", f"/export/{one.name}", partial(export, one), scope=one.scope) for one in ALL.values()),
]
