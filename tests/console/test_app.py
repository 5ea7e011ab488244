"""What is around every page."""

from __future__ import annotations

import uuid

from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from console.api.app import WithHeaders
from mesh import context


async def _trace(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(context.current().trace_id)(scope, receive, send)


def test_each_request_is_a_trace_of_its_own() -> None:
    # a call that somebody began outside of all requests, which every task would go on with
    context.current()
    browser = TestClient(WithHeaders(_trace))
    seen = {browser.get("/pay/x").text for _ in range(3)}
    assert len(seen) == 3
    request_id = str(uuid.uuid4())
    assert browser.get("/console/", headers={"x-request-id": request_id}).text == request_id.replace("-", "")
    trace = uuid.uuid4().hex
    assert browser.get("/console/", headers={"traceparent": f"00-{trace}-{'1' * 16}-01"}).text == trace
