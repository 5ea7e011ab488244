"""The simulated Stripe account: objects, events, the ledger and scheduled outcomes in one place."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.account import BaseAccount
from sandbox.provider import World
from sandbox.store.documents import JSON, Document
from sandbox.store.ledger import Kind
from sandbox.stripe.errors import missing
from sandbox.stripe.settings import StripeSettings

NAME = "stripe"


@dataclass(frozen=True, slots=True)
class Cause:
    """The API request that events are attributed to; empty for what happens by itself."""

    request_id: str | None = None
    idempotency_key: str | None = None


def new_id(prefix: str) -> str:
    """An id in Stripe's style."""
    return f"{prefix}_{secrets.token_hex(12)}"


class Account(BaseAccount):
    """The account of Stripe."""

    provider = NAME
    settings: StripeSettings

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.settings = StripeSettings()
        self.cause = Cause()

    @property
    def pages_url(self) -> str:
        """Base of the hosted pages."""
        return f"{self.world.settings.base_url}/{NAME}"

    def load(self, kind: str, object_id: str, param: str = "", *, status: int = 404) -> Document:
        """An object that must exist; `resource_missing` otherwise."""
        document = self.find(kind, object_id)
        if document is None:
            noun = kind.replace(".", " ")
            raise missing(noun, object_id, param or _PATH_PARAMS.get(kind, "id"), status)
        return document

    def emit(self, event_type: str, subject: Document, previous: JSON | None = None) -> None:
        """Record an Event about an object and queue its webhook, in the transaction under way."""
        self.mark(subject)
        data: JSON = {"object": subject.body}
        if previous is not None:
            data["previous_attributes"] = previous
        body: JSON = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": self.settings.api_version,
            "created": now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 1 if self.settings.webhook_url else 0,
            "request": {"id": self.cause.request_id, "idempotency_key": self.cause.idempotency_key},
            "type": event_type,
        }
        self.save(Document(body, tags=subject.tags))
        self.send(event_type, body["id"], subject)

    def record(
        self, kind: Kind, subject: Document, owner: str, amount: int, status: str, tags: Mapping[str, str]
    ) -> None:
        """Write a ledger line for a charge or refund of the PaymentIntent `owner`."""
        self.enter(kind, subject, owner, amount, subject.body["currency"], status, tags)


def now() -> int:
    """Stripe's timestamps are whole seconds."""
    return int(time.time())


_PATH_PARAMS = {"payment_intent": "intent", "checkout.session": "session"}
