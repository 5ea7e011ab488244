"""Things that happen later: asynchronous outcomes and expiries, kept across restarts."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.background.alarm import Alarm
from sandbox.faults import SETTLE_KINDS, Faults
from sandbox.logs import log
from sandbox.store.database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    object_id TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    name TEXT NOT NULL,
    outcome TEXT NOT NULL,
    due REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_by_due ON jobs (due);
"""


@dataclass(frozen=True, slots=True)
class Job:
    """What will happen to an object; an object has at most one."""

    object_id: str
    provider: str
    name: str
    outcome: str
    due: float


class Jobs:
    """The schedule."""

    def __init__(self, database: Database, faults: Faults) -> None:
        self._database = database
        self._faults = faults
        database.create(_SCHEMA)

    def schedule(self, job: Job, tags: Mapping[str, str]) -> None:
        """Plan a job, later than asked when a `settle_delay` fault holds it."""
        fault = self._faults.take(SETTLE_KINDS, job.provider, job.name, tags)
        due = job.due + (fault.seconds if fault else 0)
        self._database.execute(
            "INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?)",
            (job.object_id, job.provider, job.name, job.outcome, due),
        )

    def cancel(self, object_id: str) -> None:
        """Forget what was planned for an object."""
        self._database.execute("DELETE FROM jobs WHERE object_id = ?", (object_id,))

    def due(self) -> list[Job]:
        """What should have happened by now."""
        rows = self._database.rows("SELECT * FROM jobs WHERE due <= ? ORDER BY due", (time.time(),))
        return [_job(row) for row in rows]

    def next_due(self) -> float | None:
        """When the next job is due."""
        row = self._database.row("SELECT min(due) AS due FROM jobs")
        return row["due"] if row else None


class JobRunner:
    """Runs each job once, in one transaction with its removal."""

    def __init__(self, database: Database, jobs: Jobs, run: Callable[[Job], None]) -> None:
        self._database = database
        self._jobs = jobs
        self._run = run
        self._alarm = Alarm()
        database.on_commit(self._alarm.ring)

    async def work(self) -> None:
        """Run jobs as they fall due, for ever."""
        while True:
            for job in self._jobs.due():
                self._run_one(job)
                await asyncio.sleep(0)
            await self._alarm.wait(self._jobs.next_due())

    def _run_one(self, job: Job) -> None:
        with self._database.transaction():
            self._jobs.cancel(job.object_id)
            self._run(job)
        log("job", object=job.object_id, operation=job.name, outcome=job.outcome)


def _job(row: sqlite3.Row) -> Job:
    return Job(row["object_id"], row["provider"], row["name"], row["outcome"], row["due"])
