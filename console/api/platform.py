"""For operators: the queue of reviews, dead letters, merchants, providers and the comparison of books."""

from __future__ import annotations

import re
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.responses import Response

from console.api.lists.files import MAX_ROWS
from console.api.lists.listing import Filters, Listing, Rows, about, chosen
from console.api.overview import together
from console.api.people import hand_out
from console.api.web import Page, Visit
from console.clients.merchant_api import ApiError, Json
from console.domain import AccountError, Role
from mesh.ids import parse_uuid

PLATFORM = "platform"
SHOWN = 100
"""How many dead letters a page shows; a file has more."""
LETTER_STATES = ("OPEN", "REPLAYED", "DROPPED")
DAYS = (1, 7, 31)
PLACES = {
    "ReviewOpen": "/platform/reviews",
    "DeadLetterOpen": "/platform/dead_letters?status=OPEN",
    "BooksDiffer": "/platform/reconciliation",
    "ProviderFailing": "/platform/circuits",
    "ProviderSlow": "/platform/circuits",
    "EventsNotPublished": "/platform/backlog",
    "ConsumerStuck": "/platform/backlog",
    "KeysRefused": "/platform/audit?status=4xx",
}
"""Where in the console one looks at what an alert is about."""
RESOLUTIONS = ("CAPTURED", "NOT_CAPTURED", "GIVE_BACK")


async def platform(visit: Visit) -> Response:
    """Show what waits for an operator."""
    operators = visit.rooms.operators
    reviews, letters, providers, wrong = await together(
        _or_none(operators.reviews("", resolved=False)),
        _or_none(operators.dead_letters("OPEN", most=SHOWN + 1)),
        _or_none(operators.providers()),
        visit.rooms.conditions.wrong(),
    )
    return visit.render(
        "platform.html",
        reviews=reviews and reviews["reviews"],
        more_reviews=bool(reviews and reviews["next_page_token"]),
        letters=letters,
        shown=SHOWN,
        providers=[tripped(one) for one in providers or []],
        wrong=[one | {"name": spoken(one["alert"]), "place": PLACES.get(one["alert"], "")} for one in wrong],
    )


def spoken(alert: str) -> str:
    """Return an alert's name as a person says it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", alert).capitalize()


async def _or_none(asked: Coroutine[Any, Any, Any]) -> Any:
    """Return what was asked for; None where a service does not answer: the page says so, and shows all else."""
    try:
        return await asked
    except ApiError:
        return None


def tripped(provider: dict[str, Any]) -> dict[str, Any]:
    """Return a provider whose circuits are told from other states that are called open."""
    circuits = [{**one, "state": f"{one['state']}_CIRCUIT"} for one in provider.get("circuits", [])]
    return {**provider, "circuits": circuits}


async def reviews(visit: Visit) -> Response:
    """List what only a person can say about money."""
    filters = chosen(visit, REVIEWS)
    resolved = filters.get("resolved") == "yes"
    page = await visit.rooms.operators.reviews(visit.query("page"), resolved=resolved)
    return visit.render(
        "reviews.html",
        reviews=page["reviews"],
        resolved=resolved,
        next_page=page["next_page_token"],
        **await about(visit, REVIEWS, filters),
    )


async def _review_rows(visit: Visit, filters: Filters) -> Rows:
    token = ""
    while True:
        page = await visit.rooms.operators.reviews(token, resolved=filters.get("resolved") == "yes")
        yield page["reviews"]
        if not (token := page["next_page_token"]):
            return


async def review(visit: Visit) -> Response:
    """Show one question."""
    return await _review(visit)


async def _review(visit: Visit, status: int = 200, **values: Any) -> Response:
    shown = await visit.rooms.operators.review(_id(visit, "review_id"))
    return visit.render("review.html", status, review=shown, resolutions=RESOLUTIONS, **values)


async def resolve(visit: Visit) -> Response:
    """Answer it; where two people have to agree, the second confirms."""
    form, identity = visit.form, _id(visit, "review_id")
    try:
        await visit.rooms.operators.resolve(
            identity, form.get("resolution", ""), visit.person.email, form.get("why", "")
        )
    except ApiError as error:
        if error.status >= 500 or error.status == 404:
            raise
        return await _review(visit, error.status, error=error.words, typed=form)
    return visit.go(f"/platform/reviews/{identity}", "resolved")


async def letters(visit: Visit) -> Response:
    """List events that no consumer could apply."""
    filters = chosen(visit, LETTERS)
    found = await visit.rooms.operators.dead_letters(filters.get("status", ""), most=SHOWN + 1)
    return visit.render(
        "letters.html",
        letters=found[:SHOWN],
        has_older=len(found) > SHOWN,
        refused="",
        **await about(visit, LETTERS, filters),
    )


async def _letter_rows(visit: Visit, filters: Filters) -> Rows:
    yield await visit.rooms.operators.dead_letters(filters.get("status", ""), most=MAX_ROWS)


async def letter(visit: Visit) -> Response:
    """Show one with its payload."""
    shown = await visit.rooms.operators.dead_letter(visit.path("service"), _id(visit, "dead_letter_id"))
    return visit.render("letter.html", letter=shown)


async def close_letter(visit: Visit) -> Response:
    """Have it applied, or drop it."""
    service, identity = visit.path("service"), _id(visit, "dead_letter_id")
    await visit.rooms.operators.close_letter(service, identity, replay=visit.form.get("verb") == "replay")
    return visit.go(f"/platform/dead_letters/{service}/{identity}", "closed")


async def merchants(visit: Visit) -> Response:
    """List merchants."""
    return await _merchants(visit)


async def _merchants(visit: Visit, **values: Any) -> Response:
    page = await visit.rooms.operators.merchants(visit.query("page"))
    listed = await about(visit, MERCHANTS, {})
    return visit.render(
        "merchants.html", merchants=page["merchants"], next_page=page["next_page_token"], **listed, **values
    )


async def _merchant_rows(visit: Visit, _: Filters) -> Rows:
    token = ""
    while True:
        page = await visit.rooms.operators.merchants(token)
        yield page["merchants"]
        if not (token := page["next_page_token"]):
            return


async def create_merchant(visit: Visit) -> Response:
    """Create a merchant."""
    await visit.rooms.operators.create_merchant(visit.form.get("display_name", "").strip())
    return visit.go("/platform/merchants", "saved")


async def add_owner(visit: Visit) -> Response:
    """Invite an owner of a merchant, who invites everybody else; the link is mailed, or shown this once."""
    merchant = await visit.rooms.operators.merchant(UUID(_id(visit, "merchant_id")))
    email, merchant_id = visit.form.get("email", ""), UUID(merchant["merchant_id"])
    try:
        token = await visit.rooms.invitations.invite(visit.person, email, "", Role.OWNER, merchant_id)
        return await _merchants(visit, made=await hand_out(visit, token))
    except AccountError as error:
        raise ApiError(400, "INVALID", str(error)) from None


async def change_merchant(visit: Visit) -> Response:
    """Disable a merchant with all of its keys, or enable it."""
    enabled = visit.form.get("verb") == "enable"
    await visit.rooms.operators.set_merchant(_id(visit, "merchant_id"), enabled=enabled)
    return visit.go("/platform/merchants", "saved")


async def reconciliation(visit: Visit) -> Response:
    """Compare a provider's books with ours, over a span of days."""
    operators = visit.rooms.operators
    providers = [one["name"] for one in await operators.providers()]
    filters = chosen(visit, DIFFERENCES)
    found = await _compared(visit, filters) if filters.get("provider") in providers else None
    # how they stand with what was just compared
    books = await _or_none(operators.books())
    return visit.render(
        "reconciliation.html",
        providers=providers,
        books=[one for one in books or [] if one["provider"] in providers],
        provider=filters.get("provider", ""),
        days=_days(filters),
        spans=DAYS,
        found=found,
        refused="",
        **await about(visit, DIFFERENCES, filters),
    )


async def _compared(visit: Visit, filters: Filters) -> Json:
    until = datetime.now(UTC)
    since = until - timedelta(days=_days(filters))
    return await visit.rooms.operators.compare(filters.get("provider", ""), since, until)


def _days(filters: Filters) -> int:
    asked = filters.get("days", "")
    return int(asked) if re.fullmatch("[1-9]|[12][0-9]|3[01]", asked) else 1


async def _difference_rows(visit: Visit, filters: Filters) -> Rows:
    yield (await _compared(visit, filters))["discrepancies"]


def _id(visit: Visit, name: str) -> str:
    """Return an id of the path. Raises ApiError for what is none."""
    identity = visit.path(name)
    if parse_uuid(identity) is None:
        raise ApiError(404, "NOT_FOUND", "There is nothing of this id.")
    return identity


REVIEWS = Listing(
    "reviews",
    PLATFORM,
    ("resolved",),
    (
        *("review_id", "kind", "payment_id", "provider", "amount.value", "amount.currency", "reason"),
        *("create_time", "resolution", "resolved_by", "resolve_time"),
    ),
    _review_rows,
    "/platform/reviews",
)
LETTERS = Listing(
    "dead_letters",
    PLATFORM,
    ("status",),
    (
        *("dead_letter_id", "service", "consumer", "state", "subject", "reason", "deliveries", "failed_replays"),
        *("create_time", "replay_time", "drop_time", "closed_by"),
    ),
    _letter_rows,
    "/platform/dead_letters",
    LETTER_STATES,
)
MERCHANTS = Listing(
    "merchants",
    PLATFORM,
    (),
    ("merchant_id", "display_name", "create_time", "disable_time"),
    _merchant_rows,
    "/platform/merchants",
)
DIFFERENCES = Listing(
    "differences",
    PLATFORM,
    ("provider", "days"),
    (
        *("kind", "payment_id", "order_id", "provider_reference", "our_status", "our_amount.value"),
        *("our_amount.currency", "our_refunded_amount.value", "provider_status", "provider_amount.value"),
        *("provider_amount.currency", "provider_refunded_amount.value", "create_time"),
    ),
    _difference_rows,
    "/platform/reconciliation",
)
LISTINGS = (REVIEWS, LETTERS, MERCHANTS, DIFFERENCES)
PAGES = [
    Page("GET", "/platform", platform, scope=PLATFORM),
    Page("GET", "/platform/reviews", reviews, scope=PLATFORM),
    Page("GET", "/platform/reviews/{review_id}", review, scope=PLATFORM),
    Page("POST", "/platform/reviews/{review_id}", resolve, scope=PLATFORM),
    Page("GET", "/platform/dead_letters", letters, scope=PLATFORM),
    Page("GET", "/platform/dead_letters/{service}/{dead_letter_id}", letter, scope=PLATFORM),
    Page("POST", "/platform/dead_letters/{service}/{dead_letter_id}", close_letter, scope=PLATFORM),
    Page("GET", "/platform/merchants", merchants, scope=PLATFORM),
    Page("POST", "/platform/merchants", create_merchant, scope=PLATFORM, is_once=True),
    Page("POST", "/platform/merchants/{merchant_id}", change_merchant, scope=PLATFORM),
    Page("POST", "/platform/merchants/{merchant_id}/users", add_owner, scope=PLATFORM, is_once=True),
    Page("GET", "/platform/reconciliation", reconciliation, scope=PLATFORM),
]
