"""Logging in by a provider of identities: who may, and what does not let in."""

from __future__ import annotations

import html
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from stack.stack import Ready
from tests.support.console import Browser, Console, shown_secret
from tests.support.identity_provider import CLIENT, SECRET, Provider, providing
from tests.support.merchant.api import Identities
from tests.support.stack.edges import edges_of

SEE_OTHER, FORBIDDEN = httpx.codes.SEE_OTHER, httpx.codes.FORBIDDEN
pytestmark = pytest.mark.xdist_group("federation")


@dataclass
class House:
    """A console that knows a provider, and a merchant whose domain has a rule."""

    console: Console
    provider: Provider
    domain: str
    merchant_id: str

    def begun(self, browser: Browser, path: str = "/login/oidc", **fields: str) -> str:
        """Begin; return the provider's address."""
        answer = browser.post(path, **fields)
        found = re.search(r'href="(http[^"]*/authorize[^"]*)"', answer.text)
        assert found, (answer.status_code, answer.text[-1500:])
        return html.unescape(found.group(1))

    def back(self, browser: Browser, path: str = "/login/oidc", **fields: str) -> httpx.Response:
        """Go there, and come back."""
        return browser.http.get(self.returned(browser, path, **fields))

    def returned(self, browser: Browser, path: str = "/login/oidc", **fields: str) -> str:
        """Go there; return the address that leads back."""
        return httpx.get(self.begun(browser, path, **fields)).headers["location"]


@pytest.fixture(scope="module")
def house(gateway: Ready, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A console with a provider, and with a rule."""
    identities = Identities(gateway)
    merchant_id, _ = identities.new_merchant()
    identities.close()
    domain = f"{uuid.uuid4().hex}.example"
    rules = [{"domain": domain, "role": "viewer", "merchant_id": merchant_id}]
    folder: Path = tmp_path_factory.mktemp("federation")
    with providing() as provider, edges_of(gateway, folder) as edges:
        ready = edges.console(
            OIDC_ISSUER=provider.issuer,
            OIDC_CLIENT_ID=CLIENT,
            OIDC_CLIENT_SECRET=SECRET,
            OIDC_NAME="Company login",
            OIDC_DOMAINS=json.dumps(rules),
            OIDC_ROLES_CLAIM="groups",
            OIDC_ROLES=json.dumps({"pay-admins": "owner", "pay-money": "finance"}),
        )
        console = Console(ready)
        yield House(console, provider, domain, merchant_id)
        console.close()


@pytest.fixture(autouse=True)
def honest(house: House) -> Iterator[None]:
    """What a test has made the provider say ends with it."""
    yield
    house.provider.claims, house.provider.signs_with, house.provider.kid = {}, None, "first"


def person(house: House) -> str:
    """Return an address of the rule's domain."""
    return f"{uuid.uuid4().hex}@{house.domain}"


def test_a_rule_lets_in_and_says_the_role_each_time(house: House) -> None:
    email = person(house)
    house.provider.be(email, groups=["staff"])
    browser = house.console.browser()
    answer = house.back(browser, next="/console/payments?status=FAILED")
    assert (answer.status_code, answer.headers["location"]) == (SEE_OTHER, "/console/payments?status=FAILED")
    page = browser.page("/account")
    assert email in page
    assert "Viewer" in page
    house.provider.person["groups"] = ["pay-money", "pay-admins"]
    later = house.console.browser()
    assert house.back(later).status_code == SEE_OTHER
    # the first of the setting decides, and the session with the old role is over
    assert "Owner" in later.page("/account")
    assert not browser.is_in
    house.provider.person["groups"] = []
    again = house.console.browser()
    assert house.back(again).status_code == SEE_OTHER
    assert "Viewer" in again.page("/account")
    # the provider's id is the person, whatever the address is now; another domain has no rule
    house.provider.person["email"] = "kim@elsewhere.example"
    assert house.back(house.console.browser()).status_code == FORBIDDEN


@pytest.mark.parametrize("email", ["kim@elsewhere.example", "kim@sub.{domain}", "{domain}@elsewhere.example"])
def test_nobody_comes_in_without_an_invitation_or_a_rule(house: House, email: str) -> None:
    house.provider.be(email.format(domain=house.domain))
    answer = house.back(house.console.browser())
    assert answer.status_code == FORBIDDEN
    assert "Nobody has invited you" in answer.text


def test_an_address_that_is_not_verified_is_none(house: House) -> None:
    for claim in (False, "true", None, 1):
        house.provider.be(person(house), email_verified=claim)
        assert house.back(house.console.browser()).status_code == FORBIDDEN, claim


def invited(house: House, email: str) -> tuple[Browser, str]:
    """Invite somebody as an owner; return the owner's browser and the invitation's token."""
    owner = house.console.owner(house.merchant_id)
    link = shown_secret(owner.post("/users", email=email, display_name="", role="finance"))
    return owner, link.partition("token=")[2]


def test_an_invitation_is_accepted_by_its_address_alone_and_once(house: House) -> None:
    email = f"{uuid.uuid4().hex}@elsewhere.example"
    owner, token = invited(house, email)
    house.provider.be("somebody@else.example")
    assert house.back(house.console.browser(), "/join/oidc", token=token).status_code == FORBIDDEN
    house.provider.be(email, email_verified=False)
    assert house.back(house.console.browser(), "/join/oidc", token=token).status_code == FORBIDDEN
    house.provider.be(email)
    browser = house.console.browser()
    first, second = (house.returned(browser, "/join/oidc", token=token) for _ in range(2))
    # the newest way is the browser's
    assert browser.http.get(first).status_code == FORBIDDEN
    browser = house.console.browser()
    assert house.back(browser, "/join/oidc", token=token).status_code == SEE_OTHER
    assert "Finance" in browser.page("/account")
    assert second
    assert house.console.browser().post("/join/oidc", token=token).status_code == httpx.codes.NOT_FOUND
    # and then logs in, as the role that the owner has given
    later = house.console.browser()
    assert house.back(later).status_code == SEE_OTHER
    assert "Finance" in later.page("/account")
    # there is no password, and none is right
    for password in ("", "x", "-"):
        assert house.console.browser().log_in(email, password).status_code == FORBIDDEN
    assert email in owner.page("/users")


def test_a_login_of_the_address_is_not_taken_over(house: House) -> None:
    owner, token = invited(house, email := person(house))
    password = house.console.joined(f"token={token}")
    house.provider.be(email, groups=["pay-admins"])
    answer = house.back(house.console.browser())
    assert answer.status_code == FORBIDDEN
    assert "a login of your address already" in answer.text
    # who has the password connects it, and gets no other role by that
    browser = house.console.logged_in(email, password)
    assert browser.post("/account/oidc", password="wrong").status_code == httpx.codes.BAD_REQUEST
    assert house.back(browser, "/account/oidc", password=password).status_code == SEE_OTHER
    later = house.console.browser()
    assert house.back(later).status_code == SEE_OTHER
    assert "Finance" in later.page("/account")
    assert browser.post("/account/oidc", verb="disconnect", password=password).status_code == SEE_OTHER
    assert house.back(house.console.browser()).status_code == FORBIDDEN
    assert owner.is_in


def test_what_one_has_begun_connects_nobody_else(house: House) -> None:
    owner, token = invited(house, email := f"{uuid.uuid4().hex}@elsewhere.example")
    password = house.console.joined(f"token={token}")
    house.provider.be("attacker@elsewhere.example")
    attacker = house.console.logged_in(email, password)
    address = house.returned(attacker, "/account/oidc", password=password)
    # the victim's browser has no part of it
    assert owner.http.get(address).status_code == FORBIDDEN
    assert attacker.http.get(address).status_code == FORBIDDEN


def test_a_disabled_person_stays_out(house: House) -> None:
    owner, token = invited(house, email := f"{uuid.uuid4().hex}@elsewhere.example")
    house.provider.be(email)
    assert house.back(house.console.browser(), "/join/oidc", token=token).status_code == SEE_OTHER
    row = next(part for part in owner.page("/users").split("<tr>") if email in part)
    (user_id,) = set(re.findall(r"/users/([\w-]{36})", row))
    owner.post(f"/users/{user_id}", verb="disable")
    assert house.back(house.console.browser()).status_code == FORBIDDEN


def test_what_comes_back_is_taken_once_and_by_who_went(house: House) -> None:
    house.provider.be(person(house))
    browser = house.console.browser()
    address = house.returned(browser)
    # a login that somebody else has begun, or that is put before a victim
    assert house.console.browser().http.get(address).status_code == FORBIDDEN
    assert browser.http.get(address).status_code == FORBIDDEN
    address = house.returned(browser)
    assert browser.http.get(address).status_code == SEE_OTHER
    stranger = house.console.browser()
    assert stranger.http.get(address).status_code == FORBIDDEN
    assert browser.http.get(address).status_code == FORBIDDEN


@pytest.mark.parametrize("change", ["state", "iss", "code", "error"])
def test_what_comes_back_has_to_be_whole(house: House, change: str) -> None:
    house.provider.be(person(house))
    browser = house.console.browser()
    address = house.returned(browser)
    changed = {
        "state": re.sub(r"state=[^&]+", "state=" + "a" * 43, address),
        "iss": re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", address),
        "code": re.sub(r"code=[^&]+", "code=guessed", address),
        "error": re.sub(r"code=[^&]+", "error=access_denied", address),
    }[change]
    answer = browser.http.get(changed)
    assert answer.status_code == FORBIDDEN
    assert not browser.is_in


@cache
def other() -> rsa.RSAPrivateKey:
    """A key that is not the provider's; made when it is asked for, as it takes long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": [CLIENT, "another-client"]},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": 1},
        {"exp": None},
        {"iat": 1 << 40},
        {"sub": ""},
        {"sub": None},
        {"sub": "x" * 256},
    ],
    ids=str,
)
def test_a_token_that_says_otherwise_is_not_believed(house: House, claims: dict[str, object]) -> None:
    house.provider.be(person(house))
    house.provider.claims = claims
    assert house.back(browser := house.console.browser()).status_code == FORBIDDEN
    assert not browser.is_in


@pytest.mark.parametrize("how", ["another key", "no signature", "the client's secret", "the public key", "another kid"])
def test_a_token_that_another_has_signed_is_not_believed(house: House, how: str) -> None:
    provider = house.provider
    provider.be(person(house))
    # too short for the library, which would not make it: as an attacker does
    public = json.dumps(provider.key_set()["keys"][0])
    provider.signs_with = {
        "another key": (other(), "RS256"),
        "no signature": (None, "none"),
        "the client's secret": (SECRET.ljust(32), "HS256"),
        "the public key": (public, "HS256"),
        "another kid": (other(), "RS256"),
    }[how]
    browser = house.console.browser()
    address = house.returned(browser)
    if how == "another kid":
        keys, provider.kid = provider.key_set(), "second"
        provider.key_set = lambda: keys  # type: ignore[method-assign]
    try:
        assert browser.http.get(address).status_code == FORBIDDEN
    finally:
        provider.__dict__.pop("key_set", None)


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/console/../v1", "/console\\evil", "x"])
def test_nobody_is_led_elsewhere(house: House, back: str) -> None:
    house.provider.be(person(house))
    answer = house.back(house.console.browser(), next=back)
    assert (answer.status_code, answer.headers["location"]) == (SEE_OTHER, "/console/")


def test_nothing_that_is_begun_can_be_read_from_the_database(house: House, gateway: Ready) -> None:
    import psycopg

    house.provider.be(person(house))
    browser = house.console.browser()
    address = house.begun(browser)
    with psycopg.connect(gateway.database_urls["console"]) as database:
        rows = str(database.execute("SELECT begun::text FROM begun").fetchall())
    for name in ("state", "nonce"):
        found = re.search(rf"{name}=([^&]+)", address)
        assert found
        assert found.group(1) not in rows


def test_without_a_provider_there_is_no_way(console: Console) -> None:
    browser = console.browser()
    assert "Company login" not in browser.get("/login").text
    assert "knows no provider" in browser.post("/login/oidc").text
    assert browser.get("/oidc/callback", state="x", code="y").status_code == FORBIDDEN
