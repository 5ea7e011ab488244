"""The databases of a server and who may do what there: each service gets into its own alone, and makes no tables.

Tables are owned by the role that migrates; what a service's role may do with them is granted by `mesh.storage.migrate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from stack.process import StackError

MIGRATIONS = "migrations"
"""The role that owns the databases and all that is in them."""
DATABASES = {
    "order_svc": "orders",
    "payment_svc": "payments",
    "notify_svc": "notify",
    "edge": "identity",
    "audit_svc": "audit",
    "console": "console",
}
"""The database of each service, whose role is called as the service is."""

_TAKE_OVER = """
DO $$
DECLARE one text;
BEGIN
  FOR one IN
    SELECT format('TABLE %s', c.oid::regclass) FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    UNION ALL
    SELECT format('SEQUENCE %s', c.oid::regclass) FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S' AND NOT EXISTS (
      SELECT FROM pg_depend d
      WHERE d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
    UNION ALL
    SELECT format('FUNCTION %s', p.oid::regprocedure) FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
  LOOP
    EXECUTE format('ALTER %s OWNER TO migrations', one);
  END LOOP;
END $$
"""


def database_url(server: str, database: str) -> str:
    """Return the URL of a database of the server."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{database}"))


def role_url(server: str, role: str, password: str, database: str) -> str:
    """Return the URL of a database of the server, as a role enters it."""
    host = urlsplit(server).netloc.rpartition("@")[2]
    return urlunsplit(urlsplit(server)._replace(netloc=f"{role}:{password}@{host}", path=f"/{database}"))


def create_databases(url: str, names: Iterable[str]) -> None:
    """Create the databases that the server does not have yet, owned by the URL's user, who is all services' as well.

    Raises:
        StackError: the user may not.
    """
    try:
        with psycopg.connect(database_url(url, "postgres"), autocommit=True, connect_timeout=10) as connection:
            present = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
            for name in names:
                if name not in present:
                    connection.execute(_sql("CREATE DATABASE {}", name))
    except psycopg.Error as error:
        raise StackError(f"databases cannot be created (FUSIONXPAY_POSTGRES_URL): {error}") from error


def create_databases_and_roles(url: str, passwords: Mapping[str, str]) -> None:
    """Create the databases and roles that the server does not have yet, as a superuser; take over what others made.

    `passwords` are those of the services' roles and of `MIGRATIONS`; each role has its own from now on.

    Raises:
        StackError: the user may not.
    """
    try:
        with psycopg.connect(database_url(url, "postgres"), autocommit=True, connect_timeout=10) as connection:
            for role, password in passwords.items():
                _have_role(connection, role, password)
            query = "SELECT datname, pg_get_userbyid(datdba) FROM pg_database"
            owners: dict[str, str] = dict(connection.execute(query).fetchall())
            connection.execute("REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC")
            for service, database in DATABASES.items():
                if database not in owners:
                    connection.execute(_sql("CREATE DATABASE {} OWNER {}", database, MIGRATIONS))
                elif owners[database] != MIGRATIONS:
                    _take_over(connection, url, database)
                connection.execute(_sql("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC", database))
                connection.execute(_sql("GRANT CONNECT ON DATABASE {} TO {}", database, service))
    except psycopg.Error as error:
        raise StackError(f"databases and roles cannot be created (FUSIONXPAY_POSTGRES_URL): {error}") from error


def _have_role(connection: psycopg.Connection[Any], role: str, password: str) -> None:
    known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is not None
    verb: LiteralString = "ALTER" if known else "CREATE"
    rights: LiteralString = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    # the server is shown what it stores, not the password
    secret = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(
        sql.SQL("{} ROLE {} {} PASSWORD {}").format(
            sql.SQL(verb), sql.Identifier(role), sql.SQL(rights), sql.Literal(secret)
        )
    )


def _take_over(connection: psycopg.Connection[Any], url: str, database: str) -> None:
    """Give what a version before has made, as the superuser, to who migrates from now on."""
    connection.execute(_sql("ALTER DATABASE {} OWNER TO {}", database, MIGRATIONS))
    with psycopg.connect(database_url(url, database), connect_timeout=10) as inside:
        inside.execute(_TAKE_OVER)


def _sql(text: LiteralString, *names: str) -> sql.Composed:
    return sql.SQL(text).format(*map(sql.Identifier, names))
