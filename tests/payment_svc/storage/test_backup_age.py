"""How old the newest backup is, as who made it has noted it."""

from __future__ import annotations

import math

import psycopg
import pytest
from prometheus_client import REGISTRY

from mesh.storage.database import Database
from payment_svc.storage.measures import MeasureRepository
from payment_svc.tables import metadata
from payment_svc.use_cases.measures import Measures
from stack.operate import backup as module
from stack.stack import Ready
from tests.support.databases.lent import lent_database


def shown() -> float:
    """Return what Prometheus is told."""
    age = REGISTRY.get_sample_value("fusionxpay_backup_age_seconds")
    assert age is not None
    return age


async def test_backup_is_told_of_from_when_it_was_made_on(gateway: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with lent_database(gateway, "payments", metadata) as url:
        monkeypatch.setattr(module, "database_url", lambda *_: url)
        database = Database(url, 1)
        await database.open()
        measures = Measures(database, MeasureRepository())
        await measures._look()
        assert math.isnan(shown())
        for hours in (30, 25):
            with psycopg.connect(url) as connection:
                row = connection.execute(f"SELECT (now() - interval '{hours} hours')::text").fetchone()
            assert row
            module._note_backup("", row[0], said.append)
            await measures._look()
            assert shown() == pytest.approx(hours * 3600, abs=300)
        await database.close()
    # what cannot be told of is a backup all the same
    monkeypatch.setattr(module, "database_url", lambda *_: "postgresql://nobody@127.0.0.1:1/payments")
    module._note_backup("", "2026-11-29 00:00:00+00", said.append)
    assert len(said) == 1
    assert said[0].startswith("the backup is whole, but")
