"""Moves a merchant from one cell to another: its rows are copied while it goes on, then it is held for a moment.

Held, its requests wait before the cells; what was begun ends, its events are carried out, the last changes are copied
and compared, and the other cell has it. Whatever fails before that moment, it stays where it is, as it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from mesh.ids import tenant_of
from mesh.tls import TlsFiles
from stack.operate.moving.book import DATABASES, NOT_COMPARED, MovedTable, read_book
from stack.operate.moving.changes import Changes
from stack.operate.moving.quiet import Bus, Outbox, Requests, conditions
from stack.operate.moving.rows import Copier
from stack.operate.moving.standing import Standing
from stack.operate.moving.veil import Veil
from stack.process import POLL_SECONDS, StackError

BOUND_SECONDS = 0.5
"""How long after it is held a request may still come: `edge.use_cases.places.BOUND_SECONDS`, and its way."""
FROZEN_SECONDS = 2.0
DELIVERY_SECONDS = 0.3
"""How long a webhook's first attempt is waited for; one that takes longer may be made again, under the same id."""
SETTLING_SECONDS = 3.0
"""How long an edge of the old cell may still believe in a key."""
SHOWING_SECONDS = 0.2
"""What is kept for showing the merchant in the other cell."""
ROUNDS = 50
FEW = 200
"""So many changed rows are copied in no time."""
READABLE = frozenset({"identity"})
"""Keys are looked at to know that their merchant is held."""


class TooLongError(Exception):
    """A merchant would be held for too long; it says what was waited for."""


@dataclass(frozen=True)
class Cell:
    """Where the servers of a cell are: its databases as their superuser enters them, its stream, and who may ask it."""

    databases: dict[str, str]
    nats_url: str
    tls: TlsFiles | None

    @classmethod
    def of(cls, ready: dict[str, Any]) -> Cell:
        """Return the cell that a ready file tells of."""
        tls = {name: Path(path) for name, path in ready["operator_tls"].items()}
        return cls(ready["database_urls"], ready["nats_url"], TlsFiles(**tls) if tls else None)


@dataclass(frozen=True)
class Moved:
    """What a move has come to."""

    rows: int
    tables: int
    frozen_seconds: float
    """How long it was held by the try that it went with."""


class Move:
    """The move of one merchant. Databases are open while the `with` block runs."""

    def __init__(self, merchant_id: UUID, source: Cell, target: Cell, say: Callable[[str], None]) -> None:
        self._merchant_id = merchant_id
        self._tenants = [tenant_of(merchant_id, mode) for mode in ("test", "live")]
        self._cells, self._say = (source, target), say
        self._undo = ExitStack()
        self._tables: dict[str, list[MovedTable]] = {}

    def __enter__(self) -> Move:
        with ExitStack() as undo:
            source, target = self._cells
            self._source = {name: undo.enter_context(_open(source.databases[name])) for name in DATABASES}
            self._target = {name: undo.enter_context(_open(target.databases[name])) for name in DATABASES}
            # beside those that copy
            self._looks = {name: undo.enter_context(_open(source.databases[name])) for name in DATABASES}
            self._bus = undo.enter_context(Bus(source.nats_url, source.tls))
            self._standing = Standing(self._merchant_id, self._source["identity"], self._target["identity"])
            self._standing.claim([*self._source.values(), *self._target.values()])
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._undo.close()

    def run(self, tries: int = 5, frozen_seconds: float = FROZEN_SECONDS) -> Moved:
        """Move; a try that would hold the merchant for longer is given up, and another begun.

        Raises:
            StackError: it cannot be moved, and is where it was.
        """
        self._check()
        self._tables = {name: read_book(connection, name) for name, connection in self._source.items()}
        self._make()
        if self._standing.is_there():
            # whoever began this did not end it
            self._standing.here("MOVED")
            self._leave()
            return Moved(0, 0, 0.0)
        try:
            self._give_up()
            self._say("copying")
            rows = self._copy()
            frozen = self._try(tries, frozen_seconds)
        except BaseException:
            # what was given is not taken back: it may have been paid there by now
            if not self._standing.is_there():
                self._give_up()
            raise
        self._say(f"moved, held for {frozen:.2f} s; tidying up")
        self._leave()
        return Moved(rows, sum(map(len, self._tables.values())), frozen)

    def _try(self, tries: int, seconds: float) -> float:
        """Hand over as soon as it can be done in time; return how long that took."""
        what = ""
        for _ in range(tries):
            self._follow()
            try:
                return self._hand_over(seconds)
            except TooLongError as error:
                self._let_go()
                what = str(error)
                self._say(f"let go, as it took too long: {what}")
        raise StackError(f"it was not to be moved within {seconds} s, tried {tries} times: {what}")

    def _check(self) -> None:
        for name, connection in (*self._source.items(), *self._target.items()):
            if _one(connection, "SHOW wal_level") != "logical":
                raise StackError(f"the server of {name} has no wal_level = logical")
        for name in DATABASES:
            asked = "SELECT version_num FROM alembic_version"
            if _one(self._source[name], asked) != _one(self._target[name], asked):
                raise StackError(f"{name} has another schema in the other cell: update both first")
        self._standing.check()
        for name in ("orders", "notify"):
            if _one(self._source[name], "SELECT count(*) FROM dead_letters WHERE state = 'OPEN'"):
                raise StackError(f"{name} has open dead letters, which may be this merchant's: replay or drop them")

    def _make(self) -> None:
        name = f"moving_{self._merchant_id.hex}"
        self._changes, self._changes_there = (
            # slots are of the server, not of a database
            {each: Changes(side[each], f"{name}_{each}", self._tables[each]) for each in DATABASES}
            for side in (self._source, self._target)
        )
        self._copiers = {
            database: Copier(self._source[database], self._target[database], self._tables[database], self._tenants)
            for database in DATABASES
        }
        self._here = {each: Veil(self._source[each], self._tables[each], self._tenants) for each in DATABASES}
        self._there = {each: Veil(self._target[each], self._tables[each], self._tenants) for each in DATABASES}
        self._requests = Requests(self._looks, conditions(self._tables, self._tenants))

    def _give_up(self) -> None:
        """Have all be as it was: nothing of the merchant in the other cell, and here it goes on."""
        self._standing.there("ARRIVING")
        self._let_go()
        for name in DATABASES:
            self._changes[name].end()
            # a move back finds what the one before has left here
            self._changes_there[name].end()
            self._copiers[name].delete(self._target[name])
            _patiently(self._there[name].take_off)
        self._standing.there("")

    def _let_go(self) -> None:
        for veil in self._here.values():
            _patiently(veil.take_off)
        self._standing.here("")

    def _copy(self) -> int:
        self._standing.there("ARRIVING")
        rows = 0
        for name in DATABASES:
            _patiently(lambda name=name: self._there[name].put_on())  # type: ignore[misc]
            self._changes[name].begin()
            rows += self._copiers[name].copy()
        return rows

    def _follow(self) -> None:
        """Copy what has changed, until there is little of it."""
        for _ in range(ROUNDS):
            if sum(map(self._catch_up, DATABASES)) <= FEW:
                return
        raise StackError("it changes faster than it can be copied: move it at a quiet hour")

    def _catch_up(self, name: str) -> int:
        """Copy what has changed in a database since the last time; return how many rows."""
        return self._copiers[name].catch_up(self._changes[name].take())

    def _hand_over(self, seconds: float) -> float:
        """Hold the merchant, and give it to the other cell. Raises TooLongError when it would take longer than that."""
        begun = time.monotonic()
        ends = begun + seconds
        self._standing.here("HELD")
        held = time.monotonic()
        with ThreadPoolExecutor(len(DATABASES)) as pool:
            list(pool.map(self._catch_up, DATABASES))
            time.sleep(max(0.0, held + BOUND_SECONDS - time.monotonic()))
            differing = [table for left in self._come_to_rest(pool, ends) for table in left.result()]
        if differing:
            raise StackError(f"differs in the other cell: {', '.join(differing)}")
        if time.monotonic() >= ends - SHOWING_SECONDS:
            raise TooLongError("the last changes")
        for name in reversed(DATABASES):
            _patiently(self._there[name].take_off)
        # from now on it is there
        self._standing.there("")
        self._standing.here("MOVED")
        return time.monotonic() - begun

    def _come_to_rest(self, pool: ThreadPoolExecutor, ends: float) -> list[Future[list[str]]]:
        """Have what is under way end, service by service in the order of events, and copy and compare what is at rest.

        Returns what will differ in each. Raises TooLongError.
        """
        _until(self._requests.ended, ends, "requests and webhooks of providers")
        finishing = []

        def hide(name: str) -> None:
            self._hide(name, ends)
            finishing.append(pool.submit(self._finish, name))

        hide("identity")
        hide("payments")
        self._carry_out("payments", "order_svc", ends)
        hide("orders")
        self._carry_out("orders", "notify_svc", ends)
        with suppress(TooLongError):
            _until(self._requests.delivered, min(ends, time.monotonic() + DELIVERY_SECONDS), "webhooks")
        hide("notify")
        return finishing

    def _finish(self, name: str) -> list[str]:
        """Copy the last changes of a database; return the tables that differ nevertheless."""
        self._catch_up(name)
        return [f"{table} of {name}" for table in self._copiers[name].differing() if table not in NOT_COMPARED]

    def _carry_out(self, database: str, consumer: str, ends: float) -> None:
        """Have the events of a service published and applied."""
        _until(Outbox(self._looks[database]).published, ends, f"events of {database} to be published")
        last = self._bus.last()
        _until(lambda: self._bus.consumed(consumer, last), ends, f"events for {consumer}")

    def _hide(self, name: str, ends: float) -> None:
        def put_on() -> bool:
            try:
                self._here[name].put_on(readable=name in READABLE)
            except psycopg.errors.LockNotAvailable:
                return False
            return True

        _until(put_on, ends, f"transactions in {name}")

    def _leave(self) -> None:
        """Have the other cell's edges read its keys anew, and delete what is left here once nobody believes in them."""
        self._target["identity"].execute(
            "UPDATE api_keys SET change_seq = 0 WHERE merchant_id = %s", [self._merchant_id]
        )
        for name in DATABASES:
            self._changes[name].end()
        self._source["identity"].execute(
            "UPDATE merchants SET disable_time = now() WHERE merchant_id = %s", [self._merchant_id]
        )
        time.sleep(SETTLING_SECONDS)
        for name in DATABASES:
            self._copiers[name].delete(self._source[name])
            _patiently(self._here[name].take_off)


@contextmanager
def _open(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True, connect_timeout=10, options="-c timezone=UTC") as connection:
        yield connection


def _one(connection: psycopg.Connection[Any], query: str, *values: object) -> object:
    row = connection.execute(query.encode(), values).fetchone()
    return row[0] if row else None


def _until(done: Callable[[], bool], ends: float, what: str) -> None:
    while not done():
        if time.monotonic() >= ends:
            raise TooLongError(what)
        time.sleep(POLL_SECONDS)


def _patiently(work: Callable[[], object]) -> None:
    """Do what needs a moment in which no transaction is under way; there may be one that is not over yet."""

    def done() -> bool:
        try:
            work()
        except psycopg.errors.LockNotAvailable:
            return False
        return True

    try:
        _until(done, time.monotonic() + 30, "transactions")
    except TooLongError:
        raise StackError("a transaction does not end") from None
