"""What a simulated provider gives to the shared parts."""

import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar

from starlette.routing import BaseRoute

import sandbox
from sandbox.background.jobs import Job, Jobs
from sandbox.background.outbox import Outbox
from sandbox.faults import Faults
from sandbox.settings import Settings
from sandbox.store.database import Database
from sandbox.store.documents import JSON, Document, Documents
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


class Provider(ABC):
    """One provider: its API, its signature, and what the control API may do to it."""

    name: ClassVar[str]
    outcomes: ClassVar[Sequence[str]]
    """How the control API may have a pending object end."""

    def __init__(self, world: World) -> None:
        self.world = world

    @abstractmethod
    def routes(self) -> Sequence[BaseRoute]:
        """The provider's HTTP API and hosted pages."""

    @abstractmethod
    def webhook_url(self) -> str:
        """Where its events go; empty when nobody listens."""

    @abstractmethod
    def sign(self, body: bytes) -> dict[str, str]:
        """Headers that authenticate a webhook."""

    @abstractmethod
    def decide(self, document: Document, outcome: str) -> None:
        """Have an object end; called inside a transaction. Raises Refused when it cannot end so."""

    @abstractmethod
    def dispute(self, request: JSON) -> JSON:
        """Open, update or close a dispute; called inside a transaction."""

    def run(self, job: Job) -> None:
        """Do what was scheduled; called inside a transaction."""
        self.decide(self.scheduled(job), job.outcome)

    def scheduled(self, job: Job) -> Document:
        """The object of a job."""
        document = self.world.documents.get(job.object_id)
        assert document is not None, "jobs are only planned for stored objects"
        return document

    def settle(self, object_id: str, outcome: str) -> JSON:
        """Decide a pending object now; called inside a transaction."""
        document = self.world.documents.get(object_id)
        if document is None:
            raise Refused(f"no object {object_id}")
        if outcome not in self.outcomes:
            raise Refused(f"outcome must be one of {', '.join(self.outcomes)}")
        self.decide(document, outcome)
        return document.body


def discover() -> list[type[Provider]]:
    """Return the providers: of each package of the sandbox the `PROVIDER`, where it has one."""
    packages = [import_module(f"sandbox.{one.name}") for one in pkgutil.iter_modules(sandbox.__path__) if one.ispkg]
    return [package.PROVIDER for package in packages if hasattr(package, "PROVIDER")]
