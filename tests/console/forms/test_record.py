"""The audit has who did what at the console, also where nobody waits for the answer, or it is one of a failure."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import httpx
import psycopg
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from console.api.app import WithHeaders
from console.api.web import ROOT, Page, Rooms, Visit
from console.clients.merchant_api import RECORD_TRIES, PublicApi
from console.clients.merchant_api import ApiError as Refusal
from console.domain import Signer
from mesh.errors import ApiError
from mesh.rpc.headers import CONSOLE_USER
from stack.stack import Ready
from tests.support.console import Browser, Console
from tests.support.merchant.api import Merchant
from tests.support.waiting import eventually

ROW = tuple[str, str, int, str]


def rows(gateway: Ready, **values: str) -> list[ROW]:
    """Return what the audit has: path, key, status and trace."""
    where = " AND ".join(f"{name} = %({name})s" for name in values)
    with psycopg.connect(gateway.database_urls["audit"]) as database:
        query = f"SELECT path, key_id, http_status, trace_id FROM entries WHERE {where} ORDER BY seq"
        return [cast("ROW", row) for row in database.execute(query.encode(), values)]


def sent(browser: Browser, path: str, trace: str, **fields: str) -> socket.socket:
    """Send a form, and return the connection that its answer would come by."""
    body = urlencode(browser.form() | fields)
    url = urlsplit(browser.root)
    cookies = "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())
    head = (
        f"POST {url.path}{path} HTTP/1.1\r\nhost: {url.netloc}\r\ncookie: {cookies}\r\norigin: {browser.origin}\r\n"
        f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n"
        f"traceparent: {_traceparent(trace)}\r\n\r\n"
    )
    connection = socket.create_connection((url.hostname or "", url.port or 80))
    connection.sendall((head + body).encode())
    return connection


def _traceparent(trace: str) -> str:
    return f"00-{trace}-{'1' * 16}-01"


def test_who_does_something_and_is_gone_is_in_the_audit(console: Console, owner: Browser, gateway: Ready) -> None:
    email, trace = console.new_person(owner, "viewer")[0], uuid.uuid4().hex
    url, waits = (
        gateway.database_urls["console"],
        "SELECT 1 FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))",
    )
    with psycopg.connect(url) as holder, psycopg.connect(url, autocommit=True) as other:
        # somebody else holds the person, so that what is done begins and does not end
        held = holder.execute("SELECT user_id FROM users WHERE email = %s FOR UPDATE", [email]).fetchone()
        assert held
        connection = sent(owner, f"/users/{held[0]}", trace, verb="disable")
        eventually(lambda: other.execute(waits, [holder.info.backend_pid]).fetchone(), "what is done")
        connection.close()
        path = f"/users/{held[0]}"
        (gone,) = eventually(lambda: rows(gateway, path=f"/console{path}"), "the form that nobody waits for")
        holder.commit()
        disabled = "SELECT disable_time FROM users WHERE email = %s AND disable_time IS NOT NULL"
        eventually(lambda: other.execute(disabled, [email]).fetchone(), "what was done all the same")
    # Envoy has seen no answer that says who it was
    assert gone[1:] == ("", 0, trace)
    (act,) = rows(gateway, path=f"/console/acts{path}")
    assert act[1].startswith("user:")
    assert act[2:] == (204, trace)


def test_each_act_is_in_the_audit_before_its_answer(owner: Browser, gateway: Ready, merchant: Merchant) -> None:
    trace = uuid.uuid4().hex
    headers = {"traceparent": _traceparent(trace)}
    form = owner.form() | {"url": "http://127.0.0.1:9/hook"}
    assert owner.http.post(f"{owner.root}/webhooks", data=form, headers=headers).status_code == httpx.codes.OK
    act, form_row = eventually(lambda: (found := rows(gateway, trace_id=trace))[1:] and found, "both entries")
    assert (act[0], act[2]) == ("/console/acts/webhooks", 204)
    assert (form_row[0], form_row[2]) == ("/console/webhooks", 200)
    assert act[1] == form_row[1]
    assert act[1].startswith("user:")


def test_nobody_puts_something_on_record_that_is_not_done(owner: Browser, gateway: Ready) -> None:
    path = f"/acts/platform/{uuid.uuid4()}"
    for proof in ("", "x", owner.form_token()):
        assert owner.http.post(owner.root + path, headers={"x-console-act": proof}).status_code == 403
    found = eventually(lambda: (found := rows(gateway, path=f"/console{path}"))[2:] and found, "the attempts")
    assert {key for _, key, _, _ in found} == {""}


@pytest.mark.parametrize("error", [ApiError, RuntimeError])
def test_an_answer_of_a_failure_says_who_it_was(error: Callable[..., Exception]) -> None:
    """After the effect, something else may fail."""
    user_id = uuid.uuid4()

    class Person:
        def __init__(self) -> None:
            self.user_id = user_id

    async def fail(visit: Visit) -> Response:
        visit.user = cast("Any", Person())
        raise error(503, "GONE", "Gone.")

    async def away(_: Any, error: Exception) -> Response:
        return Response(str(error), 503)

    page = Page("GET", "/x", fail, is_open=True).route(cast("Rooms", type("No", (), {"cookie": "x"})()))
    app = Starlette(routes=[page], exception_handlers={ApiError: away, Exception: away})
    answer = TestClient(WithHeaders(app), raise_server_exceptions=False).get(f"{ROOT}/x")
    assert answer.status_code == 503
    assert answer.headers[CONSOLE_USER] == str(user_id)


def beside(*answers: int) -> tuple[PublicApi, list[str]]:
    """Return the API of replicas that answer one after the other, the last one for good, and what they are asked."""
    asked = list[str]()

    def replica(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(answers[min(len(asked), len(answers)) - 1])

    api = PublicApi("http://gateway", None)
    api._http = httpx.AsyncClient(transport=httpx.MockTransport(replica), base_url="http://gateway")
    return api, asked


async def test_beside_a_replica_of_0_4_another_is_asked() -> None:
    api, asked = beside(404, 204)
    assert await api.put_on_record("/console/acts/keys", {})
    assert asked == ["/console/acts/keys"] * 2


@pytest.mark.parametrize("status", [403, 429, 500, 503])
async def test_what_could_not_be_put_on_record_is_refused(status: int) -> None:
    for api, asked in (beside(status), beside(404, status)):
        with pytest.raises(Refusal) as refused:
            await api.put_on_record("/console/acts/keys", {})
        assert refused.value.reason == "NOT_ON_RECORD"
        assert len(asked) <= 2


def act(api: PublicApi, path: str) -> tuple[int, list[str]]:
    """Have somebody send a form to a page of any path, and return the status and whom it was done for."""
    user_id, done = uuid.uuid4(), list[str]()
    user = SimpleNamespace(user_id=user_id, may=lambda _: True, role="owner")
    login = SimpleNamespace(mode="test")

    class Sessions:
        async def resume(self, _: str) -> Any:
            return user, login

    async def handler(visit: Visit) -> Response:
        done.append(str(visit.person.user_id))
        return Response()

    signer = Signer(["k" * 32])
    rooms = SimpleNamespace(
        cookie="x", sessions=Sessions(), signer=signer, public_api=api, is_own=lambda *_: True, public_url=""
    )
    app = WithHeaders(Starlette(routes=[Page("POST", "/{any:str}", handler).route(cast("Rooms", rooms))]))
    form = {"form_token": signer.form_token("token", ROOT), "page_mode": "test"}
    answer = TestClient(app, cookies={"x": "token"}).post(ROOT + path, data=form, headers={"x-request-id": "r-1"})
    return answer.status_code, done


def test_where_only_replicas_of_0_4_answer_an_act_is_done_and_logged() -> None:
    api, asked = beside(404)
    with capture_logs() as logged:
        status, done = act(api, "/keys")
    assert (status, len(asked)) == (200, RECORD_TRIES)
    (line,) = [one for one in logged if "not on record" in one["event"]]
    assert line["log_level"] == "warning"
    assert (line["user_id"], line["path"], line["request_id"]) == (done[0], "/console/acts/keys", "r-1")


@pytest.mark.parametrize("path", ["/%0Akeys", "/keys%0A", "/a%0D%0Ab", "/%00"])
def test_a_path_that_no_act_has_is_not_taken_for_a_replica_of_0_4(path: str) -> None:
    """A line's end is in no path of acts: 404 would be an answer of ours."""
    api, asked = beside(404)
    status, done = act(api, path)
    assert status == 404
    assert not asked + done
