"""What a simulated provider gives to the shared parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.routing import BaseRoute

from sandbox.background.jobs import Job, Jobs
from sandbox.background.outbox import Outbox
from sandbox.faults import Faults
from sandbox.settings import Settings
from sandbox.store.database import Database
from sandbox.store.documents import JSON, Documents
from sandbox.store.idempotency import Idempotency
from sandbox.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class World:
    """The shared parts, as one argument."""

    settings: Settings
    database: Database
    documents: Documents
    ledger: Ledger
    faults: Faults
    outbox: Outbox
    jobs: Jobs

    @classmethod
    def open(cls, settings: Settings) -> "World":
        """Open the database and everything kept in it."""
        database = Database(settings.database)
        faults = Faults(database)
        return cls(
            settings=settings,
            database=database,
            documents=Documents(database),
            ledger=Ledger(database),
            faults=faults,
            outbox=Outbox(database, faults, settings.retry_schedule),
            jobs=Jobs(database, faults),
        )

    def idempotency(self, provider: str) -> Idempotency:
        """The idempotency records of one provider."""
        return Idempotency(self.database, provider)


class Refused(Exception):  # noqa: N818 - an answer to a control request, not a failure
    """A control request that makes no sense for the object it names."""


class Provider(Protocol):
    """One provider: its API, its signature, and what the control API may do to it."""

    name: str

    def routes(self) -> Sequence[BaseRoute]:
        """The provider's HTTP API and hosted pages."""

    def webhook_url(self) -> str:
        """Where its events go; empty when nobody listens."""

    def sign(self, body: bytes) -> dict[str, str]:
        """Headers that authenticate a webhook."""

    def run(self, job: Job) -> None:
        """Do what was scheduled; called inside a transaction."""

    def settle(self, object_id: str, outcome: str) -> JSON:
        """Decide a pending object now; called inside a transaction."""

    def dispute(self, request: JSON) -> JSON:
        """Open, update or close a dispute; called inside a transaction."""
