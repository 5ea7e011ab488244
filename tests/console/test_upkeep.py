"""What operators look after: circuits, maintenance of providers, what waits, and the audit with its chain."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest

from tests.support.console import Browser, Console
from tests.support.merchant.api import Merchant
from tests.support.waiting import eventually

MAINTENANCE = "/platform/maintenance"


@pytest.fixture
def operator(console: Console) -> Iterator[Browser]:
    """An operator, whose maintenances are over after the test."""
    browser = console.operator
    yield browser
    for provider in re.findall(rf'action="/console{MAINTENANCE}/(\w+)"', browser.page(MAINTENANCE)):
        browser.post(f"{MAINTENANCE}/{provider}")


def start(operator: Browser, **fields: str) -> httpx.Response:
    given = {"provider": "bank_transfer", "minutes": "60", "why": "Their notice."}
    return operator.post(MAINTENANCE, **(given | fields))


def test_a_maintenance_is_started_shown_and_ended(operator: Browser) -> None:
    until = (datetime.now(UTC) + timedelta(days=3)).replace(second=0, microsecond=0)
    assert start(operator, until=f"{until:%Y-%m-%d %H:%M}", why="Their <b>notice</b>.").is_redirect
    shown = operator.page(MAINTENANCE)
    assert "Under way" in shown
    assert f"{until:%d %b}" in shown
    assert "Their &lt;b&gt;notice&lt;/b&gt;." in shown
    assert re.search(r"by \S+@\S+", shown)
    assert "In maintenance" in operator.page("/platform/circuits")
    assert "In maintenance" in operator.page("/platform")
    assert operator.post(f"{MAINTENANCE}/bank_transfer").is_redirect
    assert "Under way" not in operator.page(MAINTENANCE)
    assert operator.post(f"{MAINTENANCE}/bank_transfer").status_code == httpx.codes.CONFLICT
    # as RFC 3339 writes it, in a zone
    east = until.astimezone(timezone(timedelta(hours=9)))
    for written in (f"{until:%Y-%m-%dt%H:%M:%S}z", east.isoformat()):
        assert start(operator, until=written).is_redirect
        assert re.search(f"{until:%d %b}.{{1,40}} {until:%Y}</span>, {until:%H:%M}", operator.page(MAINTENANCE))
        assert operator.post(f"{MAINTENANCE}/bank_transfer").is_redirect


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"until": "tomorrow"}, "A time is written as"),
        ({"until": "2020-01-31 18:00"}, "must be in the future"),
        ({"provider": "nobody"}, "nobody"),
        ({"why": ""}, "why"),
    ],
)
def test_what_is_wrong_is_said_with_what_was_typed(operator: Browser, fields: dict[str, str], words: str) -> None:
    answer = start(operator, **({"why": "typed words"} | fields))
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert words in answer.text
    assert ('value="typed words"' in answer.text) == ("why" not in fields)
    assert "Under way" not in operator.page(MAINTENANCE)


def test_circuits_of_what_was_called_are_shown(operator: Browser, merchant: Merchant) -> None:
    merchant.charge(merchant.new_order()["order_id"])
    shown = operator.page("/platform/circuits")
    assert "calls in flight" in shown
    assert "<td>Start</td>" in shown


def test_each_service_says_what_waits(operator: Browser) -> None:
    shown = operator.page("/platform/backlog")
    assert shown.count("In time") + shown.count("Behind") == 2, "order_svc and payment_svc publish"
    assert "Does not answer" not in shown
    assert "order_svc_payments" in shown
    assert "notify_svc" in shown
    assert "Not known" not in shown


def test_the_audit_is_searched(operator: Browser, merchant: Merchant) -> None:
    missing = merchant.http.get(f"/v1/payments/{uuid.uuid4()}")
    request_id = missing.headers["x-request-id"]

    def found(**query: str) -> str:
        return operator.get("/platform/audit", **query).text.partition("</details>")[2]

    eventually(lambda: "GetPayment" in found(id=request_id), "the request")
    mine = {"merchant": str(merchant.merchant_id), "mode": "test"}
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for query in ({"status": "404"}, {"status": "4xx"}, {"path": "/v1/payments/"}, {"from": today}, {"to": today}):
        assert "GetPayment" in found(**mine, **query), query
    for query in ({"status": "500"}, {"path": "/v1/nothing"}, {"to": "2020-01-31"}, {"mode": "live"}):
        assert "Nothing fits" in found(**(mine | query)), query
    # what operators themselves do is there, with who it was
    operator.page("/platform/circuits")
    eventually(lambda: "/platform/circuits" in found(path="/console/platform"), "the page of the console")
    person = re.findall(r"\?key=(user%3A[\w-]{36})", found(path="/console/platform/circuits"))[0]
    assert "/platform/circuits" in found(key=person.replace("%3A", ":"), path="/console/platform/circuits")
    assert "@" in found(path="/console/platform/circuits")
    for query in ({"status": "x"}, {"id": "x"}, {"key": "user:x"}, {"merchant": "x"}, {"from": "2030-02-31"}):
        answer = operator.get("/platform/audit", **query)
        assert answer.status_code == httpx.codes.BAD_REQUEST, query
        assert 'role="alert"' in answer.text


def test_the_chain_is_verified(operator: Browser) -> None:
    assert "Not verified yet" in operator.page("/platform/audit/chain")
    shown = operator.page("/platform/audit/chain?go=yes")
    assert "are as they were written" in shown
    assert re.search(r'class="mono">[0-9a-f]{64}<', shown)
    (last,) = re.findall(r"Last entry</dt><dd>(\d+)", shown)
    assert "are as they were written" in operator.page(f"/platform/audit/chain?go=yes&after={last}")
    beyond = operator.page(f"/platform/audit/chain?go=yes&after={10**12}")
    assert "is not as it was written" in beyond
