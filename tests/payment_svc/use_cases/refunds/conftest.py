from __future__ import annotations

import pytest

from mesh import context
from mesh.storage.database import Database
from payment_svc.domain.payment import PaymentStatus
from tests.support.databases.simulated import Store
from tests.support.payment_ledger import Gateway
from tests.support.payment_rows import payment_of
from tests.support.rows import MINE


@pytest.fixture
async def gateway_(database: Database, store: Store) -> Gateway:
    """A gateway with a payment that was captured."""
    context.enter(context.Call(f"{1:032x}"))
    made = Gateway(database, store)
    await made.put(payment_of(MINE, status=PaymentStatus.SUCCESS, captured=1200))
    return made
