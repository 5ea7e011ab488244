"""Logging in, with and without a second factor, and sessions that end everywhere."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pyotp

from stack.stack import Ready
from tests.support.console import Browser, Console
from tests.support.merchant.api import Merchant
from tests.support.waiting import eventually


def test_a_page_is_come_back_to(console: Console, merchant: Merchant) -> None:
    account = console.new_owner(merchant.merchant_id)
    browser = console.browser()
    sent = browser.get("/payments?status=FAILED")
    assert sent.headers["location"] == "/console/login?next=/console/payments%3Fstatus%3DFAILED"
    answer = browser.log_in(*account, next="/console/payments?status=FAILED")
    assert answer.headers["location"] == "/console/payments?status=FAILED"


def test_all_sessions_end_at_once(console: Console, merchant: Merchant, gateway: Ready) -> None:
    account = console.new_owner(merchant.merchant_id)
    here, there = console.logged_in(*account), console.logged_in(*account)
    there.page("/payments")
    key_id = key_of(gateway, account[0])
    here.post("/logout", everywhere="yes")
    assert not here.is_in
    assert not there.is_in
    # and so do the API keys that they had
    query = "SELECT revoke_time IS NOT NULL FROM api_keys WHERE api_key_id = %s"
    with psycopg.connect(gateway.database_urls["identity"], autocommit=True) as identity:
        assert identity.execute(query, [key_id]).fetchone() == (True,)


def key_of(gateway: Ready, email: str) -> str:
    """Return the id of the newest API key that a session of somebody's has."""
    query = (
        "SELECT api_key_id FROM sessions JOIN users USING (user_id) "
        "WHERE email = %s AND api_key_id IS NOT NULL ORDER BY sessions.create_time DESC"
    )
    with psycopg.connect(gateway.database_urls["console"]) as console:
        row = console.execute(query, [email]).fetchone()
    assert row
    return str(row[0])


def test_nothing_that_opens_a_door_is_stored(console: Console, merchant: Merchant, gateway: Ready) -> None:
    email, password = console.new_owner(merchant.merchant_id)
    browser = console.logged_in(email, password)
    browser.page("/payments")
    token = browser.http.cookies["fusionxpay_console"]
    with psycopg.connect(gateway.database_urls["console"]) as database:
        rows = database.execute("SELECT u::text, s::text FROM users u JOIN sessions s USING (user_id)").fetchall()
    text = str(rows)
    assert email in text
    for secret in (password, token, token.encode().hex(), "sk_test_", b"sk_test_".hex()):
        assert secret not in text
    assert "$argon2id$" in text


def test_a_second_factor(console: Console, merchant: Merchant) -> None:
    account = console.new_owner(merchant.merchant_id)
    browser = console.logged_in(*account)
    found = re.search(r'name="secret" value="(\w{32})"', browser.page("/account"))
    assert found
    elsewhere = console.logged_in(*account)
    totp, form = pyotp.TOTP(found.group(1)), {"secret": found.group(1), "password": account[1]}
    moment = time.time()
    taken = totp.at(moment)
    for refused in ({"code": "000000"}, {"code": taken, "password": "wrong"}, {"code": taken, "secret": "short"}):
        assert browser.post("/account/totp", **{**form, **refused}).status_code == httpx.codes.BAD_REQUEST
    assert browser.post("/account/totp", **form, code=taken).status_code == httpx.codes.SEE_OTHER
    assert browser.is_in
    assert not elsewhere.is_in
    assert console.browser().log_in(*account).status_code == httpx.codes.FORBIDDEN
    assert console.browser().log_in(*account, code="000000").status_code == httpx.codes.FORBIDDEN
    # who looked over a shoulder comes too late
    assert console.browser().log_in(*account, code=taken).status_code == httpx.codes.FORBIDDEN
    code = totp.at(moment + 30)
    assert console.browser().log_in(*account, code=code).status_code == httpx.codes.SEE_OTHER
    assert console.browser().log_in(*account, code=code).status_code == httpx.codes.FORBIDDEN


def test_a_second_factor_is_dropped_by_who_knows_the_password(console: Console, merchant: Merchant) -> None:
    account = console.new_owner(merchant.merchant_id)
    browser = console.logged_in(*account)
    secret = pyotp.random_base32()
    form = {"secret": secret, "password": account[1], "code": pyotp.TOTP(secret).now()}
    assert browser.post("/account/totp", **form).status_code == httpx.codes.SEE_OTHER
    for password, is_in in (("wrong", False), (account[1], True)):
        browser.post("/account/totp", verb="drop", password=password)
        assert (console.browser().log_in(*account).status_code == httpx.codes.SEE_OTHER) == is_in


def test_pages_at_once_make_one_key(console: Console, merchant: Merchant, gateway: Ready) -> None:
    """A key that no session knew would go on after the session."""
    browser = console.owner(merchant.merchant_id)
    paths = ("payments", "orders", "events", "disputes", "webhooks", "payments")
    with ThreadPoolExecutor(len(paths)) as pool:
        found = list(pool.map(lambda path: browser.get(f"/{path}").status_code, paths))
    assert found == [httpx.codes.OK] * len(paths)
    assert live_keys(gateway, merchant) == 1
    browser.post("/mode", mode="live")
    browser.post("/mode", mode="live")
    assert live_keys(gateway, merchant) == 1
    browser.post("/logout")
    assert live_keys(gateway, merchant) == 0


def live_keys(gateway: Ready, merchant: Merchant) -> int:
    """Return how many keys of a merchant hold, beside its own."""
    query = "SELECT count(*) FROM api_keys WHERE merchant_id = %s AND revoke_time IS NULL AND api_key_id <> %s"
    with psycopg.connect(gateway.database_urls["identity"]) as identity:
        row = identity.execute(query, [merchant.merchant_id, merchant.api_key_id]).fetchone()
    assert row
    return int(row[0])


def test_a_session_ends_with_its_key(console: Console, merchant: Merchant, gateway: Ready) -> None:
    account = console.new_owner(merchant.merchant_id)
    browser = console.logged_in(*account)
    browser.page("/payments")
    query = "UPDATE api_keys SET revoke_time = now() WHERE api_key_id = %s"
    with psycopg.connect(gateway.database_urls["identity"]) as identity:
        identity.execute(query, [key_of(gateway, account[0])])
    eventually(lambda: browser.get("/payments").status_code == httpx.codes.SEE_OTHER, "the end")
    assert not browser.is_in


def test_a_password_is_changed_by_who_knows_it(console: Console, merchant: Merchant) -> None:
    email, password = console.new_owner(merchant.merchant_id)
    browser = console.logged_in(email, password)
    assert browser.post("/account/password", old="wrong", new="a long new password").status_code == 400
    assert browser.post("/account/password", old=password, new="short").status_code == 400
    assert browser.post("/account/password", old=password, new="a long new password").status_code == 303
    assert not browser.is_in
    assert console.browser().log_in(email, password).status_code == httpx.codes.FORBIDDEN
    assert console.logged_in(email, "a long new password").is_in


def test_the_audit_has_the_person(console: Console, owner: Browser, merchant: Merchant, gateway: Ready) -> None:
    owner.page("/payments")
    query = "SELECT user_agent FROM entries WHERE merchant_id = %s AND path = '/v1/payments'"
    with psycopg.connect(gateway.database_urls["audit"], autocommit=True) as audit:
        (agent,) = eventually(lambda: audit.execute(query, [merchant.tenant_id]).fetchone(), "the entry")
    with psycopg.connect(gateway.database_urls["console"]) as database:
        users = database.execute("SELECT user_id FROM users WHERE merchant_id = %s", [merchant.merchant_id]).fetchall()
    assert agent == f"fusionxpay-console (user {users[0][0]})"


def test_test_and_live_are_apart(owner: Browser, merchant: Merchant) -> None:
    number = merchant.new_order(merchant_order_id="only in test")["merchant_order_id"]
    assert number in owner.page("/orders")
    owner.post("/mode", mode="live")
    assert number not in owner.page("/orders")
    owner.post("/mode", mode="test")
    assert number in owner.page("/orders")
