"""A provider's books compared over a long time: day by day in short calls, and each difference told once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

DAY = timedelta(days=1)


def spans(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Return the days of a time, cut at midnight as those are that the payment service compares by itself."""
    while since < until:
        midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
        end = min(midnight + DAY, until)
        yield since, end
        since = end


def add_part(total: Any, part: Any) -> None:
    """Add a `CompareBooksResponse` of the next span to that of all before.

    What was made on one day and is listed on the next, as around midnight, differs in both.
    """
    known = {_named(one) for one in total.discrepancies}
    total.provider_payments += part.provider_payments
    total.our_payments += part.our_payments
    total.discrepancies.extend(one for one in part.discrepancies if _named(one) not in known)
    if part.compared_until_time.ToNanoseconds() > total.compared_until_time.ToNanoseconds():
        total.compared_until_time.CopyFrom(part.compared_until_time)


def _named(one: Any) -> tuple[int, str]:
    return one.kind, one.payment_id or one.provider_reference
