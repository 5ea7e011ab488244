"""The simulated Stripe account: objects, events, the ledger and scheduled outcomes in one place."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.background.jobs import Job
from sandbox.background.outbox import Event
from sandbox.provider import World
from sandbox.store.documents import JSON, Document
from sandbox.store.ledger import Entry, Kind
from sandbox.store.owners import Owned, hears
from sandbox.stripe.errors import missing

NAME = "stripe"


@dataclass(frozen=True, slots=True)
class Cause:
    """The API request that events are attributed to; empty for what happens by itself."""

    request_id: str | None = None
    idempotency_key: str | None = None


def new_id(prefix: str) -> str:
    """An id in Stripe's style."""
    return f"{prefix}_{secrets.token_hex(12)}"


class Account(Owned):
    """Everything an endpoint touches. Used inside one transaction, never across an await."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cause = Cause()

    @property
    def pages_url(self) -> str:
        """Base of the hosted pages."""
        return f"{self.world.settings.base_url}/{NAME}"

    def find(self, kind: str, object_id: str) -> Document | None:
        """An object of one kind."""
        document = self.world.documents.get(object_id)
        return document if document is not None and document.kind == kind and self.sees(document) else None

    def load(self, kind: str, object_id: str, param: str = "", *, status: int = 404) -> Document:
        """An object that must exist; `resource_missing` otherwise."""
        document = self.find(kind, object_id)
        if document is None:
            noun = kind.replace(".", " ")
            raise missing(noun, object_id, param or _PATH_PARAMS.get(kind, "id"), status)
        return document

    def save(self, document: Document) -> None:
        """Store an object as it now is."""
        self.mark(document)
        self.world.documents.save(NAME, document)

    def emit(self, event_type: str, subject: Document, previous: JSON | None = None) -> None:
        """Record an Event about an object and queue its webhook, in the transaction under way."""
        self.mark(subject)
        data: JSON = {"object": subject.body}
        if previous is not None:
            data["previous_attributes"] = previous
        body: JSON = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": self.world.settings.api_version,
            "created": now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 1 if self.world.settings.stripe_webhook_url else 0,
            "request": {"id": self.cause.request_id, "idempotency_key": self.cause.idempotency_key},
            "type": event_type,
        }
        self.save(Document(body, tags=subject.tags))
        if self.world.settings.stripe_webhook_url and hears(subject):
            event = Event(NAME, body["id"], event_type, subject.id, subject.tags)
            self.world.outbox.enqueue(event)

    def record(
        self, kind: Kind, subject: Document, owner: str, amount: int, status: str, tags: Mapping[str, str]
    ) -> None:
        """Write a ledger line for a charge or refund of the PaymentIntent `owner`."""
        body = subject.body
        self.world.ledger.record(
            Entry(NAME, kind, subject.id, owner, amount, body["currency"], status, tags, body["created"])
        )

    def schedule(self, name: str, subject: Document, outcome: str, at: float | None = None) -> None:
        """Plan what happens to an object by itself."""
        due = time.time() + self.world.settings.settle_seconds if at is None else at
        self.world.jobs.schedule(Job(subject.id, NAME, name, outcome, due), subject.tags)

    def unschedule(self, subject: Document) -> None:
        """Forget what was planned."""
        self.world.jobs.cancel(subject.id)


def now() -> int:
    """Stripe's timestamps are whole seconds."""
    return int(time.time())


_PATH_PARAMS = {"payment_intent": "intent", "checkout.session": "session"}
