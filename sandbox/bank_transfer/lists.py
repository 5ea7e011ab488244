"""Lists: newest first, by the merchant's reference and by time, page after page."""

import math
from dataclasses import replace

from sandbox.bank_transfer.account import NAME, Account
from sandbox.bank_transfer.errors import invalid
from sandbox.bank_transfer.fields import Call
from sandbox.store.documents import JSON, Query

_PAGE = 100
FILTERS = frozenset(["merchant_reference", "created_from", "created_to", "cursor"])


def listing(account: Account, call: Call, kind: str) -> JSON:
    """Resources created from a moment on and before another one."""
    fields = call.fields
    query = Query(NAME, kind, limit=_PAGE + 1, account=account.owner or "")
    if reference := fields.text("merchant_reference"):
        query = replace(query, labels={"merchant_reference": reference})
    if since := fields.moment("created_from"):
        query = replace(query, created_from=math.ceil(since.timestamp()))
    if until := fields.moment("created_to"):
        # the store includes its upper bound
        query = replace(query, created_to=math.ceil(until.timestamp()) - 1)
    if cursor := fields.text("cursor"):
        query = replace(query, before=_position(account, cursor))
    found = account.world.documents.page(query)
    shown = found[:_PAGE]
    return {"data": [one.body for one in shown], "next_cursor": shown[-1].id if len(found) > _PAGE else None}


def _position(account: Account, cursor: str) -> int:
    position = account.world.documents.position(cursor)
    if position is None:
        raise invalid("cursor", "This cursor is not one of ours.")
    return position
