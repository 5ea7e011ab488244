"""Lists: filters, those that people keep, files, and the search."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from console.api.lists.kept import ALL
from console.api.lists.listing import LISTINGS, asked, bounded
from console.api.search import answered
from console.clients.merchant_api import ApiError
from tests.support.console import Browser, Console
from tests.support.merchant.api import Merchant
from tests.support.merchant.receiver import serving
from tests.support.waiting import eventually

TODAY = datetime.now(UTC).date()


CHOSEN = {
    **{name: {"status": listing.statuses[0]} for name, listing in ALL.items() if listing.statuses},
    "payment_links": {"merchant_order_id": "1001"},
    "events": {"type": "order.*"},
    "requests": {"status": "404"},
    "audit": {"status": "404"},
    "reviews": {"resolved": "yes"},
    "differences": {"provider": "stripe", "days": "1"},
}
"""Filters of each list that has any."""


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    """Return what a file holds."""
    assert answer.status_code == httpx.codes.OK, answer.text[-500:]
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_list_is_filtered_and_goes_on_filtered(owner: Browser, merchant: Merchant) -> None:
    for number in range(26):
        merchant.new_order("20.00", merchant_order_id=f"W-{number:02}", metadata={"basket": "b-7"})
    merchant.new_order("30.00", merchant_order_id="OTHER")
    query = f"min=20&max=20.5&currency=eur&metadata=basket%3Db-7&since={TODAY - timedelta(1)}&until={TODAY}"
    first = owner.page(f"/orders?{query}")
    assert "OTHER" not in first
    assert "W-00" not in first
    found = re.search(r'href="(/console/orders\?page=[^"]+)"', first)
    assert found
    older = owner.page(html.unescape(found.group(1)).removeprefix("/console"))
    assert "W-00" in older
    assert "OTHER" not in older
    assert "OTHER" not in owner.page(f"/orders?until={TODAY - timedelta(3)}")
    assert "OTHER" in owner.page("/orders?merchant_order_id=OTHER")


@pytest.mark.parametrize(
    "query",
    [
        "min=x&currency=EUR",
        "min=1",
        "since=yesterday",
        "until=9999-12-31",
        "currency=e",
        "since=2026-13-01",
        "provider=%3C",
    ],
)
def test_a_filter_that_is_none_is_said(owner: Browser, query: str) -> None:
    answer = owner.get(f"/payments?{query}")
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert "Nothing is shown" in answer.text
    assert owner.get(f"/export/payments?{query}").status_code == httpx.codes.BAD_REQUEST


def test_a_file_has_the_rows_of_all_pages_and_no_formula(owner: Browser, merchant: Merchant) -> None:
    formula = '=HYPERLINK("https://evil.example")'
    for number in range(101):
        merchant.new_order("5.00", merchant_order_id=f"F-{number}", description=formula)
    merchant.new_order("5.00", description="\n=1+1")
    merchant.new_order("6.00", merchant_order_id="@SUM(1)", metadata={"a": "1", "b": "x,y"})
    rows = rows_of(owner.get("/export/orders"))
    assert len(rows) == 103
    assert rows.pop(1)["description"] == "'\n=1+1"
    assert rows[0]["merchant_order_id"] == "'@SUM(1)"
    assert rows[0]["metadata"] == "a=1 b=x,y"
    assert {row["description"] for row in rows[1:]} == {f"'{formula}"}
    assert {(row["amount.value"], row["amount.currency"]) for row in rows[1:]} == {("5.00", "EUR")}
    assert [row["merchant_order_id"] for row in rows_of(owner.get("/export/orders?min=6&currency=EUR"))] == ["'@SUM(1)"]


def test_every_list_has_a_file(owner: Browser, merchant: Merchant) -> None:
    payment = merchant.charge(merchant.new_order("20.00")["order_id"])
    merchant.post(f"/v1/payments/{payment['payment_id']}/refunds", {"reason": "-1+2"})
    assert [row["payment_id"] for row in rows_of(owner.get("/export/payments"))] == [payment["payment_id"]]
    assert [row["reason"] for row in rows_of(owner.get("/export/refunds"))] == ["'-1+2"]
    assert "-1+2" in owner.page("/refunds")
    eventually(lambda: len(rows_of(owner.get("/export/events?type=payment.*"))) > 0, "the events")
    assert rows_of(owner.get("/export/disputes")) == []


def test_every_list_says_where_its_file_is(console: Console, owner: Browser, merchant: Merchant) -> None:
    """Of the merchant's people and of operators; a list that has filters offers to keep them too."""
    merchant.post("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/hook", "description": "=1+2"})
    for name, listing in ALL.items():
        browser = console.operator if listing.scope == "platform" else owner
        query = "?provider=stripe&days=1" if name == "differences" else ""
        assert f"/console/export/{name}" in browser.page(f"{listing.path}{query}"), name
        header = next(csv.reader(io.StringIO(browser.page(f"/export/{name}{query}"))))
        assert tuple(header) == listing.columns, name
        if listing.filters:
            shown = html.unescape(browser.get(listing.path, **CHOSEN[name]).text)
            assert f'name="list" value="{name}"' in shown, name
            assert f"/console/export/{name}?" in shown, name
    (endpoint,) = rows_of(owner.get("/export/webhooks"))
    assert (endpoint["url"], endpoint["description"]) == ("http://127.0.0.1:9/hook", "'=1+2")
    (key,) = rows_of(owner.get("/export/keys"))
    assert (key["api_key_id"], key["scopes"], key["mode"]) == (merchant.api_key_id, "*", "TEST")
    assert [row["role"] for row in rows_of(owner.get("/export/team"))] == ["owner"]
    mine = [
        row for row in rows_of(console.operator.get("/export/merchants")) if row["merchant_id"] == merchant.merchant_id
    ]
    assert len(mine) == 1


def test_the_audit_and_the_request_log_are_saved_as_they_are_filtered(
    console: Console, owner: Browser, merchant: Merchant
) -> None:
    operator = console.operator
    for _ in range(3):
        merchant.http.get("/v1/orders/00000000-0000-7000-8000-000000000000")
    for browser, path, more in (
        (owner, "/export/requests", {}),
        (operator, "/export/audit", {"merchant": merchant.merchant_id, "mode": "test"}),
    ):
        found = {"status": "404", "path": "/v1/orders", **more}
        eventually(lambda b=browser, p=path, f=found: len(rows_of(b.get(p, **f))) == 3, "the requests")  # type: ignore[misc]
        rows = rows_of(browser.get(path, **found))
        assert {(row["http_status"], row["rpc"].rpartition("/")[2]) for row in rows} == {("404", "GetOrder")}
        assert browser.get(path, status="x").status_code == httpx.codes.BAD_REQUEST
    kept = {"status": "4xx", "path": "/v1/orders", "merchant": merchant.merchant_id, "mode": "test"}
    assert operator.post("/views", list="audit", name="Misses", **kept).status_code == 303
    shown = html.unescape(operator.page("/platform/audit"))
    (query,) = re.findall(r'href="/console/platform/audit\?([^"]*)">Misses', shown)
    assert "GetOrder" in operator.page(f"/platform/audit?{query}")
    (view_id,) = re.findall(r'name="forget" value="([\w-]+)" aria-label="Forget Misses"', shown)
    assert operator.post("/views", list="audit", forget=view_id).headers["location"] == "/console/platform/audit"
    assert "Misses" not in operator.page("/platform/audit")
    assert owner.post("/views", list="audit", name="x", status="4xx").status_code == httpx.codes.NOT_FOUND


def test_dead_letters_are_listed_by_their_state(console: Console) -> None:
    for state in ("OPEN", "REPLAYED", "DROPPED"):
        states = {row["state"] for row in rows_of(console.operator.get("/export/dead_letters", status=state))}
        assert states <= {state}
        assert "Dead letters" in console.operator.page(f"/platform/dead_letters?status={state}")


def test_filters_are_kept_by_who_chose_them(console: Console, owner: Browser, merchant: Merchant) -> None:
    assert owner.post("/views", list="payments", name="Big ones", min="100", status="SUCCESS").status_code == 303
    owner.post("/views", list="payments", name="Big ones", min="1000", status="SUCCESS", other="x")
    page = owner.page("/payments")
    assert re.findall(r'href="/console/payments\?([^"]*)">Big ones', page) == ["status=SUCCESS&amp;min=1000"]
    assert "Big ones" not in owner.page("/orders")
    colleague = console.logged_in(*console.new_person(owner, "viewer"))
    assert "Big ones" not in colleague.page("/payments")
    (view_id,) = re.findall(r'name="forget" value="([\w-]+)"', page)
    colleague.post("/views", list="payments", forget=view_id)
    assert "Big ones" in owner.page("/payments")
    owner.post("/views", list="payments", forget=view_id)
    assert "Big ones" not in owner.page("/payments")
    for form in ({"name": "x"}, {"min": "1"}, {"name": "x", "other": "y"}):
        assert owner.post("/views", list="payments", **form).status_code == httpx.codes.BAD_REQUEST
    assert owner.post("/views", list="users", name="x", min="1").status_code == httpx.codes.NOT_FOUND
    assert console.operator.post("/views", list="payments", name="x", min="1").status_code == httpx.codes.NOT_FOUND


def test_a_search_finds_by_amount_and_metadata(owner: Browser, merchant: Merchant) -> None:
    order = merchant.new_order("47.11", merchant_order_id="A-1", metadata={"basket": "b-99"})
    payment = merchant.charge(order["order_id"])
    for text in ("47.11", "47,11 eur", "€47.11", "EUR 47.11"):
        page = owner.get("/search", q=text).text
        assert payment["payment_id"] in page, text
        assert order["order_id"] in page, text
    shown = f"/console/orders/{order['order_id']}"
    assert owner.get("/search", q="basket=b-99").headers["location"] == shown
    for text in ("47.11 USD", "47.12", "basket=", "=b-99", "a=b=c"):
        assert owner.get("/search", q=text).status_code == httpx.codes.NOT_FOUND, text


def test_an_order_number_of_digits_is_not_taken_for_an_amount(owner: Browser, merchant: Merchant) -> None:
    named = merchant.new_order("5.00", merchant_order_id="1001")
    merchant.new_order("1001.00", merchant_order_id="B-1")
    merchant.new_order("1002.00", merchant_order_id="B-2")
    assert owner.get("/search", q="1001").headers["location"] == f"/console/orders/{named['order_id']}"
    assert owner.get("/search", q="1002").status_code == httpx.codes.SEE_OTHER


def test_a_list_that_fails_hides_no_other() -> None:
    late = ApiError(503, "UNAVAILABLE", "It took too long.")
    order = {"order_id": "1"}
    payment = {"order_id": "1", "payment_id": "2"}
    assert answered([late, [order], [order, payment], late]) == [order, payment]
    assert answered([[], []]) == []
    # that nothing is there is not known
    with pytest.raises(ApiError):
        answered([[], late])


def test_a_span_is_sent_again(owner: Browser, merchant: Merchant) -> None:
    now = datetime.now(UTC)
    form = {"from": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}", "to": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M}"}
    with serving() as receiver:
        receiver.secret = merchant.post("/v1/webhook_endpoints", {"url": receiver.url})["secret"]
        merchant.new_order()
        eventually(receiver.events, "the webhook")
        answer = owner.post("/events", **form, event_types="order.created, order.*", attempt="a" * 32)
        assert "1 events are sent again, in 1 deliveries" in answer.text
        eventually(lambda: len(receiver.events()) > 1, "the repetition")
    wrong = owner.post("/events", **{**form, "to": form["from"]})
    assert wrong.status_code == httpx.codes.BAD_REQUEST
    assert "Nothing was sent" in wrong.text
    assert owner.post("/events", **{"from": "now", "to": ""}).status_code == httpx.codes.BAD_REQUEST


def test_the_days_before_are_compared(owner: Browser, merchant: Merchant) -> None:
    merchant.charge(merchant.new_order("12.00")["order_id"])
    for days in (7, 14, 30):
        page = owner.overview(days)
        assert f"The last {days} days" in page
        assert "€12.00 EUR" in page
        assert "100 %" in page
    assert "The last 14 days" in owner.overview(9999999)


@pytest.mark.parametrize(
    ("filters", "days"),
    [
        ({"min": "1", "currency": "EUR"}, 30),
        ({"currency": "EUR"}, 30),
        ({"currency": "EUR", "since": "2020-01-01"}, None),
        ({"currency": "EUR", "until": "2020-01-01"}, None),
        ({"status": "FAILED"}, None),
    ],
)
def test_amounts_are_looked_for_in_thirty_days_unless_others_are_given(
    filters: dict[str, str], days: int | None
) -> None:
    """No index has amounts: a look for one that nobody has paid read a million payments."""
    expected = asked(filters)
    if days:
        expected["create_time_from"] = f"{TODAY - timedelta(days)}T00:00:00Z"
    assert bounded(filters) == expected


def test_a_list_of_amounts_says_how_far_it_looks(owner: Browser) -> None:
    assert "Of the last 30 days" in owner.page("/payments?currency=EUR&min=5")
    assert "Of the last 30 days" not in owner.page("/payments?status=FAILED")
    assert "Of the last 30 days" not in owner.page(f"/payments?currency=EUR&since={TODAY}")


@pytest.mark.parametrize("name", [name for name, listing in LISTINGS.items() if listing.statuses])
def test_every_list_is_shown_and_saved_by_every_status(name: str, owner: Browser) -> None:
    """Refunds and disputes refused theirs."""
    for status in LISTINGS[name].statuses:
        for path in (f"/{name}", f"/export/{name}"):
            assert owner.get(path, status=status).status_code == httpx.codes.OK, (path, status)
