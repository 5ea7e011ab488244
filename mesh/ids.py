"""Identities and time, in one place so that tests can hold them still."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid5

import uuid_utils

Clock = Callable[[], datetime]
NewId = Callable[[], UUID]


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562): unique, and ordered by the time it was made."""
    return UUID(int=uuid_utils.uuid7().int)


def derived_id(at: datetime, *names: str) -> UUID:
    """Return the one UUIDv7 of something that has names and a time: whoever finds it anew gives it the same id."""
    said = int.from_bytes(hashlib.sha256("\0".join(names).encode()).digest()[:10])
    low = (said & ~(0xF << 76) | 0x7 << 76) & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=(int(at.timestamp() * 1000) << 80) | low)


def made_at(made: UUID) -> datetime:
    """Return when a UUIDv7 was made, to the millisecond, in UTC."""
    return datetime.fromtimestamp((made.int >> 80) / 1000, UTC)


def utc_now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)


def parse_uuid(text: str) -> UUID | None:
    """Return the id that a text is; None for one that is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def tenant_of(merchant_id: UUID, mode: str) -> UUID:
    """Return the id that services see as the merchant's: another one in live mode, so that no data can be shared."""
    return merchant_id if mode == "test" else uuid5(merchant_id, mode)
