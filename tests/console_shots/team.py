"""Invitations, roles and one's own account, by keyboard alone."""

from __future__ import annotations

import time

import pyotp

from tests.console_shots.desk import PASSWORD, Desk, Person

ROLES = ("viewer", "support", "finance", "developer")


def invite(owner: Person, path: str, email: str, role: str) -> str:
    """Invite somebody; return the link."""
    owner.open(path)
    owner.press("[data-open=add]")
    owner.write("#email", email)
    owner.write("#name", role.title())
    owner.choose("#role", role.title())
    owner.go("#add button.primary")
    owner.done(f"invited-{role}")
    return owner.secret()


def staff(desk: Desk) -> None:
    """Let a person of each role in."""
    owner = desk.logged_in("owner")
    for role in ROLES:
        link = invite(owner, "/users", f"{role}@demo.example", role)
        desk.people[role] = desk.person(role).join(link)
    withdrawn = "nobody@demo.example"
    invite(owner, "/users", withdrawn, "viewer")
    owner.open("/users")
    owner.go("button[value=withdraw]")
    owner.done("invitation-withdrawn")


def change(desk: Desk, boss: Person, path: str, role: str) -> None:
    """Do to somebody's account all that may be done to it, and let them in again."""
    email = f"casual-{role}@demo.example"
    person = desk.person(role).join(invite(boss, path, email, role))
    for verb, said in (("role", "role"), ("disable", "disabled"), ("enable", "enabled")):
        boss.open(path)
        boss.go(boss.in_row(email, f"button[value={verb}]"))
        boss.done(f"{role}-{said}")
    boss.open(path)
    boss.go(boss.in_row(email, "button[value=reset]"))
    boss.done(f"{role}-reset")
    person.join(boss.secret())
    boss.open(path)
    boss.go(boss.in_row(email, "button[value=disable]"))


def account(desk: Desk) -> None:
    """Change the password, set an authenticator up, replace it, turn it off, and end sessions."""
    owner = desk.logged_in("owner")
    link = invite(owner, "/users", "account@demo.example", "viewer")
    person = desk.person("viewer").join(link)
    email = "account@demo.example"
    for name in ("on", "replaced"):
        person.open("/account")
        secret = person.page.get_attribute("input[name=secret]", "value")
        assert secret
        totp = pyotp.TOTP(secret)
        person.write("#totp-password", PASSWORD)
        person.write("#code", totp.now())
        person.go("form[action$='/totp'] button.primary")
        person.done(f"authenticator-{name}")
    person.open("/account")
    person.go("form[action$='/logout'] button:not(.danger)")
    # a code is taken once, and one step early
    person.log_in(email, PASSWORD, totp.at(time.time() + 30))
    person.open("/account")
    person.write("#totp-password", PASSWORD)
    person.go("button[value=drop]")
    person.done("authenticator-off")
    person.open("/account")
    person.write("#old", PASSWORD)
    person.write("#new", PASSWORD + "!")
    person.go("form[action$='/password'] button")
    person.log_in(email, PASSWORD + "!")
    person.open("/account")
    person.go("form[action$='/logout'] button.danger")
    assert person.page.url.endswith("/login")
    person.write("#email", email)
    person.write("#password", "not it")
    person.go("button.primary")
    person.shoot("login-refused")
