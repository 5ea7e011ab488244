"""Envoy's access log lines, read as audit entries. The format is rendered by `envoy_config/access_log.py`."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from audit_svc.domain.entry import NO_GRPC_STATUS, Entry
from mesh.context import trace_id_of
from mesh.redaction import redacted

MAX_TEXT = 2048
MAX_STRANGERS_TEXT = 128
"""How much is kept of each text of a request that nobody was identified for: such requests cost nothing to send."""
UNREADABLE = "unreadable"
_DENIED = {"merchant_id": "denied_merchant", "key_id": "denied_key", "mode": "denied_mode"}
CONSOLE = ("console", "console stream")
"""The routes to the console's pages, whose answers say who is logged in."""
_RPC = re.compile(r"/fusionx(\.\w+)+/\w+")
_LINK = re.compile("^/+pay/+[^/]*")
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
    # beside a refusal; lines of before this was told have none
    who = {name: said[name] or said.get(denied) for name, denied in _DENIED.items()}
    longest = MAX_TEXT if who["merchant_id"] else MAX_STRANGERS_TEXT

    def text(name: str) -> str:
        return _text(who.get(name) or said[name], longest)

    if said["source"] in CONSOLE and said.get("user"):
        # nobody but the console's own process answers there, so no client can say it
        who["key_id"] = f"user:{said['user']}"
    target = text("target")
    return Entry(
        time=datetime.fromisoformat(said["time"]).astimezone(UTC),
        request_id=text("request_id"),
        trace_id=trace_id_of(text("traceparent"), text("request_id")),
        merchant_id=text("merchant_id"),
        key_id=text("key_id"),
        mode=text("mode"),
        method=text("method"),
        # who has the token of a payment link can see and pay it, and what is here stays for ever
        path=_LINK.sub("/pay/*", text("path")),
        rpc=target if _RPC.fullmatch(target) else "",
        http_status=int(said["http_status"] or 0),
        grpc_status=_number(said["grpc_failure"] or said["grpc_status"], NO_GRPC_STATUS),
        flags=text("flags"),
        detail=text("detail"),
        duration_us=_number(said["duration_us"], 0),
        client=text("client"),
        idempotency_key=text("idempotency_key"),
        user_agent=text("user_agent"),
        source=text("source"),
    )


def _text(value: str | None, longest: int) -> str:
    """Return a text as it may be kept: without what a client may have put where it does not belong."""
    return redacted(_CONTROL.sub("\ufffd", value or "")[:longest])


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
