"""Transaction Search v1: the account's money, in and out. ``GET /v1/reporting/transactions``.

PayPal's list lags by up to three hours; here it is consistent at once.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sandbox.paypal import authorizations, captures, refunds
from sandbox.paypal.account import NAME, Account, kind_of, timestamp
from sandbox.paypal.errors import invalid
from sandbox.store.documents import JSON, Document, Query

_LONGEST = timedelta(days=31)
_LARGEST_PAGE, _DEFAULT_PAGE = 500, 100
_MOST = 10_000
_FIELDS = frozenset({
    "all", "transaction_info", "payer_info", "shipping_info", "auction_info", "cart_info", "incentive_info",
    "store_info",
})  # fmt: skip
_STATUSES = {
    "COMPLETED": "S",
    "PARTIALLY_REFUNDED": "S",
    "REFUNDED": "V",
    "PENDING": "P",
    "DECLINED": "D",
    "FAILED": "D",
    "CANCELLED": "D",
}
_HOLDS = {"CREATED": "P", "PARTIALLY_CAPTURED": "P", "CAPTURED": "S", "VOIDED": "V"}
_CODES = {captures.KIND: "T0006", refunds.KIND: "T1107", authorizations.KIND: "T1300"}


def search(account: Account, query: Mapping[str, str]) -> JSON:
    """List transactions: captures, refunds and authorizations by the time at which they were made, the oldest first."""
    start, end = _time(query, "start_date"), _time(query, "end_date")
    if not timedelta(0) <= end - start <= _LONGEST:
        raise _wrong(query, "end_date")
    page, size = _number(query, "page", 1, _MOST), _number(query, "page_size", _DEFAULT_PAGE, _LARGEST_PAGE)
    fields = query.get("fields", "transaction_info").split(",")
    if not _FIELDS.issuperset(fields):
        raise _wrong(query, "fields")
    status = query.get("transaction_status")
    if status is not None and status not in _STATUSES.values():
        raise _wrong(query, "transaction_status")
    found = [
        one for one in map(_transaction, _made(account, start, end)) if status in {None, one["transaction_status"]}
    ]
    return {
        "transaction_details": [{"transaction_info": one} for one in found[(page - 1) * size : page * size]],
        "account_number": "SANDBOXMERCHANT",
        "start_date": _shown(start),
        "end_date": _shown(end),
        "last_refreshed_datetime": timestamp(),
        "page": page,
        "total_items": len(found),
        "total_pages": -(-len(found) // size),
    }


def _made(account: Account, start: datetime, end: datetime) -> list[Document]:
    low, high = int(start.timestamp()), int(end.timestamp())
    made = [
        document
        for kind in _CODES
        for document in account.world.documents.page(
            Query(NAME, f"{NAME}.{kind}", created_from=low, created_to=high, limit=_MOST)
        )
    ]
    # what is new comes last, so that nothing moves to another page while the pages are read
    return sorted(made, key=lambda document: account.world.documents.position(document.id) or 0)


def _transaction(document: Document) -> JSON:
    body, kind = document.body, kind_of(document)
    sign = "-" if kind == refunds.KIND else ""
    statuses = _HOLDS if kind == authorizations.KIND else _STATUSES
    at = body["create_time"].replace("Z", "+0000")
    info = {
        "paypal_account_id": "SANDBOXPAYER",
        "transaction_id": document.id,
        **_reference(document),
        "transaction_event_code": _CODES[kind],
        "transaction_initiation_date": at,
        "transaction_updated_date": at,
        "transaction_amount": body["amount"] | {"value": sign + body["amount"]["value"]},
        "transaction_status": statuses[body["status"]],
    }
    named = {"custom_field": body.get("custom_id"), "invoice_id": body.get("invoice_id")}
    return info | {name: value for name, value in named.items() if value is not None}


def _reference(document: Document) -> JSON:
    """What it belongs to: the order, or the transaction (authorization, capture) that it was made of."""
    private = document.private
    parent = private.get("capture") or private.get("authorization")
    kind, reference = ("TXN", parent) if parent else ("ODR", private["order"])
    return {"paypal_reference_id": reference, "paypal_reference_id_type": kind}


def _time(query: Mapping[str, str], name: str) -> datetime:
    try:
        at = datetime.fromisoformat(query[name])
    except KeyError:
        raise invalid("MISSING_REQUIRED_PARAMETER", name, location="query") from None
    except ValueError:
        raise _wrong(query, name) from None
    if at.tzinfo is None:
        raise _wrong(query, name)
    return at


def _number(query: Mapping[str, str], name: str, default: int, highest: int) -> int:
    text = query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= highest:
        raise _wrong(query, name)
    return int(text)


def _wrong(query: Mapping[str, str], name: str) -> Exception:
    return invalid("INVALID_PARAMETER_VALUE", name, query[name], location="query")


def _shown(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
