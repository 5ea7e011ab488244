"""Links that let somebody in."""

from __future__ import annotations

import re
import uuid

import httpx
import psycopg
import pyotp
import pytest

from stack.stack import Ready
from tests.support.console import Browser, Console, shown_secret
from tests.support.merchant.api import Merchant

PASSWORD, OTHER = "a long password", "another long password"
NOT_FOUND, SEE_OTHER = httpx.codes.NOT_FOUND, httpx.codes.SEE_OTHER


def address() -> str:
    """Return an address of nobody yet."""
    return f"{uuid.uuid4()}@shop.example"


def invited(owner: Browser, email: str, role: str = "viewer") -> str:
    """Invite somebody; return the link."""
    return shown_secret(owner.post("/users", email=email, display_name="Kim", role=role))


def test_a_link_lets_in_once(console: Console, owner: Browser, gateway: Ready) -> None:
    email = address()
    link = invited(owner, email, "finance")
    assert link.startswith(f"{gateway.console['url']}/join?token=")
    assert email in owner.page("/users")
    assert link not in owner.page("/users")
    browser = console.browser()
    # what a mail program looks at is not used up
    assert email in browser.http.get(link).text
    assert browser.join(link, "short").status_code == httpx.codes.BAD_REQUEST
    assert browser.join(link, PASSWORD).status_code == SEE_OTHER
    assert browser.is_in
    assert "Finance" in browser.page("/account")
    stranger = console.browser()
    assert stranger.http.get(link).status_code == NOT_FOUND
    assert stranger.join(link, PASSWORD).status_code == NOT_FOUND
    assert console.logged_in(email, PASSWORD).is_in
    with psycopg.connect(gateway.database_urls["console"], autocommit=True) as database:
        rows = database.execute("SELECT links::text FROM links").fetchall()
    assert link.partition("token=")[2] not in str(rows)


def test_the_newest_link_holds(console: Console, owner: Browser) -> None:
    email = address()
    first, second = invited(owner, email, "owner"), invited(owner, email, "viewer")
    assert console.browser().join(first, PASSWORD).status_code == NOT_FOUND
    browser = console.browser()
    assert browser.join(second, PASSWORD).status_code == SEE_OTHER
    assert "Viewer" in browser.page("/account")
    # and nobody is invited twice
    assert owner.post("/users", email=email.upper(), role="owner").status_code == httpx.codes.BAD_REQUEST


def test_a_link_is_withdrawn(console: Console, owner: Browser) -> None:
    email = address()
    link = invited(owner, email)
    assert owner.post("/users", verb="withdraw", email=email.upper()).status_code == SEE_OTHER
    assert email not in owner.page("/users")
    assert console.browser().join(link, PASSWORD).status_code == NOT_FOUND
    assert "no such link any more" in owner.post("/users", verb="withdraw", email=email).text


def test_operator_withdraws_the_invitation_of_a_merchants_owner(console: Console, new_merchant: object) -> None:
    merchant_id = new_merchant().merchant_id  # type: ignore[operator]
    operator, email = console.operator, address()
    link = shown_secret(operator.post(f"/platform/merchants/{merchant_id}/users", email=email))
    listed = operator.page("/platform/users")
    assert email in listed
    assert merchant_id in listed
    answer = operator.post("/platform/users", verb="withdraw", email=email, merchant_id=merchant_id)
    assert answer.status_code == SEE_OTHER
    assert email not in operator.page("/platform/users")
    assert console.browser().join(link, PASSWORD).status_code == NOT_FOUND


@pytest.mark.parametrize("token", ["", "x", "é", "a" * 43])
def test_no_other_token_lets_in(console: Console, token: str) -> None:
    browser = console.browser()
    assert browser.get("/join", token=token).status_code == NOT_FOUND
    assert browser.join(f"token={token}", PASSWORD).status_code == NOT_FOUND


def test_another_merchant_neither_takes_nor_sees_a_link(console: Console, owner: Browser, new_merchant: object) -> None:
    other = console.owner(new_merchant().merchant_id)  # type: ignore[operator]
    email = address()
    link = invited(owner, email)
    assert email not in other.page("/users")
    other.post("/users", verb="withdraw", email=email)
    assert console.browser().join(link, PASSWORD).status_code == SEE_OTHER
    (user_id,) = re.findall(r"/users/([\w-]{36})", owner.page("/users"))
    assert other.post(f"/users/{user_id}", verb="reset").status_code == NOT_FOUND


def test_no_merchant_keeps_an_address_from_another(console: Console, owner: Browser, new_merchant: object) -> None:
    other = console.owner(new_merchant().merchant_id)  # type: ignore[operator]
    email = address()
    # nobody learns that somebody else has invited the person
    links = [invited(one, email) for one in (owner, other)]
    other.post("/users", verb="withdraw", email=email)
    links.append(invited(other, email))
    assert console.browser().join(links[1], PASSWORD).status_code == NOT_FOUND
    assert console.browser().join(links[0], PASSWORD).status_code == SEE_OTHER
    # who accepts first, which may be who made the link, takes it from nobody
    assert console.browser().join(links[2], OTHER).status_code == SEE_OTHER
    for one in (owner, other):
        assert email in one.page("/users")
        assert "has this address already" in one.post("/users", email=email, role="viewer").text
    assert shown_secret(console.owner(new_merchant().merchant_id).post("/users", email=email, role="viewer"))  # type: ignore[operator]


def test_address_of_two_merchants_is_two_logins(console: Console, owner: Browser, new_merchant: object) -> None:
    other = console.owner(new_merchant().merchant_id)  # type: ignore[operator]
    email = address()
    console.browser().join(invited(owner, email, "finance"), PASSWORD)
    console.browser().join(invited(other, email, "viewer"), OTHER)
    here, there = console.logged_in(email, PASSWORD), console.logged_in(email, OTHER)
    assert ("Finance" in here.page("/account"), "Viewer" in there.page("/account")) == (True, True)
    # what is right for one is no wrong guess for the other, however often
    for _ in range(11):
        assert console.browser().log_in(email, PASSWORD).status_code == SEE_OTHER
    assert console.logged_in(email, OTHER).is_in
    # a link to a new password is of one of them
    link = shown_secret(other.post(f"/users/{user_of(other, email)}", verb="reset"))
    assert console.browser().join(link, PASSWORD).status_code == SEE_OTHER
    assert here.is_in
    assert not there.is_in
    # now one password opens both: the person says which
    answer = console.browser().log_in(email, PASSWORD)
    assert (answer.status_code, "set-cookie" in answer.headers) == (httpx.codes.OK, False)
    logins = re.findall(r'<option value="([\w-]{36})">', answer.text)
    roles = set()
    for user_id in logins:
        browser = console.browser()
        assert browser.log_in(email, PASSWORD, account=user_id).status_code == SEE_OTHER
        roles |= {role for role in ("Finance", "Viewer") if role in browser.page("/account")}
    assert (len(logins), roles) == (2, {"Finance", "Viewer"})


def test_wrong_guesses_lock_each_login_of_an_address(console: Console, owner: Browser, new_merchant: object) -> None:
    """Who has a login of their own with somebody's address guesses no more for that."""
    other = console.owner(new_merchant().merchant_id)  # type: ignore[operator]
    email = address()
    console.browser().join(invited(owner, email), PASSWORD)
    console.browser().join(invited(other, email), OTHER)
    for number in range(10):
        console.browser().log_in(email, f"wrong {number}")
        if number == 5:
            assert console.browser().log_in(email, OTHER).status_code == SEE_OTHER
    assert console.browser().log_in(email, PASSWORD).status_code == httpx.codes.FORBIDDEN


def user_of(owner: Browser, email: str) -> str:
    """Return the id of a colleague."""
    found = re.search(rf"{re.escape(email)}.*?/users/([\w-]{{36}})", owner.page("/users"), re.DOTALL)
    assert found
    return found.group(1)


@pytest.mark.parametrize("change", [{"verb": "disable"}, {"verb": "role", "role": "viewer"}])
def test_links_end_with_the_right_of_who_made_them(
    console: Console, owner: Browser, change: dict[str, str], gateway: Ready
) -> None:
    email, password = console.new_person(owner, "owner")
    leaving, colleague = console.logged_in(email, password), console.new_person(owner, "finance")[0]
    links = [
        invited(leaving, address(), "owner"),
        shown_secret(leaving.post(f"/users/{user_of(leaving, colleague)}", verb="reset")),
    ]
    mine, late = invited(owner, address()), invited(leaving, late_for := address(), "owner")
    with psycopg.connect(gateway.database_urls["console"], autocommit=True) as database:
        row = database.execute("DELETE FROM links WHERE email = %s RETURNING links", [late_for]).fetchone()
        owner.post(f"/users/{user_of(owner, email)}", **change)
        # one that was made at that moment
        database.execute("INSERT INTO links SELECT (%s::links).*", row)
    for link in (*links, late):
        answer = console.browser().join(link, PASSWORD)
        assert answer.status_code in (httpx.codes.BAD_REQUEST, NOT_FOUND), link
    assert console.browser().join(mine, PASSWORD).status_code == SEE_OTHER


def test_nobody_is_invited_to_more_than_there_is(console: Console, owner: Browser) -> None:
    for role in ("operator", "", "root"):
        assert owner.post("/users", email=address(), role=role).status_code == httpx.codes.BAD_REQUEST
    for role in ("owner", "viewer"):
        answer = console.operator.post("/platform/users", email=address(), role=role)
        assert answer.status_code == httpx.codes.BAD_REQUEST
    assert owner.get("/platform/users").status_code == httpx.codes.FORBIDDEN
    assert owner.post("/platform/users", email=address(), role="operator").status_code == httpx.codes.FORBIDDEN


def test_an_operator_invites_operators(console: Console) -> None:
    email = address()
    link = shown_secret(console.operator.post("/platform/users", email=email, display_name="", role="operator"))
    browser = console.browser()
    assert browser.join(link, PASSWORD).headers["location"] == "/console/platform"
    assert browser.get("/platform/reviews").status_code == httpx.codes.OK


def test_who_lost_everything_is_let_in_again(console: Console, owner: Browser) -> None:
    email, password = console.new_person(owner, "support")
    person = console.logged_in(email, password)
    secret = pyotp.random_base32()
    person.post("/account/totp", secret=secret, password=password, code=pyotp.TOTP(secret).now())
    for number in range(10):
        console.browser().log_in(email, f"wrong {number}")
    (user_id,) = re.findall(r"/users/([\w-]{36})", owner.page("/users"))
    link = shown_secret(owner.post(f"/users/{user_id}", verb="reset"))
    assert person.is_in
    assert console.browser().join(link, PASSWORD).status_code == SEE_OTHER
    assert not person.is_in
    assert console.logged_in(email, PASSWORD).is_in
    assert console.browser().log_in(email, password).status_code == httpx.codes.FORBIDDEN
    assert console.browser().join(link, PASSWORD).status_code == NOT_FOUND


def test_a_link_is_of_no_use_to_who_was_sent_away(console: Console, owner: Browser) -> None:
    email, _ = console.new_person(owner, "support")
    (user_id,) = re.findall(r"/users/([\w-]{36})", owner.page("/users"))
    link = shown_secret(owner.post(f"/users/{user_id}", verb="reset"))
    owner.post(f"/users/{user_id}", verb="disable")
    assert console.browser().join(link, PASSWORD).status_code in (httpx.codes.BAD_REQUEST, NOT_FOUND)
    assert console.browser().log_in(email, PASSWORD).status_code == httpx.codes.FORBIDDEN


def test_another_site_takes_no_link(console: Console, owner: Browser, merchant: Merchant) -> None:
    link = invited(owner, address())
    browser = console.browser()
    browser.http.headers["origin"] = "https://evil.example"
    assert browser.join(link, PASSWORD).status_code == httpx.codes.FORBIDDEN
