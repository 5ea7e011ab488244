"""People at the console, as their browsers are: cookies, forms with their tokens, and where they come from."""

from __future__ import annotations

import html
import re
import secrets
import uuid
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
from argon2 import PasswordHasher

from console.domain import digest
from stack.stack import Ready
from tests.support.waiting import eventually

_HIDDEN = re.compile(r'name="(form_token|page_mode)" value="([\w-]+)"')
_SECRET = re.compile(r'<div class="secret"><code>([^<]+)</code>')
_COOKIE = "fusionxpay_console"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The console checks a password by what its hash says: that of most people here takes it no time."""


class Browser:
    """A browser at the console of a stack."""

    def __init__(self, gateway: Ready, address: str = "127.0.0.1") -> None:
        self.root = gateway.console["url"]
        self.origin = gateway.edge_url
        headers = {"origin": self.origin, "sec-fetch-site": "same-origin"}
        self.http = httpx.Client(timeout=60, headers=headers, transport=httpx.HTTPTransport(local_address=address))

    def get(self, path: str, /, **query: str) -> httpx.Response:
        """Open a page, without following where it sends."""
        return self.http.get(self.root + path, params=query or None)

    def page(self, path: str) -> str:
        """Return a page that must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[-1500:])
        return answer.text

    def overview(self, days: int) -> str:
        """Return the first page once its figures are there: many payments take longer to count."""
        path = f"/?days={days}"
        eventually(lambda: "data-again" not in self.page(path), "the figures")
        return self.page(path)

    def post(self, path: str, /, **fields: str) -> httpx.Response:
        """Send a form with the token of this session."""
        return self.http.post(self.root + path, data=self.form() | fields)

    def form(self) -> dict[str, str]:
        """Return what each form of a page that was just opened carries."""
        page = self.get("/account").text
        hidden = {name: html.unescape(value) for name, value in _HIDDEN.findall(page)}
        return hidden | {"attempt": secrets.token_hex(16)}

    def form_token(self) -> str:
        """Return what forms of this session carry."""
        return self.form().get("form_token", "")

    def log_in(self, email: str, password: str, **fields: str) -> httpx.Response:
        """Log in."""
        return self.http.post(f"{self.root}/login", data={"email": email, "password": password, **fields})

    def join(self, link: str, password: str) -> httpx.Response:
        """Come by a link and choose a password."""
        token = link.partition("token=")[2]
        return self.http.post(f"{self.root}/join", data={"token": token, "password": password})

    @property
    def is_in(self) -> bool:
        """Whether the session goes on."""
        return self.get("/account").status_code == httpx.codes.OK


class Console:
    """The console of a stack, and people who log in there."""

    def __init__(self, gateway: Ready) -> None:
        self._gateway = gateway
        self._operator: Browser | None = None
        self._opened: list[Browser] = []

    def browser(self, address: str = "127.0.0.1") -> Browser:
        """Open a browser in which nobody is logged in."""
        self._opened.append(Browser(self._gateway, address))
        return self._opened[-1]

    def close(self) -> None:
        """Close all browsers."""
        for browser in self._opened:
            browser.http.close()

    @property
    def operator(self) -> Browser:
        """The operator of the stack."""
        if self._operator is None:
            self._operator = self._let_in(self._gateway.console["operator"])
        return self._operator

    def new_owner(self, merchant_id: str) -> tuple[str, str]:
        """Have an owner of a merchant, who has come before the test; return address and password."""
        return self._known(merchant_id, "owner")

    def joined(self, link: str) -> str:
        """Have somebody come by a link, and return the password."""
        password = f"pass {uuid.uuid4()}"
        answer = self.browser().join(link, password)
        assert answer.status_code == httpx.codes.SEE_OTHER, answer.text[-1500:]
        return password

    def owner(self, merchant_id: str) -> Browser:
        """Return the browser of a new owner of a merchant, who has logged in before the test."""
        return self._let_in(self.new_owner(merchant_id)[0])

    def new_person(self, owner: Browser, role: str) -> tuple[str, str]:
        """Have somebody at the merchant of a browser's owner; return address and password."""
        whose = "SELECT merchant_id FROM users JOIN sessions USING (user_id) WHERE token_sha256 = %s"
        found = self._people.execute(whose, [digest(owner.http.cookies[_COOKIE])]).fetchone()
        assert found
        return self._known(found[0], role)

    def logged_in(self, email: str, password: str) -> Browser:
        """Return a browser in which somebody has logged in."""
        browser = self.browser()
        answer = browser.log_in(email, password)
        assert answer.status_code == httpx.codes.SEE_OTHER, answer.text[-1500:]
        return browser

    @property
    def _people(self) -> psycopg.Connection[Any]:
        return _connected(self._gateway.database_urls["console"])

    def _known(self, merchant_id: str, role: str) -> tuple[str, str]:
        """Have somebody who came by an invitation before: coming takes five slow hashes, and is tested for itself."""
        email, password = f"{role}-{uuid.uuid4()}@shop.example", f"pass {uuid.uuid4()}"
        self._people.execute(
            "INSERT INTO users (user_id, email, display_name, role, merchant_id, password_hash, totp_step, failures,"
            " create_time) VALUES (%s, %s, '', %s, %s, %s, 0, 0, now())",
            [uuid.uuid4(), email, role, merchant_id, QUICK.hash(password)],
        )
        return email, password

    def _let_in(self, email: str) -> Browser:
        """Return a browser with a session that has just begun."""
        token, browser = secrets.token_urlsafe(32), self.browser()
        self._people.execute(
            "INSERT INTO sessions (token_sha256, user_id, mode, user_agent, create_time, expire_time)"
            " SELECT %s, user_id, 'test', %s, now(), now() + interval '12 hours' FROM users WHERE email = %s",
            [digest(token), browser.http.headers["user-agent"], email],
        )
        host = urlsplit(browser.root).hostname or ""
        browser.http.cookies.set(_COOKIE, token, domain=host, path=urlsplit(browser.root).path)
        return browser


@cache
def _connected(url: str) -> psycopg.Connection[Any]:
    """Return this process's connection to a database: each new one costs more than what it is asked."""
    return psycopg.connect(url, autocommit=True)


def shown_secrets(answer: httpx.Response) -> list[str]:
    """Return the secrets that a page shows once."""
    found = _SECRET.findall(answer.text)
    assert found, (answer.status_code, answer.text[-2500:])
    return [html.unescape(one) for one in found]


def shown_secret(answer: httpx.Response) -> str:
    """Return the secret that a page shows once."""
    return shown_secrets(answer)[0]
