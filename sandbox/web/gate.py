"""Calls under their faults: one that is slow, never answered, or answered with less than was promised."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field

from starlette.requests import Request

from sandbox.faults import API_KINDS, Fault, Faults
from sandbox.logs import annotate
from sandbox.web.replies import Reply
from sandbox.web.server import RESET

_SILENT = {"timeout_before", "timeout_after", "connection_reset"}

EVERY_METHOD = ["GET", "POST", "DELETE", "PUT", "PATCH"]
"""Of what answers for paths that nobody knows."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a call is about: faults and logs go by it."""

    provider: str
    operation: str
    tags: dict[str, str] = field(default_factory=dict)


async def meet(
    request: Request,
    faults: Faults,
    subject: Subject,
    claim: AbstractContextManager[None],
    answer: Callable[[Fault | None], Reply],
) -> Reply:
    """Answer while the call's key is held; a fault may strike before, instead of, or after the work."""
    annotate(request, provider=subject.provider, operation=subject.operation, tags=subject.tags)
    with claim:
        fault = faults.take(API_KINDS, subject.provider, subject.operation, subject.tags)
        await _hold_back(fault)
        reply = answer(fault)
    annotate(request, fault=fault.kind if fault else None)
    await _vanish(request, fault)
    return reply


async def _hold_back(fault: Fault | None) -> None:
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


async def _vanish(request: Request, fault: Fault | None) -> None:
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
