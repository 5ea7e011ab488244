"""What a list request asks for, in the fields that the lists of all resources share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from mesh.errors import invalid
from mesh.money import Money, MoneyError
from mesh.storage.listing import Listing, money_time

OLDEST_FIRST = "create_time asc"
"""What `order_by` says of a list that begins with the oldest."""

ListRequest = Any
"""A message with the shared fields of lists: generated messages have no type in common that says so."""


def listing(request: ListRequest, **equal: object) -> Listing:
    """Read the shared filters of a list request; `equal` are columns and what they must hold.

    Raises ApiError INVALID_ARGUMENT for a span that is empty, and for amounts without their currency.
    """
    fields = type(request).DESCRIPTOR.fields_by_name
    names = fields["statuses"].enum_type.values_by_number
    # an export has one order
    is_export = "order_by" not in fields
    times = {name: span(request, name) for name in _times(fields)}
    numbers = _statuses(request)
    currency = request.currency
    return Listing(
        equal=equal | {"currency": currency},
        statuses=sorted(names[number].name for number in numbers if number),
        times=times,
        amount=(_minor(request, "min_amount", currency), _minor(request, "max_amount", currency)),
        metadata=_metadata(request),
        oldest_first=is_export or request.order_by == OLDEST_FIRST,
        by_time=money_time(times) if is_export else "",
    )


def _statuses(request: ListRequest) -> set[int]:
    """Return what a status has to be one of; none: any. Raises ApiError INVALID_ARGUMENT where nothing could be it."""
    several = set(request.statuses)
    if not request.status:
        return several
    if several and request.status not in several:
        raise invalid("status", "is none of `statuses`: an item is both, and so nothing would be found")
    return {request.status}


def _times(fields: Iterable[str]) -> list[str]:
    """Return the times by which a request chooses."""
    return [name.removesuffix("_from") for name in fields if name.endswith("_time_from")]


def span(request: ListRequest, name: str) -> tuple[datetime | None, datetime | None]:
    """Return the span of a time that a request asks for. Raises ApiError INVALID_ARGUMENT for one that is empty."""
    start, end = (
        getattr(request, field).ToDatetime(UTC) if request.HasField(field) else None
        for field in (f"{name}_from", f"{name}_to")
    )
    if start and end and start >= end:
        raise invalid(f"{name}_to", f"must be later than {name}_from; the span includes its start and not its end")
    return start, end


def _minor(request: ListRequest, name: str, currency: str) -> int | None:
    value = getattr(request, name)
    if not value or (name == "min_amount" and not value.strip("0.")):
        return None  # at least nothing is any amount
    if not currency:
        raise invalid("currency", f"is required with {name}")
    try:
        return Money.parse(value, currency).minor
    except MoneyError as error:
        raise invalid(name if error.field == "value" else "currency", str(error)) from None


def _metadata(request: ListRequest) -> Mapping[str, str]:
    if "metadata_key" not in type(request).DESCRIPTOR.fields_by_name or not request.metadata_key:
        return {}
    return {request.metadata_key: request.metadata_value}
