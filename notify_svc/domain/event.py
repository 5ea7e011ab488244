"""Events as merchants hear of them. Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class PublicEvent:
    """An event that a merchant hears of; `payload` is the envelope as it came."""

    event_id: UUID
    merchant_id: UUID
    type: str
    aggregate_id: UUID
    aggregate_version: int
    order_id: str
    create_time: datetime
    trace_id: str
    payload: bytes
