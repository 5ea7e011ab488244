"""The other ways in, by keyboard alone: a passkey of a simulated device, and a provider of identities."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.console_shots.desk import PASSWORD, Desk, Person
from tests.console_shots.team import invite
from tests.support.authenticator import Authenticator, at_localhost
from tests.support.identity_provider import CLIENT, SECRET, providing
from tests.support.stack.edges import edges_of


def passkeys(desk: Desk) -> None:
    """Set a passkey up, log in by it, and remove it."""
    email = "passkey@demo.example"
    desk.person("viewer").join(invite(desk.logged_in("owner"), "/users", email, "viewer"))
    person = desk.person("viewer")
    person.root = at_localhost(person.root)
    person.log_in(email, PASSWORD)
    Authenticator(person.page)
    person.open("/account")
    person.write("#passkey-name", "My phone")
    person.write("#passkey-password", PASSWORD)
    person.go("form[data-passkey=register] button")
    person.done("passkey-added")
    person.go("form[action$='/logout'] button:not(.danger)")
    person.go("form[data-passkey=login] button")
    assert "/login" not in person.page.url, person.page.inner_text("main")
    person.open("/account")
    person.write("input[aria-label*='My phone']", PASSWORD)
    with person.page.expect_navigation():
        person.page.keyboard.press("Enter")
    person.done("passkey-removed")


def elsewhere(desk: Desk) -> None:
    """Join, log in, connect and disconnect by a provider, at a console that knows one."""
    owner = desk.logged_in("owner")
    with (
        tempfile.TemporaryDirectory() as folder,
        providing() as provider,
        edges_of(desk.gateway, Path(folder)) as edges,
    ):
        ready = edges.console(
            OIDC_ISSUER=provider.issuer,
            OIDC_CLIENT_ID=CLIENT,
            OIDC_CLIENT_SECRET=SECRET,
            OIDC_NAME="Company login",
        )
        person = _at(desk, ready.console["url"])
        link = invite(owner, "/users", "company@demo.example", "viewer")
        provider.be("company@demo.example")
        person.page.goto(link.replace(desk.gateway.console["url"], person.root))
        person.shoot("join-with-provider")
        _there_and_back(person, "form[action$='/join/oidc'] button")
        person.open("/account")
        person.shoot("account-of-provider")
        person = _at(desk, person.root)
        person.open("/login")
        person.shoot("login-with-provider")
        _there_and_back(person, "form[action$='/login/oidc'] button")
        other = "connected@demo.example"
        link = invite(owner, "/users", other, "viewer")
        person = _at(desk, person.root).join(link.replace(desk.gateway.console["url"], person.root))
        provider.be(other)
        for name in ("connected", "disconnected"):
            person.open("/account")
            person.write("#oidc-password", PASSWORD)
            if name == "connected":
                _there_and_back(person, "form[action$='/account/oidc'] button")
            else:
                person.go("form[action$='/account/oidc'] button")
            person.done(f"provider-{name}")
        person.page.context.close()


def _at(desk: Desk, root: str) -> Person:
    person = desk.person("viewer")
    person.root = root
    return person


def _there_and_back(person: Person, button: str) -> None:
    """Press the button; the page that leads there and the provider's answer follow by themselves."""
    with person.page.expect_response(lambda answer: "/oidc/callback" in answer.url):
        person.press(button)
    person.page.wait_for_url(lambda url: url.startswith(person.root) and "/oidc" not in url)
    assert "/login" not in person.page.url, person.page.inner_text("main")


DUTIES = (passkeys, elsewhere)
