"""Envoy's access log lines, read as audit entries. Pure. The format is rendered by `envoy_config/access_log.py`."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from audit_svc.domain import NO_GRPC_STATUS, Entry
from mesh.context import trace_id_of
from mesh.redaction import redacted

MAX_TEXT = 2048
UNREADABLE = "unreadable"
_RPC = re.compile(r"/fusionx(\.\w+)+/\w+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]|[\ud800-\udfff]")


def entry_of(line: bytes, now: datetime) -> Entry:
    """Return the entry that a line holds.

    A line that cannot be read makes an entry as well, at `now`: an Envoy that was killed may leave the half of one.
    """
    text = line.decode(errors="replace")
    # what the killed one left has no end of line, so the next one's first line follows on it
    for start in (0, text.rfind('{"audit"')):
        try:
            said = json.loads(text[max(0, start) :])
            return _entry(said)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return _unreadable(len(line), now)


def _entry(said: dict[str, Any]) -> Entry:
    path = _text(said["path"])
    target = _text(said["target"])
    return Entry(
        time=datetime.fromisoformat(said["time"]).astimezone(UTC),
        request_id=_text(said["request_id"]),
        trace_id=trace_id_of(_text(said["traceparent"]), _text(said["request_id"])),
        merchant_id=_text(said["merchant_id"]),
        key_id=_text(said["key_id"]),
        mode=_text(said["mode"]),
        method=_text(said["method"]),
        path=path,
        rpc=target if _RPC.fullmatch(target) else "",
        http_status=int(said["http_status"] or 0),
        grpc_status=_number(said["grpc_failure"] or said["grpc_status"], NO_GRPC_STATUS),
        flags=_text(said["flags"]),
        detail=_text(said["detail"]),
        duration_us=_number(said["duration_us"], 0),
        client=_text(said["client"]),
        idempotency_key=_text(said["idempotency_key"]),
        user_agent=_text(said["user_agent"]),
        source=_text(said["source"]),
    )


def _text(value: str | None) -> str:
    """Return a text as it may be kept: without what a client may have put where it does not belong."""
    return redacted(_CONTROL.sub("\ufffd", value or "")[:MAX_TEXT])


def _number(value: str | float | None, otherwise: int) -> int:
    return otherwise if value in (None, "", "-") else int(value)


def _unreadable(length: int, now: datetime) -> Entry:
    return Entry(
        time=now,
        request_id="",
        trace_id="",
        merchant_id="",
        key_id="",
        mode="",
        method="",
        path="",
        rpc="",
        http_status=0,
        grpc_status=NO_GRPC_STATUS,
        flags="",
        detail=f"a line of {length} bytes that cannot be read",
        duration_us=0,
        client="",
        idempotency_key="",
        user_agent="",
        source=UNREADABLE,
    )
