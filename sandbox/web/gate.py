"""Faults of calls: one that is slow, never answered, or answered with less than was promised."""

import asyncio
import json
from contextlib import suppress

from starlette.requests import Request

from sandbox.faults import Fault
from sandbox.web.replies import Reply
from sandbox.web.server import RESET

_SILENT = {"timeout_before", "timeout_after", "connection_reset"}


async def hold_back(fault: Fault | None) -> None:
    """Spend a fault's latency, before the work is done."""
    if fault is not None and fault.kind == "latency":
        await asyncio.sleep(fault.seconds)


def skips_work(fault: Fault | None) -> bool:
    """Whether the request never reaches the provider's own code."""
    if fault is None:
        return False
    return fault.kind in {"error_429", "error_401", "timeout_before"} or (
        fault.kind in {"error_500", "connection_reset"} and not fault.applied
    )


def cut(fault: Fault | None, reply: Reply) -> Reply:
    """Leave a field out of an answer; what is kept for a repetition is whole."""
    if fault is None or fault.kind != "incomplete":
        return reply
    body = {name: value for name, value in json.loads(reply.body).items() if name != fault.field}
    return Reply.of(body, reply.status, reply.headers)


async def vanish(request: Request, fault: Fault | None) -> None:
    """Never answer: stay silent until the caller gives up or time is over, then reset the connection."""
    if fault is None or fault.kind not in _SILENT:
        return
    if fault.kind != "connection_reset":
        with suppress(TimeoutError):
            async with asyncio.timeout(fault.seconds):
                await _disconnected(request)
    request.scope[RESET]()
    await _disconnected(request)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
