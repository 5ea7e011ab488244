"""Operations on a ledger of the test's own, and providers in its hands."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from mesh.storage.database import Database
from payment_svc.domain.operation import Timing
from payment_svc.domain.payment import Payment, Snapshot
from payment_svc.providers.base import Capabilities, ObjectNotFoundError
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.operations import Operations
from tests.support.databases.simulated import Store
from tests.support.payment_ledger import World
from tests.support.rows import AFTER

CALL, PATIENT = timedelta(seconds=10), timedelta(seconds=100)


class Gateway(World):
    """Operations on a ledger, and providers in the test's hands."""

    def __init__(self, database: Database, store: Store) -> None:
        super().__init__(database, store)
        self.answers: list[Any] = []
        self.shown: Any = ObjectNotFoundError("no such object")
        self.found: Any = None
        self.asked_of: list[tuple[str, str]] = []
        self.others = ["paypal"]
        numbers = iter(range(0x500, 0x600))

        async def by_id(name: str, _account_id: uuid.UUID | None) -> Any:
            return self.provider(name)

        async def available(_tenant: Any) -> list[Any]:
            return [SimpleNamespace(name=name, account_id=AFTER) for name in self.others]

        accounts = cast(Any, SimpleNamespace(by_id=by_id, available=available))
        accounts.following = partial(Accounts.following, accounts)
        self.operations = Operations(
            database, self.ledger, accounts, Timing(CALL, PATIENT, 0.2), clock=lambda: self.now,
            ids=lambda: uuid.UUID(int=next(numbers)),
        )  # fmt: skip

    def provider(self, name: str) -> Any:
        """Return a provider that answers as it is told."""

        def call(kind: str) -> Any:
            async def answered(*_: Any) -> Snapshot:
                self.asked_of.append((name, kind))
                answer = self.answers.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                return cast(Snapshot, answer)

            return answered

        async def fetch(_at: Payment) -> Snapshot:
            if isinstance(self.shown, Exception):
                raise self.shown
            return cast(Snapshot, self.shown)

        async def find(_at: Payment) -> Any:
            if isinstance(self.found, Exception):
                raise self.found
            return self.found

        can = Capabilities(True, "", None, True, True, True, True)
        return SimpleNamespace(
            name=name, capabilities=can, fetch=fetch, find=find,
            **{kind: call(kind) for kind in ("start", "complete", "capture", "cancel")},
        )  # fmt: skip

    def lease(self) -> Any:
        """Return until when somebody drives the payment."""
        return self.store.rows("SELECT driving_until FROM payments")[0][0]

    def due(self) -> Any:
        """Return when the newest operation is asked again."""
        return self.store.rows("SELECT next_try_time FROM operations ORDER BY attempt DESC, operation_id DESC")[0][0]
