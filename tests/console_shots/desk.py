"""People at the console, each with a browser of their own, who do everything by keyboard alone."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from stack.stack import Ready
from tests.console_shots.camera import Camera
from tests.support.keyboard import Hands
from tests.support.merchant.api import Merchant
from tests.support.providers.sandbox import Provider

LOOK = "1440-light"
PASSWORD = "a password of the pictures"
MARK = """([text, selector]) => [...document.querySelectorAll("tbody tr")].find((row) => row.textContent.includes(text))
  .querySelector(selector).setAttribute("data-mine", "")"""


class Person(Hands):
    """Somebody with a role, at a page of their own."""

    def __init__(self, desk: Desk, role: str) -> None:
        context = desk.rooms.enter_context(desk.camera.context(LOOK, role))
        super().__init__(context.new_page())
        self.desk = desk
        self.role = role
        self.root = desk.gateway.console["url"]

    def open(self, path: str) -> None:
        """Open a page by its address."""
        self.page.goto(self.root + path)

    def log_in(self, email: str, password: str, code: str = "") -> Person:
        """Log in."""
        self.open("/login")
        self.write("#email", email)
        self.write("#password", password)
        if code:
            self.write("#code", code)
        self.go("button.primary")
        assert "/login" not in self.page.url, self.page.inner_text("main")
        return self

    def join(self, link: str) -> Person:
        """Come by a link and choose a password."""
        self.page.goto(link)
        self.shoot("join")
        self.write("#password", PASSWORD)
        self.go("button.primary")
        assert "/join" not in self.page.url, self.page.inner_text("main")
        return self

    def done(self, name: str) -> None:
        """Take a picture of what somebody has done, which the page has to say."""
        said = self.page.locator("[role=status], .secret")
        assert said.count(), f"{name}: {self.page.inner_text('main')[:400]}"
        self.shoot(f"done-{name}")

    def shoot(self, name: str) -> None:
        """Take a picture of the page."""
        self.desk.camera.shoot(self.page, name, LOOK, self.role)

    def in_row(self, text: str, selector: str) -> str:
        """Return how to find what fits a selector in the first row that has a text."""
        self.page.evaluate(MARK, [text, selector])
        return "[data-mine]"

    def save(self, listing: str) -> None:
        """Save the file of a list that the page shows."""
        with self.page.expect_download():
            self.press(f"a[href*='/export/{listing}']")

    def secret(self) -> str:
        """Return the secret that the page shows this once."""
        return str(self.page.inner_text(".secret code"))


@dataclass
class Desk:
    """Whom and what the actions are about."""

    camera: Camera
    gateway: Ready
    merchant: Merchant
    provider: Provider
    made: dict[str, Any]
    rooms: ExitStack
    people: dict[str, Person] = field(default_factory=dict)

    def person(self, role: str) -> Person:
        """Return somebody new, who has not logged in."""
        return Person(self, role)

    def logged_in(self, role: str) -> Person:
        """Return the person of a role, logged in: owner and operator are the stack's own."""
        if role not in self.people:
            login = self.gateway.console
            self.people[role] = self.person(role).log_in(login[role], login["password"])
        return self.people[role]
