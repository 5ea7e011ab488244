"""What the simulated accounts of all providers have in common."""

import time
from collections.abc import Mapping
from typing import ClassVar, Protocol

from sandbox.background.jobs import Job
from sandbox.background.outbox import Event
from sandbox.provider import World
from sandbox.store.documents import Document
from sandbox.store.ledger import Entry, Kind
from sandbox.store.owners import Owned, hears


class AccountSettings(Protocol):
    """What the settings of every provider tell."""

    webhook_url: str
    """Where events go; empty when nobody listens."""


class BaseAccount(Owned):
    """Everything an endpoint touches. Used inside one transaction, never across an await."""

    provider: ClassVar[str]
    settings: AccountSettings

    def __init__(self, world: World) -> None:
        self.world = world

    def find(self, kind: str, object_id: str) -> Document | None:
        """An object of one kind."""
        document = self.world.documents.get(object_id)
        return document if document is not None and document.kind == kind and self.sees(document) else None

    def save(self, document: Document) -> None:
        """Store an object as it now is."""
        self.mark(document)
        self.world.documents.save(self.provider, document)

    def send(self, event_type: str, event_id: str, subject: Document) -> None:
        """Queue the webhook of an event that was saved, if somebody listens."""
        if self.settings.webhook_url and hears(subject):
            self.world.outbox.enqueue(Event(self.provider, event_id, event_type, subject.id, subject.tags))

    def enter(
        self,
        kind: Kind,
        subject: Document,
        owner: str,
        amount: int,
        currency: str,
        status: str,
        tags: Mapping[str, str],
    ) -> None:
        """Write a ledger line, in the same words and the same spelling of currencies for every provider."""
        entry = Entry(self.provider, kind, subject.id, owner, amount, currency.lower(), status, tags, subject.created)
        self.world.ledger.record(entry)

    def schedule(self, name: str, subject: Document, outcome: str, at: float | None = None) -> None:
        """Plan what happens to an object by itself."""
        due = time.time() + self.world.settings.settle_seconds if at is None else at
        self.world.jobs.schedule(Job(subject.id, self.provider, name, outcome, due), subject.tags)

    def unschedule(self, subject: Document) -> None:
        """Forget what was planned."""
        self.world.jobs.cancel(subject.id)
