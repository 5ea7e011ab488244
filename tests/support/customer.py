"""A customer who opens a payment link, as a browser is: cookies, the page's form, and where it comes from."""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

import httpx

from tests.support.providers.sandbox import Provider
from tests.support.waiting import eventually

_FORM_TOKEN = re.compile(r'name="form_token" value="([\w-]+)"')
_LEADS_TO = re.compile(r'http-equiv="refresh" content="0; url=([^"]+)"')
_STATE = re.compile(r'data-state="(\w+)"')


class Customer:
    """A browser at the page of one link."""

    def __init__(self, url: str, browser: httpx.Client | None = None) -> None:
        """Open a link in a browser of its own, or in another tab of a customer's."""
        self.url = url
        split = urlsplit(url)
        self.origin = f"{split.scheme}://{split.netloc}"
        self.http = browser or httpx.Client(
            timeout=60, headers={"origin": self.origin, "sec-fetch-site": "same-origin"}
        )

    def tab(self) -> Customer:
        """Open the link in another tab."""
        return Customer(self.url, self.http)

    def page(self, path: str = "") -> str:
        """Return a page of the link that must be there."""
        answer = self.http.get(self.url + path)
        assert answer.status_code == 200, (answer.status_code, answer.text[-1500:])
        return answer.text

    def state(self, path: str = "") -> str:
        """Return how far the page says that this customer is."""
        found = _STATE.search(self.page(path))
        assert found
        return found.group(1)

    def form_token(self) -> str:
        """Return what the page's form carries."""
        found = _FORM_TOKEN.search(self.page())
        return found.group(1) if found else ""

    def press(self, provider: str = "stripe", form_token: str = "", path: str = "") -> httpx.Response:
        """Press the button of a provider, on the page as it is or as it was."""
        fields = {"form_token": form_token or self.form_token(), "provider": provider}
        return self.http.post(self.url + path, data=fields)

    def choose(self, provider: str = "stripe") -> str:
        """Choose a provider, and return the address of its page."""
        answer = self.press(provider)
        found = _LEADS_TO.search(answer.text)
        assert found, (answer.status_code, answer.headers, answer.text[-1500:])
        return html.unescape(found.group(1))

    def wait_for(self, state: str, path: str = "") -> str:
        """Wait until the page says that this customer is so far, and return it."""
        eventually(lambda: self.state(path) == state, f"{state} at {path or 'the link'}")
        return self.page(path)

    def pay(self, provider: Provider, payment_method: str = "pm_card_visa") -> None:
        """Pay on the provider's page."""
        provider.pay(self.choose(), payment_method)
