from __future__ import annotations

import asyncio
import re

import pytest

from mesh import context

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
REQUEST_ID = "01a2081b-7886-7068-9e1a-d7c0f5764b64"
A_TRACE_ID = re.compile(r"^[0-9a-f]{32}$")


@pytest.mark.parametrize(
    ("traceparent", "request_id", "trace_id"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", "", TRACE),
        (f"00-{TRACE}-00f067aa0ba902b7-01", REQUEST_ID, TRACE),
        ("", REQUEST_ID, REQUEST_ID.replace("-", "")),
        ("nonsense", REQUEST_ID, REQUEST_ID.replace("-", "")),
    ],
)
def test_trace_id_comes_from_the_trace_context_else_from_the_request(
    traceparent: str, request_id: str, trace_id: str
) -> None:
    assert context.trace_id_of(traceparent, request_id) == trace_id


@pytest.mark.parametrize(
    "traceparent",
    [
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"00-{TRACE}-00f067aa0ba902b7-01\n",
    ],
)
def test_invalid_trace_context_starts_a_new_trace(traceparent: str) -> None:
    found = context.trace_id_of(traceparent)
    assert A_TRACE_ID.match(found)
    assert found not in traceparent.lower()


def test_what_a_call_causes_has_its_trace_and_a_parent_of_its_own() -> None:
    call = context.Call(trace_id=TRACE)
    first, second = call.traceparent, call.traceparent
    assert context.trace_id_of(first) == context.trace_id_of(second) == TRACE
    assert first != second


async def test_tasks_do_not_see_each_others_calls() -> None:
    async def work(trace_id: str) -> str:
        context.enter(context.Call(trace_id=trace_id))
        await asyncio.sleep(0)
        return context.current().trace_id

    names = [f"{n:032x}" for n in range(1, 5)]
    assert await asyncio.gather(*(work(name) for name in names)) == names
