"""PayPal's own records: Transaction Search v1 (`GET /v1/reporting/transactions`).

It lists transactions, not orders: what nobody has paid is not in it, and a payment is listed at the time at which its
money was taken. A transaction shows up within three hours. A search spans 31 days at the most.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from payment_svc.domain.payment import PaymentStatus
from payment_svc.domain.reconciliation import ProviderRecord
from payment_svc.providers.base import ObjectNotFoundError, UnreadableAnswerError
from payment_svc.providers.paypal import amounts, requests
from payment_svc.providers.paypal.client import Object, PaypalClient
from payment_svc.providers.paypal.errors import RefusedError

PATH = "/v1/reporting/transactions"
PAGE_SIZE = 500
LONGEST = timedelta(days=31)
SHORTEST = timedelta(seconds=1)
TOO_MANY = "RESULTSET_TOO_LARGE"
PAYMENT = "T00"
"""What the codes of payments begin with; fees, refunds and reversals have others."""
HOLD = "T13"
"""What the codes of authorizations begin with."""
STATUSES = {
    "S": PaymentStatus.SUCCESS,
    # taken, and given back since: that is the refunds' story
    "V": PaymentStatus.SUCCESS,
    "P": PaymentStatus.PROCESSING,
    "D": PaymentStatus.FAILED,
}


async def walk(api: PaypalClient, since: datetime, until: datetime) -> AsyncIterator[ProviderRecord]:
    """List the payments of a span of time, its end excluded.

    Raises UnavailableError or OutcomeUnknownError; RejectedError when the app lacks the permission to search.
    """
    async for one in _transactions(api, since, until):
        record = await _record(api, one)
        if record:
            yield record


async def order_of_payment(api: PaypalClient, payment_id: str, since: datetime, until: datetime) -> str:
    """Return the order that money was taken or is held on for a payment; empty when there is none.

    Raises as `walk`, and UnreadableAnswerError where there is money, and its order cannot be named.
    """
    nameless = ""
    async for one in _transactions(api, since, until):
        code = str(one.get("transaction_event_code", ""))
        is_given = one["transaction_amount"]["value"].startswith("-")
        if not code.startswith((PAYMENT, HOLD)) or is_given:
            continue
        if requests.labels_of(one.get("custom_field"))[0] == payment_id:
            found = await _order_of(api, one, "authorizations" if code.startswith(HOLD) else "captures")
            if found:
                return found
            if STATUSES.get(str(one["transaction_status"])) != PaymentStatus.FAILED:
                nameless = str(one["transaction_id"])
    if nameless:
        # no silence: the app's credentials may have been replaced, and the records are the account's
        raise UnreadableAnswerError(f"transaction {nameless} is of payment {payment_id}, and does not name its order")
    return ""


async def _transactions(api: PaypalClient, since: datetime, until: datetime) -> AsyncIterator[Object]:
    """List the transactions of a span of time."""
    spans = _spans(since, until)
    while spans:
        start, end = spans.pop(0)
        try:
            async for one in _search(api, start, end):
                if start <= _made_at(one) < end:
                    yield one
        except RefusedError as error:
            half = (end - start) / 2
            if error.issue != TOO_MANY or half < SHORTEST:
                raise
            # refused before its first page, so nothing is listed twice
            spans[:0] = [(start, start + half), (start + half, end)]


def _spans(since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    starts = [since]
    while starts[-1] + LONGEST < until:
        starts.append(starts[-1] + LONGEST)
    return list(zip(starts, [*starts[1:], until], strict=True))


async def _search(api: PaypalClient, since: datetime, until: datetime) -> AsyncIterator[Object]:
    page = pages = 1
    while page <= pages:
        found = await api.get(
            PATH,
            {
                "start_date": _time(since),
                "end_date": _time(until),
                "fields": "transaction_info",
                "page": str(page),
                "page_size": str(PAGE_SIZE),
            },
        )
        pages, page = int(found.get("total_pages", 1)), page + 1
        for one in found["transaction_details"]:
            yield one["transaction_info"]


async def _record(api: PaypalClient, transaction: Object) -> ProviderRecord | None:
    """Read a transaction; None when it is no payment, one that we made, or in a currency that cannot be one of ours."""
    wire = transaction["transaction_amount"]
    is_payment = str(transaction.get("transaction_event_code", "")).startswith(PAYMENT)
    if not is_payment or wire["value"].startswith("-") or wire["currency_code"] not in amounts.SUPPORTED:
        return None
    status = STATUSES.get(str(transaction["transaction_status"]), PaymentStatus.PROCESSING)
    return ProviderRecord(
        reference=await _order_of(api, transaction),
        payment_id=requests.labels_of(transaction.get("custom_field"))[0],
        status=status,
        amount=amounts.from_wire(wire) if status == PaymentStatus.SUCCESS else None,
        create_time=_made_at(transaction),
        gave_back=transaction["transaction_status"] == "V",
    )


async def _order_of(api: PaypalClient, transaction: Object, kind: str = "captures") -> str:
    """Return the order that was paid: named by the transaction, else by the capture, whose id is the transaction's.

    A captured authorization names the authorization instead of the order. Empty for money that came without an order.
    """
    if transaction.get("paypal_reference_id_type") == "ODR":
        return str(transaction["paypal_reference_id"])
    try:
        capture = await api.get(f"/v2/payments/{kind}/{requests.in_path(transaction['transaction_id'])}")
    except ObjectNotFoundError:
        return ""
    related = (capture.get("supplementary_data") or {}).get("related_ids") or {}
    return str(related.get("order_id", ""))


def _made_at(transaction: Object) -> datetime:
    return datetime.fromisoformat(transaction["transaction_initiation_date"])


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
