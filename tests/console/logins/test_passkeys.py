"""Passkeys, in a real browser with a simulated device: set up, used, removed, and what does not pass for one."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs

import httpx
import psycopg
import pytest

from console.use_cases.passkeys import Site
from stack.stack import Ready
from tests.support.authenticator import Authenticator, at_localhost
from tests.support.console import Browser, Console
from tests.support.merchant.api import Merchant

FORBIDDEN, SEE_OTHER = httpx.codes.FORBIDDEN, httpx.codes.SEE_OTHER
LOGIN, ADD = "form[data-passkey=login] button", "form[data-passkey=register] button"


@pytest.mark.parametrize(
    ("url", "host", "origin"),
    [
        ("https://pay.example", "pay.example", "https://pay.example"),
        ("https://pay.example:8443/", "pay.example", "https://pay.example:8443"),
        ("http://127.0.0.1:8080", "localhost", "http://localhost:8080"),
    ],
)
def test_what_passkeys_are_bound_to(url: str, host: str, origin: str) -> None:
    assert (Site(url).host, Site(url).origin) == (host, origin)


class Person:
    """Somebody with a device, at a page of the console."""

    def __init__(self, page: Any, gateway: Ready, account: tuple[str, str]) -> None:
        self.page, self.root = page, at_localhost(gateway.console["url"])
        self.email, self.password = account
        self.device = Authenticator(page)
        self.sent: list[dict[str, str]] = []
        """Forms with a passkey that the browser has sent."""
        page.on("request", self._note)

    def _note(self, request: Any) -> None:
        if request.method == "POST" and "credential=" in (request.post_data or ""):
            fields = {name: values[0] for name, values in parse_qs(request.post_data).items()}
            if "credential" in fields:
                self.sent.append(fields)

    def log_in(self) -> None:
        """Log in by the password."""
        self.page.goto(f"{self.root}/login")
        self.page.fill("#email", self.email)
        self.page.fill("#password", self.password)
        self.page.click("button.primary")
        self.page.wait_for_load_state()

    def add(self, name: str = "My phone") -> None:
        """Add a passkey."""
        self.page.goto(f"{self.root}/account")
        self.page.fill("#passkey-name", name)
        self.page.fill("#passkey-password", self.password)
        self.page.click(ADD)

    def by_passkey(self) -> None:
        """Log in by the passkey, in a browser that knows nobody."""
        self.page.context.clear_cookies()
        self.page.goto(f"{self.root}/login")
        self.page.click(LOGIN)


@pytest.fixture
def person(page: Any, console: Console, merchant: Merchant, gateway: Ready) -> Person:
    """An owner of the test's merchant, with a passkey."""
    person = Person(page, gateway, console.new_owner(merchant.merchant_id))
    person.log_in()
    person.add()
    page.wait_for_selector("[role=status]")
    return person


def test_a_passkey_from_its_making_to_its_end(person: Person, console: Console, gateway: Ready) -> None:
    page = person.page
    assert "My phone" in page.inner_text("main")
    person.by_passkey()
    page.wait_for_url("**/console/")
    # the password alone lets in no longer, and says so to who has it
    refused = console.browser().log_in(person.email, person.password)
    assert refused.status_code == FORBIDDEN
    assert "Log in with your passkey" in refused.text
    assert "is not right" in console.browser().log_in(person.email, "wrong").text
    page.goto(f"{person.root}/account")
    page.fill("input[aria-label*='My phone']", "wrong")
    page.click("button:has-text('Remove')")
    page.wait_for_selector("main [role=alert]")
    page.fill("input[aria-label*='My phone']", person.password)
    page.click("button:has-text('Remove')")
    page.wait_for_selector("[role=status]")
    # the last one is gone: the password is enough again, and the device's key opens nothing
    assert console.logged_in(person.email, person.password).is_in
    person.by_passkey()
    page.wait_for_selector("main [role=alert]:not([hidden])")
    assert "not known here" in page.inner_text("main")
    with psycopg.connect(gateway.database_urls["console"]) as database:
        query = "SELECT count(*) FROM passkeys JOIN users USING (user_id) WHERE email = %s"
        assert database.execute(query, [person.email]).fetchone() == (0,)


def test_a_passkey_is_taken_once(person: Person, console: Console) -> None:
    person.by_passkey()
    person.page.wait_for_url("**/console/")
    *_, made, used = person.sent
    stranger = console.browser()
    # again, with another challenge, and as what it is not
    for fields in (
        used,
        used | {"token": begun(stranger)},
        made,
        used | {"credential": "{}"},
        used | {"credential": "["},
    ):
        answer = stranger.post("/login/passkey", token=fields["token"], credential=fields["credential"])
        assert answer.status_code == FORBIDDEN, fields
    assert not stranger.is_in


def begun(browser: Browser) -> str:
    """Begin to log in by a passkey; return the token."""
    return str(browser.post("/login/passkey/begin").json()["token"])


def test_a_device_that_does_not_know_its_owner_is_not_enough(person: Person) -> None:
    person.device.is_owner_there(verified=False)
    person.by_passkey()
    person.page.wait_for_selector("form [role=alert]:not([hidden])")
    assert person.page.url.endswith("/login")


def test_a_copied_passkey_is_seen(person: Person) -> None:
    (copy,) = person.device.keys()
    person.by_passkey()
    person.page.wait_for_url("**/console/")
    person.device.keep(copy)
    person.by_passkey()
    person.page.wait_for_selector("main [role=alert]:not([hidden])")
    assert person.page.url.endswith("/login/passkey")


def test_another_site_and_another_person_are_not_taken(person: Person, console: Console, merchant: Merchant) -> None:
    other = console.logged_in(*console.new_owner(merchant.merchant_id))
    # what one person's browser has made is nobody else's passkey
    made = person.sent[0]
    answer = other.post("/account/passkeys", token=made["token"], credential=made["credential"], name="Mine")
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert other.post("/account/passkeys/begin", password="wrong").status_code == httpx.codes.BAD_REQUEST
    headers = {"origin": "https://evil.example"}
    assert other.http.post(f"{other.root}/login/passkey/begin", headers=headers).status_code == FORBIDDEN
    person.page.goto(f"{person.root}/account")
    found = re.search(r"/account/passkeys/([\w-]{36})", person.page.content())
    assert found
    email, password = console.new_owner(merchant.merchant_id)
    thief = console.logged_in(email, password)
    removed = thief.post(f"/account/passkeys/{found.group(1)}", password=password)
    assert removed.status_code == httpx.codes.NOT_FOUND
    # a signature for another page of the same machine
    said = json.loads(made["credential"])
    assert said["type"] == "public-key"


def test_a_disabled_person_stays_out(person: Person, console: Console, merchant: Merchant) -> None:
    boss = console.owner(merchant.merchant_id)
    row = next(part for part in boss.page("/users").split("<tr>") if person.email in part)
    assert "passkey" in row
    (user_id,) = set(re.findall(r"/users/([\w-]{36})", row))
    boss.post(f"/users/{user_id}", verb="disable")
    person.by_passkey()
    person.page.wait_for_selector("main [role=alert]:not([hidden])")
    boss.post(f"/users/{user_id}", verb="enable")
    # a reset is for who has lost the device
    link = re.search(r"<code>(http[^<]+)</code>", boss.post(f"/users/{user_id}", verb="reset").text)
    assert link
    password = console.joined(link.group(1))
    assert console.logged_in(person.email, password).is_in
