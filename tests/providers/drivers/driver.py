"""What the suite must know of a provider beyond its capabilities: how its customers behave, and how it signs."""

from __future__ import annotations

import json
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from stack.stack import Ready
from stack.state import SECRETS_FILE
from tests.support.providers.sandbox import Provider
from tests.support.waiting import PATIENCE

Json = dict[str, Any]


@dataclass(frozen=True)
class TestTokens:
    """Tokens of the provider's sandbox by what they do."""

    __test__ = False

    approved: str
    declined: str
    challenged: str


@dataclass(frozen=True)
class Callback:
    """A webhook as the provider would write it, not signed yet."""

    event_id: str
    body: bytes


@dataclass(frozen=True)
class Subject:
    """What a webhook is about: by default something that nobody here has ever heard of."""

    payment_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    reference: str = field(default_factory=lambda: uuid.uuid4().hex)


class Driver(ABC):
    """A customer of one provider's, at its sandbox's pages and control API."""

    name: str
    charge_call: str
    """The sandbox's name of the call that can leave a charge in doubt, for faults."""
    lost_answers: int = 2
    """How many answers to that call must be lost until the gateway cannot know: its own attempts within one request."""
    tokens: TestTokens | None = None
    """For a provider that takes tokens."""
    another_time: tuple[int, ...] = (-3600, -320, 320)
    """In seconds from now, when a webhook's signature was made too long ago, or in the future."""

    def __init__(self, gateway: Ready, books: Provider) -> None:
        self.gateway = gateway
        self.books = books
        self.folder = Path(gateway.log_dir).parent
        self.http = httpx.Client(headers={"accept": "application/json"}, timeout=PATIENCE)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    @abstractmethod
    def pay(self, page: str) -> httpx.Response:
        """Do on the hosted page what pays at once; answers what the page did, which may be a refusal."""

    @abstractmethod
    def decline(self, page: str) -> None:
        """Try to pay on the hosted page by what is declined."""

    @abstractmethod
    def pay_slowly(self, page: str) -> None:
        """Pay on the hosted page by what stays undecided until `settle`."""

    @abstractmethod
    def settle(self, payment: Json, outcome: str) -> None:
        """Decide what was paid slowly: `succeeded` or `failed`."""

    @abstractmethod
    def callback(self, about: Subject) -> Callback:
        """Write a webhook about a payment."""

    @abstractmethod
    def sign(self, body: bytes, *, at: float = 0.0) -> dict[str, str]:
        """Return the headers that authenticate a webhook, signed `at` seconds from now."""

    @abstractmethod
    def account(self, name: str, key: str) -> dict[str, str]:
        """Return credentials of a further account at the sandbox: the same account's for each key of a name."""

    def page_of(self, payment: Json) -> str:
        """Return where the customer pays; providers that reach their customers otherwise know it without us."""
        return str(payment["redirect_url"])

    def answer_challenge(self, url: str, answer: str) -> None:
        """`approve` or `refuse` what the bank asks a customer whose token is challenged."""
        raise NotImplementedError(f"{self.name} has tokens that are challenged, and its driver does not know how")

    def fail_refund(self, refund: Json) -> None:
        """Let a refund that had succeeded come back."""
        self.books.settle(self.name, refund["provider_reference"], "failed")

    def dispute(self, payment: Json) -> httpx.Response:
        """Have the customer claim the money back; answers what the sandbox says."""
        return self._claim_back(charge=payment["provider_reference"])

    def secret(self, name: str) -> str:
        """Return one of the stack's secrets."""
        return str(json.loads((self.folder / SECRETS_FILE).read_text())[name])

    def _claim_back(self, **charge: str) -> httpx.Response:
        """Open a dispute of what was charged; a sandbox whose provider has none answers 400."""
        request = {"provider": self.name, "action": "create"} | charge
        return self.http.post(f"{self.gateway.sandbox_url}/_sandbox/disputes", json=request)

    def _press(self, url: str, **fields: str) -> httpx.Response:
        """Do what a button of a page does."""
        return self.http.post(url, data=fields)
