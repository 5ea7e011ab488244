"""Pages of objects: `list` with its filters and cursor, `search` with its query language."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64Error

from sandbox.store.documents import JSON, Query
from sandbox.stripe.account import NAME, Account
from sandbox.stripe.errors import invalid, missing
from sandbox.stripe.params import Call, Params

_MAX_LIMIT = 100
_FOREVER = 2**62
_CLAUSE = re.compile(
    r"""\s*(?P<field>metadata\[(?P<q>["'])(?P<key>.+?)(?P=q)\]|[a-z_]+)"""
    r"""\s*(?P<op>:|>=|<=|>|<)\s*(?P<value>"[^"]*"|'[^']*'|[\w.-]+)\s*"""
)
_SEARCHABLE = {"amount", "currency", "customer", "status"}


def listing(account: Account, call: Call, kind: str, filters: tuple[str, ...] = ()) -> JSON:
    """Answer a list request; `filters` are the fields that may be asked for by value."""
    params = call.params
    limit = _limit(params)
    low, high = _created(params)
    labels = {name: value for name in filters if (value := params.text(name)) is not None}
    before = _cursor(account, params, kind)
    found = account.world.documents.page(Query(NAME, kind, labels, low, high, before, limit + 1, account.owner or ""))
    data = [document.body for document in found[:limit]]
    return {"object": "list", "data": data, "has_more": len(found) > limit, "url": call.url}


def search(account: Account, call: Call, kind: str) -> JSON:
    """Answer a search request: clauses joined by AND, with `page` tokens."""
    params = call.params
    limit = _limit(params)
    labels, low, high = parse(params.required("query"))
    before = _decode_page(params.text("page"))
    found = account.world.documents.page(Query(NAME, kind, labels, low, high, before, limit + 1, account.owner or ""))
    more = len(found) > limit
    position = account.world.documents.position(found[limit - 1].id) if more else None
    return {
        "object": "search_result",
        "data": [document.body for document in found[:limit]],
        "has_more": more,
        "next_page": urlsafe_b64encode(str(position).encode()).decode() if more else None,
        "url": call.url,
    }


def parse(query: str) -> tuple[dict[str, str], int, int]:
    """Labels and the range of `created` that a search query asks for."""
    labels: dict[str, str] = {}
    low, high = 0, _FOREVER
    for clause in re.split(r"\s+AND\s+", query):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise _bad_query(clause)
        value = match["value"].strip("\"'")
        if match["field"] == "created":
            if not value.isdigit():
                raise _bad_query(clause)
            low, high = _narrow(low, high, match["op"], int(value))
        elif match["op"] == ":" and match["key"]:
            labels[f"metadata.{match['key']}"] = value
        elif match["op"] == ":" and match["field"] in _SEARCHABLE:
            labels[match["field"]] = value
        else:
            raise _bad_query(clause)
    return labels, low, high


def _narrow(low: int, high: int, operator: str, moment: int) -> tuple[int, int]:
    """Tighten a range by one comparison."""
    lows = {">": moment + 1, ">=": moment, ":": moment}
    highs = {"<": moment - 1, "<=": moment, ":": moment}
    return max(low, lows.get(operator, low)), min(high, highs.get(operator, high))


def _created(params: Params) -> tuple[int, int]:
    if isinstance(params.values.get("created"), str):
        moment = params.required_integer("created")
        return moment, moment
    low, high = 0, _FOREVER
    given = params.nested("created")
    for name, operator in (("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")):
        moment_or_none = given.integer(name)
        if moment_or_none is not None:
            low, high = _narrow(low, high, operator, moment_or_none)
    return low, high


def _limit(params: Params) -> int:
    limit = params.integer("limit", 1) or 10
    if limit > _MAX_LIMIT:
        message = "This value must be less than or equal to 100."
        raise invalid(message, "limit", "parameter_invalid_integer")
    return limit


def _cursor(account: Account, params: Params, kind: str) -> int:
    after = params.text("starting_after")
    if after is None:
        return _FOREVER
    position = account.world.documents.position(after)
    if position is None:
        raise missing(kind, after, "starting_after", 400)
    return position


def _decode_page(page: str | None) -> int:
    if page is None:
        return _FOREVER
    try:
        return int(urlsafe_b64decode(page))
    except (ValueError, NotBase64Error):
        raise invalid(f"Invalid page: {page}", "page") from None


def _bad_query(clause: str) -> Exception:
    return invalid(f"We were unable to parse your search query: {clause}", "query")
