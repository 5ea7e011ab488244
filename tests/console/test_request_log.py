"""Who did what, by the request log: nobody is named by what a client sends, and nobody waits for it for long."""

from __future__ import annotations

import asyncio
import socket
import uuid
from typing import Any
from uuid import UUID

import pytest

from console.clients.merchant_api import ApiError, Json
from console.clients.request_log import MAX_TRACES, RequestLog, only_keys


def entry(trace_id: str, key_id: str) -> Json:
    return {"trace_id": trace_id, "key_id": key_id}


def test_a_trace_that_others_have_used_too_names_nobody() -> None:
    """A client brings the trace of a colleague's request, which the console shows, with a request of its own."""
    entries = [entry("t", "developer"), entry("u", "person"), entry("t", "person"), entry("u", "person")]
    assert only_keys(entries) == {"u": "person"}


class _Listed(RequestLog):
    """Has entries at hand, newest first, and gives out as many as the audit would."""

    def __init__(self, entries: list[Json]) -> None:
        super().__init__("127.0.0.1:1", None)
        self._entries = entries

    async def page(self, merchant_id: UUID, mode: str, **filters: Any) -> Json:
        found = [one for one in self._entries if one["trace_id"] in filters["trace_ids"]]
        return {"entries": found[: filters["page_size"]]}


async def test_a_trace_that_fills_the_page_names_nobody_and_crowds_nobody_out() -> None:
    crowd = [entry("c", "developer")] * MAX_TRACES
    log = _Listed([*crowd, entry("u", "other"), entry("c", "person")])
    assert await log.keys_of(uuid.uuid4(), "test", ["c", "u"]) == {"u": "other"}
    await log.close()


async def test_an_audit_that_does_not_answer_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        log = RequestLog(f"127.0.0.1:{silent.getsockname()[1]}", None)
        async with asyncio.timeout(8):
            with pytest.raises(ApiError):
                await log.keys_of(uuid.uuid4(), "test", ["0" * 32])
        await log.close()
