"""A service that was taken over has its database's URL: what that opens, and what it does not."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import errors
from typer.testing import CliRunner

from cli.__main__ import app
from stack.databases import DATABASES, MIGRATIONS, database_url
from stack.layout import SERVICES
from stack.settings import StackSettings
from stack.stack import Ready, Stack

REFUSED = (
    "CREATE TABLE mine (n int)",
    "CREATE TEMPORARY TABLE mine (n int)",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "DROP TABLE alembic_version",
    "UPDATE alembic_version SET version_num = '0000'",
    "SET session_replication_role = 'replica'",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT rolpassword FROM pg_authid",
    "CREATE ROLE mine",
    "ALTER SYSTEM SET log_statement = 'all'",
    f"SET ROLE {MIGRATIONS}",
)
GUARDED = {
    "order_svc": ("orders", "guard_orders"),
    "payment_svc": ("attempts", "guard_attempts"),
    "notify_svc": ("events", "order_events"),
    "edge": ("api_keys", "number_change"),
    "audit_svc": ("entries", "guard_entries"),
}
"""A table of each service, and the trigger that holds its rules."""


def url_of(gateway: Ready, service: str) -> str:
    """Return the database's URL as a service has it."""
    return psutil.Process(gateway.pids[service]).environ()["FUSIONXPAY_DATABASE_URL"]


@pytest.mark.parametrize("service", SERVICES)
def test_service_is_nobody_special(service: str, gateway: Ready) -> None:
    query = """
        SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls,
               (SELECT count(*) FROM pg_auth_members m WHERE m.member = r.oid),
               (SELECT count(*) FROM pg_class c WHERE c.relowner = r.oid)
        FROM pg_roles r WHERE rolname = current_user
    """
    with psycopg.connect(url_of(gateway, service)) as connection:
        assert connection.execute(query).fetchone() == (service, False, False, False, False, False, 0, 0)


@pytest.mark.parametrize(("service", "other"), [*permutations(SERVICES, 2)])
def test_service_does_not_get_into_anothers_database(service: str, other: str, gateway: Ready) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(database_url(url_of(gateway, service), DATABASES[other]))


@pytest.mark.parametrize("database", ["postgres", "template1"])
def test_service_does_not_get_into_the_servers_own_databases(database: str, gateway: Ready) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(database_url(url_of(gateway, "order_svc"), database))


@pytest.mark.parametrize("statement", REFUSED)
@pytest.mark.parametrize("service", SERVICES)
def test_service_changes_rows_and_nothing_else(service: str, statement: str, gateway: Ready) -> None:
    with (
        psycopg.connect(url_of(gateway, service), autocommit=True) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize("service", SERVICES)
def test_service_does_not_get_around_the_rules_of_its_tables(service: str, gateway: Ready) -> None:
    table, trigger = GUARDED[service]
    for statement in (
        f"ALTER TABLE {table} DISABLE TRIGGER {trigger}",
        f"DROP TRIGGER {trigger} ON {table}",
        f"CREATE OR REPLACE FUNCTION {trigger}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        f"TRUNCATE {table}",
        f"ALTER TABLE {table} OWNER TO {service}",
    ):
        with psycopg.connect(url_of(gateway, service)) as connection, pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement.encode())


@pytest.mark.parametrize("statement", ["UPDATE entries SET path = '/'", "DELETE FROM entries", "TRUNCATE entries"])
def test_audit_service_only_ever_adds(statement: str, gateway: Ready) -> None:
    with (
        psycopg.connect(url_of(gateway, "audit_svc")) as connection,
        pytest.raises(errors.InsufficientPrivilege, match="permission denied for table entries"),
    ):
        connection.execute(statement.encode())


def test_who_migrates_owns_the_tables_and_not_the_server(gateway: Ready) -> None:
    for url in gateway.database_urls.values():
        with psycopg.connect(url) as connection:
            query = """
                SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')
            """
            assert connection.execute(query).fetchall() == [(MIGRATIONS,)]
            special = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", [MIGRATIONS])
            assert special.fetchone() == (False,)


def test_tables_that_the_superuser_made_before_are_taken_over_by_a_command(tmp_path: Path) -> None:
    """What an earlier version has left: databases and tables of the superuser."""
    with Stack(StackSettings(durable=False), ["postgres"]) as stack:
        server = stack.ready.database_urls["orders"]
        with psycopg.connect(database_url(server, "postgres"), autocommit=True) as admin:
            admin.execute("DROP DATABASE orders")
            admin.execute("CREATE DATABASE orders")
        with psycopg.connect(server) as before:
            before.execute("CREATE TABLE kept (n int GENERATED ALWAYS AS IDENTITY, name text)")
            before.execute("CREATE SEQUENCE numbers")
            before.execute("CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        made = [_urls_by_command(database_url(server, "postgres"), tmp_path) for _ in range(2)]
        assert made[0] == made[1]
        for role, url in made[0].items():
            with psycopg.connect(url) as connection:
                assert connection.execute("SELECT current_user").fetchone() == (role,)
        with psycopg.connect(server) as after:
            owners = """
                SELECT pg_get_userbyid(relowner) FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')
                UNION ALL SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            """
            assert {owner for (owner,) in after.execute(owners)} == {MIGRATIONS}


def _urls_by_command(server: str, folder: Path) -> dict[str, str]:
    """Run `fusionxpay databases`, and return the URL of each role."""
    run = CliRunner().invoke(app, ["databases", "--folder", str(folder)], env={"FUSIONXPAY_POSTGRES_URL": server})
    assert run.exit_code == 0, run.output
    files = {file.parent.name: file for file in folder.glob("*/database_url")}
    assert set(files) == {*DATABASES, MIGRATIONS}
    assert {file.stat().st_mode & 0o777 for file in files.values()} == {0o600}
    urls = {role: file.read_text() for role, file in files.items()}
    assert not any(url in run.output for url in urls.values())
    return urls
