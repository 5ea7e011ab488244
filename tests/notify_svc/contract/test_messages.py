"""What merchants see of a stored event, also of one that another version has stored."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from fusionx.type.v1.event_pb2 import EventEnvelope

from notify_svc.contract.messages import event_message
from notify_svc.domain.event import PublicEvent


def test_event_of_a_later_version_is_shown_without_its_data() -> None:
    """An update that was withdrawn must not make lists of what it has stored an error."""
    event_id, order_id = uuid.uuid4(), uuid.uuid4()
    envelope = EventEnvelope(event_id=str(event_id), type="fusionx.order.v1.OrderOfTomorrow")
    stored = PublicEvent(
        event_id=event_id,
        merchant_id=uuid.uuid4(),
        type="order.of_tomorrow",
        aggregate_id=order_id,
        aggregate_version=3,
        order_id=str(order_id),
        create_time=datetime(2026, 1, 2, tzinfo=UTC),
        trace_id="",
        payload=envelope.SerializeToString(),
    )
    shown = event_message(stored)
    assert (shown.event_id, shown.type, shown.resource_id) == (str(event_id), "order.of_tomorrow", str(order_id))
    assert shown.HasField("data")
    assert not shown.data.ListFields()
