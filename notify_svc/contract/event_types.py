"""The public types of events, as the contract declares them, and the filters that requests name them by."""

from __future__ import annotations

from collections.abc import Sequence

from fusionx.notify.v1 import endpoint_events_pb2, ping_pb2
from fusionx.order.v1 import order_events_pb2
from fusionx.payment.v1 import dispute_events_pb2, payment_events_pb2, refund_events_pb2, test_clock_events_pb2
from fusionx.type.v1 import event_pb2
from google.protobuf.descriptor import Descriptor

from mesh.errors import FieldViolation, invalid, invalid_fields
from mesh.events.envelope import options_of
from notify_svc.domain import endpoint as endpoint_domain

FACTS = (
    order_events_pb2.DESCRIPTOR,
    payment_events_pb2.DESCRIPTOR,
    refund_events_pb2.DESCRIPTOR,
    dispute_events_pb2.DESCRIPTOR,
    test_clock_events_pb2.DESCRIPTOR,
)
"""The contracts of other services whose events it takes; importing them makes their messages known."""


OWN = (endpoint_events_pb2.DESCRIPTOR, ping_pb2.DESCRIPTOR)
"""The contracts of this service's events, which go nowhere but into merchants' logs."""


def public_events() -> dict[str, Descriptor]:
    """Return the message of each public type of event, in the contracts' order."""
    messages = [message for file in (*FACTS, *OWN) for message in file.message_types_by_name.values()]
    events = [message for message in messages if message.GetOptions().HasExtension(event_pb2.event)]
    return {options_of(message).public_type: message for message in events if options_of(message).public_type}


PUBLIC_TYPES = tuple(public_events())


def check_filters(filters: Sequence[str]) -> None:
    """Refuse filters that no event could pass.

    Raises ApiError INVALID_ARGUMENT, reason EVENT_TYPE_UNKNOWN, that names each with the nearest there are.
    """
    unknown = [
        FieldViolation(f"event_types[{number}]", _unknown(event_filter))
        for number, event_filter in enumerate(filters)
        if not endpoint_domain.types_of(event_filter, PUBLIC_TYPES)
    ]
    if unknown:
        raise invalid_fields(unknown, "EVENT_TYPE_UNKNOWN")


def types_of_all(filters: Sequence[str]) -> list[str]:
    """Return the types that any of the filters takes; all where there is no filter. Raises as `check_filters` does."""
    check_filters(filters)
    return [name for name in PUBLIC_TYPES if not filters or endpoint_domain.takes(filters, name)]


def types_of(event_filter: str) -> list[str]:
    """Return the types that a filter of a list takes. Raises ApiError as `check_filters` does."""
    found = endpoint_domain.types_of(event_filter, PUBLIC_TYPES)
    if not found:
        raise invalid("type", _unknown(event_filter), "EVENT_TYPE_UNKNOWN")
    return found


def _unknown(event_filter: str) -> str:
    near = endpoint_domain.nearest(event_filter, PUBLIC_TYPES)
    hint = f"; did you mean {', '.join(near)}?" if near else "; docs/webhooks.md lists them"
    return f"is no type of events{hint}"
