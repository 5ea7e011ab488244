"""A connection that several statements go over together, for one answer to all of them.

Whatever waits for an answer costs a turn of the loop here and a turn of PostgreSQL's process, however little it asks:
the beginning of a transaction goes with its first statement, its end with its last ones. A statement is prepared when
it is used for the second time, together with that use.

Source: PostgreSQL documentation, "Pipeline Mode" (libpq); psycopg documentation, "pq: low level interface".
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import psycopg
from psycopg import adapt
from psycopg.abc import Transformer
from psycopg.adapt import PyFormat
from psycopg.errors import InFailedSqlTransaction, error_from_result
from psycopg.generators import execute, fetch_many, send
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.rows import RowMaker, TupleRow

RowT = TypeVar("RowT")
BEGIN, COMMIT, ROLLBACK = b"BEGIN", b"COMMIT", b"ROLLBACK"
MOST_PREPARED = 100
"""How many statements a connection keeps prepared: the server has a plan of each."""
MOST_SEEN = 1000
"""Of how many it is remembered that they were used once."""
AUTO = tuple([PyFormat.AUTO] * 256)
_WELL = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.PIPELINE_SYNC)
_PLACE = re.compile(rb"%\((\w+)\)s|%%")


def numbered(text: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a statement with numbers in the place of its parameters' names, and the names."""
    numbers: dict[bytes, int] = {}

    def place(found: re.Match[bytes]) -> bytes:
        name = found[1]
        return b"%" if name is None else b"$%d" % numbers.setdefault(name, len(numbers) + 1)

    sent = _PLACE.sub(place, text)
    return sent, tuple(name.decode() for name in numbers)


@dataclass(slots=True, eq=False)
class Asked(Generic[RowT]):
    """A statement with its values, and, once there was an answer, what it was."""

    text: bytes
    """With `$1` for the first value."""
    values: Sequence[Any]
    make: RowMaker[RowT] | None = None
    """Makes rows; None where nobody wants any."""
    most: int | None = None
    """How many rows are wanted."""
    rows: Sequence[RowT] = ()
    count: int = -1
    """How many rows it has touched; -1: none of that kind, or no answer yet."""


@dataclass(slots=True, eq=False)
class _Message:
    """What is sent of a statement."""

    asked: Asked[Any]
    name: bytes
    """It is prepared under; empty where it is not."""
    is_new: bool
    values: Sequence[Any] | None
    types: Sequence[int]
    formats: Sequence[int] | None
    given_up: bytes = b""
    """The name of another one, whose place it takes."""


_Key = tuple[bytes, Sequence[int]]
"""What a prepared statement is known by: its text, and the types of its values."""
_Answer = tuple[_Message | None, bool, Sequence[Any]]
"""The results of a message, or of its being prepared, where the second is not true; or of something else."""


class Wire(psycopg.AsyncConnection[TupleRow]):
    """A connection of psycopg's with `ask` beside its own ways."""

    _transformer: Transformer | None = None

    def _begin(self) -> Transformer:
        self._prepared_names: OrderedDict[_Key, bytes] = OrderedDict()
        self._seen: dict[_Key, None] = {}
        self._number = 0
        # psycopg makes one for each statement, which then finds out anew how each type is written and read
        transformer: Transformer = adapt.Transformer.from_context(self)
        self._transformer = transformer
        return transformer

    async def ask(self, group: Sequence[Asked[Any]]) -> None:
        """Send statements together, and fill in what each was answered. None at all: wait for an answer to nothing.

        Several of them belong into a transaction that was begun: else they are one of their own. Raises psycopg's Error
        of the first that failed; none behind it was carried out.
        """
        if self.closed:
            raise psycopg.OperationalError("the connection is closed")
        async with self.lock:
            await self.wait(self._exchange(group))

    def _exchange(self, group: Sequence[Asked[Any]]) -> Any:
        transformer = self._transformer or self._begin()
        fresh: dict[_Key, bytes] = {}
        messages = [self._message(one, transformer, fresh) for one in group]
        if len(messages) == 1 and not messages[0].is_new:
            self._send(messages[0])
            answers = [(messages[0], True, (yield from execute(self.pgconn)))]
        else:
            answers = yield from self._together(messages)
        for message, is_carried_out, results in answers:
            self._take(message, is_carried_out, results, transformer)

    def _together(self, messages: Sequence[_Message]) -> Any:
        """Send messages in one go; return all results, in their order."""
        pgconn = self.pgconn
        answers: list[_Answer] = []
        pgconn.enter_pipeline_mode()
        try:
            for message in messages:
                if message.given_up:
                    pgconn.send_query_params(b"DEALLOCATE " + message.given_up, None)
                if message.is_new:
                    pgconn.send_prepare(message.name, message.asked.text, message.types)
                self._send(message)
            pgconn.pipeline_sync()
            yield from send(pgconn)
            for message in messages:
                given_up = [(None, False)] if message.given_up else []
                prepared = [(message, False)] if message.is_new else []
                for one, is_carried_out in (*given_up, *prepared, (message, True)):
                    results = yield from fetch_many(pgconn)
                    answers.append((one, is_carried_out, results))
            # that all of it was dealt with
            synced = yield from fetch_many(pgconn)
            answers.append((None, False, synced))
        finally:
            if pgconn.status == ConnStatus.OK:
                # of what was broken off something is left: the pool closes such a connection
                with suppress(psycopg.OperationalError):
                    pgconn.exit_pipeline_mode()
        return answers

    def _message(self, asked: Asked[Any], transformer: Transformer, fresh: dict[_Key, bytes]) -> _Message:
        """Write a statement's values; `fresh` is what is prepared with the ones before it.

        Raises psycopg's DataError or ProgrammingError for what cannot be written.
        """
        values: Sequence[Any] | None = None
        types: Sequence[int] = ()
        formats: Sequence[int] | None = None
        if asked.values:
            values = transformer.dump_sequence(asked.values, AUTO[: len(asked.values)])
            types, formats = transformer.types or (), transformer.formats
        key = (asked.text, types)
        if name := self._prepared_names.get(key):
            self._prepared_names.move_to_end(key)
            return _Message(asked, name, False, values, types, formats)
        if name := fresh.get(key):
            return _Message(asked, name, False, values, types, formats)
        if asked.text.startswith(ROLLBACK):
            # the transaction may have failed: it takes this, and no other one's place being given up before it
            return _Message(asked, b"", False, values, types, formats)
        if key not in self._seen:
            if len(self._seen) >= MOST_SEEN:
                self._seen.clear()
            self._seen[key] = None
            return _Message(asked, b"", False, values, types, formats)
        given_up = b""
        if self._prepared_names and len(self._prepared_names) + len(fresh) >= MOST_PREPARED:
            _, given_up = self._prepared_names.popitem(last=False)
        self._number += 1
        fresh[key] = b"fusionxpay_%d" % self._number
        return _Message(asked, fresh[key], True, values, types, formats, given_up)

    def _send(self, message: _Message) -> None:
        if message.name:
            self.pgconn.send_query_prepared(message.name, message.values, message.formats)
        else:
            self.pgconn.send_query_params(message.asked.text, message.values, message.types or None, message.formats)

    def _take(
        self, message: _Message | None, is_carried_out: bool, results: Sequence[Any], transformer: Transformer
    ) -> None:
        """Fill in what a statement was answered. Raises psycopg's Error where it failed."""
        if not results:
            raise psycopg.OperationalError("the connection is lost")
        result = results[-1]
        status = result.status
        if status not in _WELL:
            raise error_from_result(result)
        if message is None:
            return
        asked = message.asked
        if not is_carried_out:
            # though it may fail then: the server keeps it
            self._prepared_names[(asked.text, message.types)] = message.name
            return
        if asked.text == COMMIT and result.command_status != COMMIT:
            # the server has undone what had failed before, and calls that well done
            raise InFailedSqlTransaction("something in the transaction was not carried out: all of it is undone")
        if status == ExecStatus.COMMAND_OK:
            touched = result.command_tuples
            asked.rows, asked.count = (), -1 if touched is None else touched
            return
        asked.count = result.ntuples
        if asked.make:
            transformer.set_pgresult(result)
            wanted = asked.count if asked.most is None else min(asked.most, asked.count)
            asked.rows = transformer.load_rows(0, wanted, asked.make)
