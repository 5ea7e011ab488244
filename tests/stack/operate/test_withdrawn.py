"""What was revoked, disabled or used up since a backup: a restored database does not bring it back by itself."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from mesh.storage import migrate
from stack.databases import DATABASES, database_url
from stack.operate import backup as backups
from stack.operate.withdrawn import Withdrawn
from stack.process import StackError
from stack.stack import Ready

MERCHANT, OTHER, KEY, ROTATED, LASTING = (str(uuid.UUID(int=number)) for number in range(1, 6))
Make = Callable[[str], str]


@pytest.fixture
def make(gateway: Ready, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Make a service's database, of a name that no stack has; it is what `backup` and `restore` know of."""
    server, made = gateway.database_urls["orders"], f"scratch_{uuid.uuid4().hex}"

    def make(service: str) -> str:
        monkeypatch.setitem(DATABASES, service, made)
        monkeypatch.setattr(backups, "ORDER", (made,))
        _run(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(made)))
        migrations = Path(str(importlib.import_module(service).__file__)).parent / "migrations"
        migrate.upgrade(migrations, database_url(server, made))
        return database_url(server, made)

    yield make
    with psycopg.connect(server) as connection:
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        names = connection.execute(query, [made]).fetchall()
    for (name,) in names:
        _run(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _run(server: str, statement: sql.Composed) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)


def _restored(url: str, folder: Path, since: tuple[str, ...], **options: Any) -> list[Withdrawn]:
    """Restore a database to what it was before some statements."""
    name = url.rpartition("/")[2]
    place = backups.backup(url, folder, lambda _: None)
    with psycopg.connect(url) as connection:
        for statement in since:
            connection.execute(statement.encode())
    return backups.restore(url, place, [name], lambda _: None, **options)


def _rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def _keys(url: str) -> None:
    with psycopg.connect(url) as connection:
        for merchant in (MERCHANT, OTHER):
            connection.execute("INSERT INTO merchants VALUES (%s, 'Shoes', now())", [merchant])
        for key in (KEY, ROTATED, LASTING):
            connection.execute(
                "INSERT INTO api_keys (api_key_id, merchant_id, secret_sha256, create_time, mode, scopes, networks,"
                " signature) VALUES (%s, %s, %s, now(), 'test', '{*}', '{}', 'none')",
                [key, MERCHANT, key.encode()],
            )


SINCE = (
    f"UPDATE api_keys SET revoke_time = now() WHERE api_key_id = '{KEY}'",
    f"UPDATE api_keys SET expire_time = now() WHERE api_key_id = '{ROTATED}'",
    f"UPDATE merchants SET disable_time = now() WHERE merchant_id = '{OTHER}'",
)
HOLDING = (
    "SELECT api_key_id::text FROM api_keys WHERE revoke_time IS NULL AND expire_time IS NULL"
    " UNION ALL SELECT merchant_id::text FROM merchants WHERE disable_time IS NULL ORDER BY 1"
)


def test_keys_that_were_revoked_and_merchants_that_were_disabled_stay_so(make: Make, tmp_path: Path) -> None:
    url = make("edge")
    _keys(url)
    found = _restored(url, tmp_path, SINCE)
    assert found == [
        Withdrawn("merchant", OTHER, OTHER, "disabled", True),
        Withdrawn("API key", KEY, MERCHANT, "revoked", True),
        Withdrawn("API key", ROTATED, MERCHANT, "given an earlier end", True),
    ]
    assert _rows(url, HOLDING) == [(MERCHANT,), (LASTING,)]


def test_what_is_to_be_kept_is_listed_and_works(make: Make, tmp_path: Path) -> None:
    url = make("edge")
    _keys(url)
    found = _restored(url, tmp_path, SINCE, keep_revoked=True)
    assert [(one.object_id, one.ended) for one in found] == [(OTHER, False), (KEY, False), (ROTATED, False)]
    assert len(_rows(url, HOLDING)) == 5


def test_people_stay_out_who_were_put_out(make: Make, tmp_path: Path) -> None:
    url = make("console")
    with psycopg.connect(url) as connection:
        for name in ("gone", "weaker", "robbed", "same"):
            connection.execute(
                "INSERT INTO users (user_id, email, display_name, role, merchant_id, password_hash, totp_step,"
                " failures, create_time) VALUES (gen_random_uuid(), %s, '', 'owner', %s, 'old', 0, 0, now())",
                [name, MERCHANT],
            )
            connection.execute(
                "INSERT INTO links SELECT %s, 'reset', %s, '', 'owner', %s, user_id, now(), now() + interval '1 day'"
                " FROM users WHERE email = %s",
                [name.encode(), name, MERCHANT, name],
            )
            connection.execute(
                "INSERT INTO sessions SELECT %s, user_id, 'test', NULL, NULL, '', now(), now() + interval '1 day'"
                " FROM users WHERE email = %s",
                [name.encode(), name],
            )
            connection.execute(
                "INSERT INTO passkeys SELECT gen_random_uuid(), user_id, %s, '', 0, email, now() FROM users"
                " WHERE email = %s",
                [name.encode(), name],
            )
            connection.execute(
                "INSERT INTO identities SELECT 'https://login.example', email, user_id, false, now() FROM users"
                " WHERE email = %s",
                [name],
            )
    found = _restored(
        url,
        tmp_path,
        (
            "UPDATE users SET disable_time = now() WHERE email = 'gone'",
            "UPDATE users SET role = 'viewer' WHERE email = 'weaker'",
            "UPDATE users SET password_hash = 'new', totp_secret = 'x', totp_step = 7 WHERE email = 'robbed'",
            "DELETE FROM passkeys WHERE name = 'robbed'",
            "DELETE FROM identities WHERE subject = 'weaker'",
            "DELETE FROM links WHERE email = 'weaker'",
            "UPDATE sessions SET expire_time = now() WHERE token_sha256 = 'gone'",
            "DELETE FROM sessions WHERE token_sha256 = 'robbed'",
        ),
    )
    assert [(one.kind, one.what) for one in found] == [
        ("user", "disabled"),
        ("user", "given another role"),
        ("user", "given another password"),
        ("user", "given another second factor"),
        ("passkey", "removed"),
        ("identity", "disconnected"),
        ("link", "used or withdrawn"),
        ("login", "ended"),
        ("login", "ended"),
    ]
    people = _rows(url, "SELECT email, role, password_hash, totp_secret, disable_time IS NULL FROM users ORDER BY 1")
    assert people == [
        ("gone", "owner", "old", None, False),
        ("robbed", "owner", "new", b"x", True),
        ("same", "owner", "old", None, True),
        ("weaker", "viewer", "old", None, True),
    ]
    assert _rows(url, "SELECT name FROM passkeys ORDER BY 1") == [("gone",), ("same",), ("weaker",)]
    assert _rows(url, "SELECT subject FROM identities ORDER BY 1") == [("gone",), ("robbed",), ("same",)]
    assert _rows(url, "SELECT email FROM links ORDER BY 1") == [("gone",), ("robbed",), ("same",)]
    assert _rows(url, "SELECT token_sha256 FROM sessions ORDER BY 1") == [(b"same",), (b"weaker",)]


def test_restored_database_is_not_taken_when_what_was_revoked_cannot_be_told(make: Make, tmp_path: Path) -> None:
    url = make("edge")
    _keys(url)
    broken = ("ALTER TABLE api_keys RENAME COLUMN revoke_time TO withdraw_time",)
    with pytest.raises(StackError, match="is not restored"):
        _restored(url, tmp_path, broken)
    assert len(_rows(url, "SELECT withdraw_time FROM api_keys")) == 3


class Ended(BaseException):
    """Somebody ended the restore."""


def test_restore_that_is_ended_midway_leaves_the_database_that_was_there(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make("edge")
    _keys(url)

    def ended(*_args: Any, **_options: Any) -> list[Withdrawn]:
        raise Ended

    monkeypatch.setattr(backups, "withdrawn", ended)
    with pytest.raises(Ended):
        _restored(url, tmp_path, SINCE)
    assert _rows(url, HOLDING) == [(MERCHANT,), (LASTING,)]


def test_restore_after_one_that_was_killed_is_held_against_what_that_put_aside(make: Make, tmp_path: Path) -> None:
    url = make("edge")
    _keys(url)
    server, name = database_url(url, "postgres"), url.rpartition("/")[2]
    place = backups.backup(url, tmp_path, lambda _: None)
    with psycopg.connect(url) as connection:
        for statement in SINCE:
            connection.execute(statement.encode())
    killed = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    _run(server, killed.format(sql.Identifier(name), sql.Identifier(f"{name}_before_20261128000000")))
    found = backups.restore(server, place, [name], lambda _: None)
    assert [(one.object_id, one.ended) for one in found] == [(OTHER, True), (KEY, True), (ROTATED, True)]
    assert _rows(url, HOLDING) == [(MERCHANT,), (LASTING,)]
