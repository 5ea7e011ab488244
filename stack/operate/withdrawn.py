"""What was withdrawn since a backup, and would work again with it: keys, merchants, people, links and logins.

Compared are the restored database and the one that it replaces. What has grown since is not brought back, only what was
taken away is taken away again: who was let in anew after the restore is a mistake that nobody sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg


@dataclass(frozen=True)
class Withdrawn:
    """What was ended (`what`) after the backup; `ended` tells whether it is in the restored database, too."""

    kind: str
    object_id: str
    merchant_id: str
    what: str
    ended: bool


@dataclass(frozen=True)
class _Rule:
    """How things of a table are withdrawn: what `was` selects is given to `again`, a column each.

    `again` changes what holds in the backup alone and returns, for each, its name and its merchant.
    """

    kind: str
    what: str
    table: str
    was: LiteralString
    again: LiteralString


_RULES: dict[str, Sequence[_Rule]] = {
    "edge": (
        _Rule(
            "merchant",
            "disabled",
            "merchants",
            "SELECT merchant_id, disable_time FROM merchants WHERE disable_time IS NOT NULL",
            "UPDATE merchants m SET disable_time = was.time"
            " FROM unnest(%s::uuid[], %s::timestamptz[]) AS was (id, time)"
            " WHERE m.merchant_id = was.id AND m.disable_time IS NULL"
            " RETURNING m.merchant_id::text, m.merchant_id::text",
        ),
        _Rule(
            "API key",
            "revoked",
            "api_keys",
            "SELECT api_key_id, revoke_time FROM api_keys WHERE revoke_time IS NOT NULL",
            "UPDATE api_keys k SET revoke_time = was.time FROM unnest(%s::uuid[], %s::timestamptz[]) AS was (id, time)"
            " WHERE k.api_key_id = was.id AND k.revoke_time IS NULL"
            " RETURNING k.api_key_id::text, k.merchant_id::text",
        ),
        _Rule(
            "API key",
            "given an earlier end",
            "api_keys",
            "SELECT api_key_id, expire_time FROM api_keys WHERE expire_time IS NOT NULL",
            "UPDATE api_keys k SET expire_time = was.time FROM unnest(%s::uuid[], %s::timestamptz[]) AS was (id, time)"
            " WHERE k.api_key_id = was.id AND (k.expire_time IS NULL OR k.expire_time > was.time)"
            " AND k.revoke_time IS NULL"
            " RETURNING k.api_key_id::text, k.merchant_id::text",
        ),
    ),
    "console": (
        _Rule(
            "user",
            "disabled",
            "users",
            "SELECT user_id, disable_time FROM users WHERE disable_time IS NOT NULL",
            "UPDATE users u SET disable_time = was.time FROM unnest(%s::uuid[], %s::timestamptz[]) AS was (id, time)"
            " WHERE u.user_id = was.id AND u.disable_time IS NULL"
            " RETURNING u.user_id::text, u.merchant_id::text",
        ),
        _Rule(
            "user",
            "given another role",
            "users",
            "SELECT user_id, role FROM users",
            "UPDATE users u SET role = was.role FROM unnest(%s::uuid[], %s::text[]) AS was (id, role)"
            " WHERE u.user_id = was.id AND u.role <> was.role"
            " RETURNING u.user_id::text, u.merchant_id::text",
        ),
        _Rule(
            "user",
            "given another password",
            "users",
            "SELECT user_id, password_hash FROM users",
            "UPDATE users u SET password_hash = was.hash FROM unnest(%s::uuid[], %s::text[]) AS was (id, hash)"
            " WHERE u.user_id = was.id AND u.password_hash <> was.hash"
            " RETURNING u.user_id::text, u.merchant_id::text",
        ),
        _Rule(
            "user",
            "given another second factor",
            "users",
            "SELECT user_id, totp_secret, totp_step FROM users",
            "UPDATE users u SET totp_secret = was.secret, totp_step = was.step"
            " FROM unnest(%s::uuid[], %s::bytea[], %s::bigint[]) AS was (id, secret, step)"
            " WHERE u.user_id = was.id AND u.totp_secret IS DISTINCT FROM was.secret"
            " RETURNING u.user_id::text, u.merchant_id::text",
        ),
        _Rule(
            "passkey",
            "removed",
            "passkeys",
            "SELECT credential_id FROM passkeys",
            "DELETE FROM passkeys p USING users u WHERE p.user_id = u.user_id"
            " AND p.credential_id <> ALL (%s::bytea[])"
            " RETURNING p.passkey_id::text, u.merchant_id::text",
        ),
        _Rule(
            "identity",
            "disconnected",
            "identities",
            "SELECT issuer || ' ' || subject FROM identities",
            "DELETE FROM identities i USING users u WHERE i.user_id = u.user_id"
            " AND i.issuer || ' ' || i.subject <> ALL (%s::text[])"
            " RETURNING i.subject, u.merchant_id::text",
        ),
        _Rule(
            "link",
            "used or withdrawn",
            "links",
            "SELECT token_sha256 FROM links",
            "DELETE FROM links l WHERE l.expire_time > now() AND l.token_sha256 <> ALL (%s::bytea[])"
            " RETURNING l.email, l.merchant_id::text",
        ),
        _Rule(
            "login",
            "ended",
            "sessions",
            "SELECT token_sha256 FROM sessions WHERE expire_time > now()",
            "DELETE FROM sessions s USING users u WHERE s.user_id = u.user_id AND s.expire_time > now()"
            " AND s.token_sha256 <> ALL (%s::bytea[])"
            " RETURNING u.user_id::text, u.merchant_id::text",
        ),
    ),
}
SERVICES = frozenset(_RULES)
"""Those whose databases have such things."""


def withdrawn(service: str, before: str, restored: str, *, keep: bool) -> list[Withdrawn]:
    """Return what was withdrawn since the backup of a service's database; it is again, unless told to `keep` it.

    `before` is the URL of the database as it was, `restored` that of the restored one: all or nothing is changed in it.
    Raises psycopg.Error.
    """
    if service not in _RULES:
        return []
    with (
        psycopg.connect(before, connect_timeout=10) as was,
        psycopg.connect(restored, connect_timeout=10) as now,
    ):
        found = [one for rule in _RULES[service] for one in _apply(rule, was, now, keep=keep)]
        if keep:
            now.rollback()
    return found


def _apply(
    rule: _Rule, was: psycopg.Connection[Any], now: psycopg.Connection[Any], *, keep: bool
) -> Iterator[Withdrawn]:
    if not all(_has(connection, rule.table) for connection in (was, now)):
        return
    rows = was.execute(rule.was)
    columns = [list(column) for column in zip(*rows.fetchall(), strict=True)] or [[] for _ in rows.description or ()]
    for object_id, merchant_id in now.execute(rule.again, columns).fetchall():
        yield Withdrawn(rule.kind, object_id, merchant_id or "", rule.what, not keep)


def _has(connection: psycopg.Connection[Any], table: str) -> bool:
    return connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchone() == (True,)
