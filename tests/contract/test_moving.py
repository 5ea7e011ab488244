"""Whoever adds a table says whose its rows are: a merchant that moves takes all of its own along."""

from __future__ import annotations

import importlib
from pathlib import Path

import psycopg
import pytest

from mesh.storage import migrate
from stack import databases
from stack.operate.moving.book import DATABASES, STAYING, read_book
from stack.process import StackError

SERVICES = {database: service for service, database in databases.DATABASES.items()}


@pytest.mark.parametrize("database", DATABASES)
def test_every_table_moves_or_is_said_to_stay(database: str, scratch: str) -> None:
    migrate.upgrade(Path(str(importlib.import_module(SERVICES[database]).__file__)).parent / "migrations", scratch)
    with psycopg.connect(scratch) as connection:
        book = read_book(connection, database)
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert {table.name for table in book} | STAYING >= {row[0] for row in found}
        assert not {table.name for table in book} & STAYING
        names = [table.name for table in book]
        assert all(names.index(table.parent[1].name) < names.index(table.name) for table in book if table.parent)


def test_table_that_is_nobodys_keeps_all_from_moving(scratch: str) -> None:
    with psycopg.connect(scratch) as connection:
        connection.execute("CREATE TABLE fees (fee_id int PRIMARY KEY)")
        with pytest.raises(StackError, match="whose the rows of fees in payments are"):
            read_book(connection, "payments")
