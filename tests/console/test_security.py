"""What another site, another merchant, or a text that somebody wrote could try."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import psycopg
import pytest

from stack.stack import Ready
from tests.support.console import Browser, Console
from tests.support.merchant.api import Merchant
from tests.support.waiting import eventually

NewMerchant = Callable[..., Merchant]
EVIL = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>{{ 7*7 }}"
MARKUP = ("<img src=x", "<script>alert", "onerror=alert(1)>", "\"'><")
FORBIDDEN = httpx.codes.FORBIDDEN


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
def test_another_site_sends_no_form(owner: Browser, headers: dict[str, str]) -> None:
    fields = {"form_token": owner.form_token(), "everywhere": "yes"}
    assert owner.http.post(f"{owner.root}/logout", data=fields, headers=headers).status_code == FORBIDDEN
    assert owner.is_in
    assert owner.http.post(f"{owner.root}/login", data={}, headers=headers).status_code == FORBIDDEN


def test_a_form_needs_the_token_of_its_session(console: Console, owner: Browser, merchant: Merchant) -> None:
    other = console.owner(merchant.merchant_id).form_token()
    for token in ("", "x", other, "é"):
        assert owner.http.post(f"{owner.root}/logout", data={"form_token": token}).status_code == FORBIDDEN
    assert owner.http.post(f"{owner.root}/logout").status_code == FORBIDDEN
    assert owner.is_in


def test_an_action_is_no_link(owner: Browser) -> None:
    assert owner.get("/logout").status_code == httpx.codes.METHOD_NOT_ALLOWED
    assert owner.is_in


def test_every_text_is_shown_as_text(console: Console, owner: Browser, merchant: Merchant, gateway: Ready) -> None:
    """Whatever a customer, a merchant or a provider wrote, on every page that links lead to."""
    order = merchant.new_order(merchant_order_id=EVIL[:100], description=EVIL, metadata={"note": EVIL})
    payment = merchant.charge(order["order_id"])
    merchant.post(f"/v1/payments/{payment['payment_id']}/refunds", {"reason": EVIL})
    merchant.post("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/hook", "description": EVIL})
    owner.post("/users", email='"><img/src=x>@shop.example', display_name=EVIL, role="viewer")
    eventually(lambda: "refund.succeeded" in owner.page("/events"), "the refund's event")
    seen = crawled(owner)
    assert len(seen) > 20, sorted(seen)
    assert any("&lt;script&gt;alert(2)" in text for text in seen.values())
    for path, text in seen.items():
        assert not any(markup in text for markup in MARKUP), path
        assert "49" not in re.findall(r"script&gt;(\d+)", text), path
    for path in (
        f"/search?q={EVIL}",
        f"/login?next={EVIL}",
        f"/payments?status={EVIL}",
        f"/events?type={EVIL}",
        f"/{EVIL}",
    ):
        assert not any(markup in owner.get(path).text for markup in MARKUP), path
    assert not any(markup in console.browser().log_in(EVIL, EVIL, next=EVIL).text for markup in MARKUP)


def crawled(browser: Browser) -> dict[str, str]:
    """Return every page that can be reached by links."""
    seen: dict[str, str] = {}
    waiting = ["/console/"]
    while waiting and len(seen) < 120:
        path = waiting.pop(0)
        if path in seen:
            continue
        answer = browser.http.get(browser.origin + path)
        assert answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR, path
        if not answer.headers["content-type"].startswith("text/html"):
            # a file to be saved, which no browser shows
            assert answer.headers["content-disposition"].startswith("attachment"), path
            assert answer.headers["x-content-type-options"] == "nosniff", path
            continue
        seen[path] = answer.text
        found = re.findall(r'href="(/console/[^"#]*)"', answer.text)
        waiting += [one.replace("&amp;", "&") for one in found if "/static/" not in one]
    return seen


def test_no_page_has_script_or_style_of_its_own(owner: Browser, merchant: Merchant) -> None:
    merchant.charge(merchant.new_order()["order_id"])
    for path, text in crawled(owner).items():
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:", text), path


def test_no_other_site_is_named(owner: Browser) -> None:
    """Nothing is loaded from anywhere else."""
    for path in ("/", "/login", "/live", "/account"):
        assert re.findall(r'(?:src|href)="((?!/console|data:image/svg|#)[^"]*)"', owner.get(path).text) == [], path


@pytest.mark.parametrize("path", ["/login", "/", "/payments", "/nothing", "/payments/nothing", "/healthz"])
def test_no_page_can_be_framed_or_kept(owner: Browser, path: str) -> None:
    headers = owner.get(path).headers
    assert headers["x-frame-options"] == "DENY"
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


def test_another_merchants_things_are_not_there(console: Console, new_merchant: NewMerchant) -> None:
    mine, theirs = new_merchant(), new_merchant()
    owner, other = console.owner(mine.merchant_id), console.owner(theirs.merchant_id)
    payment = theirs.charge(theirs.new_order()["order_id"])
    event = eventually(lambda: theirs.get("/v1/events").get("events"), "an event")[0]
    endpoint = theirs.post("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/hook"})
    user = re.findall(r"/users/([\w-]{36})", str(console.new_person(other, "viewer")) + other.page("/users"))[0]
    for path in (
        f"/payments/{payment['payment_id']}",
        f"/orders/{payment['order_id']}",
        f"/events/{event['event_id']}",
        f"/search?q={payment['payment_id']}",
        f"/keys/{theirs.api_key_id}",
    ):
        assert owner.get(path).status_code == httpx.codes.NOT_FOUND, path
        assert other.get(path).status_code in (httpx.codes.OK, httpx.codes.SEE_OTHER), path
    for path, verb in (
        (f"/payments/{payment['payment_id']}/refunds", ""),
        (f"/events/{event['event_id']}/resend", ""),
        (f"/webhooks/{endpoint['webhook_endpoint_id']}", "rotate"),
        (f"/webhooks/{endpoint['webhook_endpoint_id']}", "delete"),
        (f"/keys/{theirs.api_key_id}", "revoke"),
        (f"/keys/{theirs.api_key_id}", "rotate"),
        (f"/keys/{theirs.api_key_id}", "change"),
        (f"/users/{user}", "disable"),
    ):
        assert owner.post(path, verb=verb).status_code == httpx.codes.NOT_FOUND, (path, verb)
    assert theirs.payment(payment["payment_id"]).get("refunded_amount") is None


@pytest.mark.parametrize("identity", ["a%2Fb", "x%3Fy", "x%00", "%25", "a%20b", "é", "x" * 300])
def test_an_id_is_no_path(owner: Browser, identity: str) -> None:
    for kind in ("payments", "orders", "events", "disputes"):
        assert owner.get(f"/{kind}/{identity}").status_code in (303, 400, 404), kind


def test_a_session_that_was_there_before_is_not_taken(console: Console, merchant: Merchant) -> None:
    account = console.new_owner(merchant.merchant_id)
    planted = "planted-by-somebody-who-knows-it"
    browser = console.browser()
    browser.http.cookies.set("fusionxpay_console", planted, path="/console")
    browser.log_in(*account)
    stranger = console.browser()
    stranger.http.cookies.set("fusionxpay_console", planted, path="/console")
    assert browser.is_in
    assert not stranger.is_in
    # and who logs in again has left the session before
    old = console.browser()
    old.http.cookies = httpx.Cookies(browser.http.cookies)
    browser.log_in(*account)
    assert browser.is_in
    assert not old.is_in


def test_the_cookie_is_for_this_site_and_no_script(console: Console, merchant: Merchant) -> None:
    answer = console.browser().log_in(*console.new_owner(merchant.merchant_id))
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/console" in cookie


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/console//evil",
        "javascript:alert(1)",
        "/console/../v1/orders",
        "/console/%2e%2e/v1/orders",
        "/console/..//evil.example",
        "/v1/orders",
        "\r\nx: y",
    ],
)
def test_a_login_leads_nowhere_else(console: Console, merchant: Merchant, path: str) -> None:
    answer = console.browser().log_in(*console.new_owner(merchant.merchant_id), next=path)
    assert answer.status_code == httpx.codes.SEE_OTHER
    assert answer.headers["location"].startswith("/console/")
    assert "evil.example" not in answer.headers["location"]
    assert "/v1" not in answer.headers["location"]


def test_who_is_not_known_learns_nothing(console: Console, merchant: Merchant) -> None:
    email, _ = console.new_owner(merchant.merchant_id)
    answers = [console.browser().log_in(address, "wrong password").text for address in (email, "nobody@shop.example")]
    assert answers[0].replace(email, "") == answers[1].replace("nobody@shop.example", "")


def test_passwords_are_not_tried_for_ever(console: Console, merchant: Merchant) -> None:
    email, password = console.new_owner(merchant.merchant_id)
    for _ in range(10):
        console.browser().log_in(email, "wrong password")
    assert console.browser().log_in(email, password).status_code == FORBIDDEN


def test_passwords_are_not_tried_all_at_once(console: Console, merchant: Merchant) -> None:
    """An attempt is counted before it is looked at."""
    email, password = console.new_owner(merchant.merchant_id)
    # from afar: who tries so many takes the places of its network
    browser = console.browser("127.9.0.1")

    def tried(number: int) -> None:
        # who finds no place to wait has tried nothing
        while "Too many people" in browser.log_in(email, f"wrong {number}").text:
            pass

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(tried, range(12)))
    assert console.browser().log_in(email, password).status_code == FORBIDDEN


def test_who_found_an_open_browser_does_not_try_passwords(console: Console, merchant: Merchant) -> None:
    email, password = console.new_owner(merchant.merchant_id)
    browser = console.logged_in(email, password)
    for number in range(10):
        browser.post("/account/password", old=f"wrong {number}", new="a long new password")
    assert browser.post("/account/password", old=password, new="a long new password").status_code == 400


def test_the_keys_of_sessions_are_nobodys(console: Console, owner: Browser, merchant: Merchant, gateway: Ready) -> None:
    """Who could rotate one would act under somebody else's name."""
    developer, viewer = (console.logged_in(*console.new_person(owner, role)) for role in ("developer", "viewer"))
    for browser in (owner, viewer):
        browser.page("/payments")
    shown = set(re.findall(r"/keys/([\w-]{36})", developer.page("/keys")))
    assert shown == {merchant.api_key_id}
    query = "SELECT api_key_id FROM sessions JOIN users USING (user_id) WHERE merchant_id = %s AND role <> 'developer'"
    with psycopg.connect(gateway.database_urls["console"]) as database:
        keys = [row[0] for row in database.execute(query, [merchant.merchant_id]) if row[0]]
    assert len(keys) == 2
    for key in keys:
        for verb in ("rotate", "revoke", "change"):
            assert developer.post(f"/keys/{key}", verb=verb).status_code == httpx.codes.NOT_FOUND
        assert developer.get(f"/keys/{key}").status_code == httpx.codes.NOT_FOUND
    viewer.page("/payments")


def test_what_no_browser_sends_is_refused(owner: Browser, merchant: Merchant) -> None:
    payment = merchant.charge(merchant.new_order()["order_id"])
    many = {f"field{number}": "" for number in range(300)}
    for path, fields in (
        ("/login", {"email": "a\0@shop.example", "password": "x"}),
        ("/login", many),
        ("/logout", {**owner.form(), **many}),
        ("/users", {**owner.form(), "email": "a@shop.example", "display_name": "\0"}),
        *(
            ("/users", {**owner.form(), "email": email, "role": "viewer"})
            for email in ("a@b\r\nBcc: c@d", "a b@c", "a@b@c", "@", "a@", "a" * 250 + "@b.de")
        ),
    ):
        assert owner.http.post(owner.root + path, data=fields).status_code == httpx.codes.BAD_REQUEST, (path, fields)
    assert owner.is_in
    # what is no attempt of the page's is none: the form is taken, and the header is whole
    path = f"/payments/{payment['payment_id']}/refunds"
    for attempt in ("é", "a\r\nx: y"):
        assert owner.post(path, attempt=attempt, amount="0.10", currency="EUR").status_code == httpx.codes.SEE_OTHER


def test_a_key_ends_when_it_was_said(owner: Browser) -> None:
    """Rather than never, when nobody knows what was meant."""
    for days in ("30 days", "²", "-1", "0", "99999"):
        answer = owner.post("/keys", scopes="orders:read", days=days)
        assert answer.status_code == httpx.codes.BAD_REQUEST
        assert "sk_test_" not in answer.text


@pytest.mark.parametrize("path", ["/payments/", "/nothing/", "//evil.example/"])
def test_no_page_sends_on_to_the_host_that_was_named(owner: Browser, path: str) -> None:
    answer = owner.http.get(owner.root + path, headers={"host": "evil.example"})
    assert answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.FORBIDDEN)
    assert "location" not in answer.headers


@pytest.mark.parametrize("end", ["logout", "role"])
def test_a_stream_ends_with_its_session(console: Console, owner: Browser, merchant: Merchant, end: str) -> None:
    account = console.new_person(owner, "finance")
    browser = console.logged_in(*account)
    with browser.http.stream("GET", f"{browser.root}/live/stream") as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": open"
        if end == "logout":
            browser.post("/logout")
        else:
            user_id = re.findall(r'/users/([\w-]{36})"', owner.page("/users").partition(f"Role of {account[0]}")[0])[-1]
            owner.post(f"/users/{user_id}", verb="role", role="viewer")
        # it would go on for as long as the browser is there
        assert all("event: row" not in line for line in lines)


def test_nobody_takes_all_streams(owner: Browser) -> None:
    with ExitStack() as stack:
        opened = [
            stack.enter_context(owner.http.stream("GET", f"{owner.root}/live/stream")).iter_lines() for _ in "123"
        ]
        assert [next(lines) for lines in opened] == [": open"] * 3
        refused = stack.enter_context(owner.http.stream("GET", f"{owner.root}/live/stream"))
        assert refused.status_code == httpx.codes.TOO_MANY_REQUESTS
        owner.page("/payments")
