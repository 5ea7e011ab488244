"""What is left when a pod ends: it goes with its volume, so all of it is taken over while there is time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from audit_svc.domain.condensing import Condenser
from audit_svc.domain.entry import Row
from audit_svc.intake import Intake
from audit_svc.spool import Position, Spool
from audit_svc.storage import AuditRepository
from mesh.storage.database import Database, Session

LINES = 40
MANY = "x" * 40_000
"""A line of so much: not all of them are read at once."""


class Away(AuditRepository):
    """The database fails for as many times as it is told."""

    def __init__(self, times: int) -> None:
        self.left = times

    async def append(self, session: Session, rows: Sequence[Row], name: str, begin: Position, end: Position) -> None:
        if self.left:
            self.left -= 1
            raise OSError("away")
        await super().append(session, rows, name, begin, end)


def intake_of(database: Database, store: AuditRepository, folder: Path) -> tuple[Intake, Path]:
    file = folder / "audit.jsonl"
    file.write_text("".join(f"{number} {MANY}\n" for number in range(LINES)))
    return Intake(database, store, Spool(file), "envoy", Condenser(1000.0), alert_bytes=1 << 30), file


def taken(url: str, file: Path) -> bool:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT max(position) FROM spools").fetchone()
    return bool(row and row[0] == file.stat().st_size)


async def test_all_that_is_left_is_taken_over_at_the_end(database: Database, url: str, tmp_path: Path) -> None:
    intake, file = intake_of(database, AuditRepository(), tmp_path)
    intake.worker.start()
    await intake.worker.stop(30)
    assert taken(url, file)


async def test_database_that_comes_back_within_the_grace_gets_it(
    database: Database, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit_svc.intake.RETRY_SECONDS", 0.01)
    intake, file = intake_of(database, Away(5), tmp_path)
    intake.worker.start()
    await intake.worker.stop(30)
    assert taken(url, file)


async def test_database_that_stays_away_keeps_nobody(database: Database, url: str, tmp_path: Path) -> None:
    intake, file = intake_of(database, Away(1 << 30), tmp_path)
    intake.worker.start()
    async with asyncio.timeout(20):
        await intake.worker.stop(0.5)
    assert not taken(url, file)
