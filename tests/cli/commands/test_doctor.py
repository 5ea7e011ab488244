"""`fusionxpay doctor`: a stack that is well, and one of which something is wrong."""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import time_machine
from typer.testing import CliRunner

from cli import doctor
from cli.__main__ import app
from mesh.events.participants import CONSUMERS
from stack.layout import SERVICES
from stack.operate.backup import MANIFEST
from stack.stack import Ready

Findings = list[dict[str, Any]]


def examined(tmp_path: Path, ready: dict[str, Any], *arguments: str) -> tuple[int, Findings]:
    file = tmp_path / "ready.json"
    file.write_text(json.dumps(ready))
    result = CliRunner().invoke(app, ["doctor", "--json", "--ready-file", str(file), *arguments])
    return result.exit_code, json.loads(result.stdout)


def serious(findings: Findings) -> set[str]:
    return {one["check"] for one in findings if one["serious"]}


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address that nobody answers at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def test_stack_that_is_well_has_nothing_to_do_now(gateway: Ready, tmp_path: Path) -> None:
    (tmp_path / "backups" / "newest").mkdir(parents=True)
    (tmp_path / "backups" / "newest" / "orders.dump").write_bytes(b"rows")
    manifest = {"orders": {"file": "orders.dump", "time": "", "revision": "", "sha256": ""}}
    (tmp_path / "backups" / "newest" / MANIFEST).write_text(json.dumps(manifest))
    status, findings = examined(tmp_path, asdict(gateway), "--backups", str(tmp_path / "backups"))
    # what the disk of this machine has left is not the stack's
    assert [one for one in findings if one["todo"] and one["check"] != "disk"] == []
    assert status == (1 if serious(findings) else 0)
    words = " ".join(one["words"] for one in findings)
    assert all(f"{name} is SERVING" in words for name in SERVICES)
    assert {one["check"] for one in findings} >= {"edge", "redis", "migrations", "connections", "nats", "audit"}


def test_what_does_not_answer_is_named_with_what_to_do(gateway: Ready, tmp_path: Path, nobody: str) -> None:
    away = {
        "services": {"order_svc": nobody},
        "metrics": {"order_svc": nobody},
        "edge_url": f"http://{nobody}",
        "nats_url": f"nats://{nobody}",
        "redis_url": f"redis://{nobody}/0",
        "database_urls": {"orders": f"postgresql://{nobody}/orders"},
        "operator_tls": gateway.operator_tls,
    }
    status, findings = examined(tmp_path, away)
    assert status == 1
    assert serious(findings) == {"services", "edge", "databases", "nats"}
    assert all(one["todo"] for one in findings)


@pytest.mark.parametrize("frozen", [True, False])
def test_nats_that_is_frozen_or_gone_is_one_finding_and_no_traceback(
    frozen: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "SECONDS", 0.5)
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{listening.getsockname()[1]}"
    with listening:
        if not frozen:
            listening.close()
        found = [one for one in doctor.examine({"nats_url": f"nats://{address}"}, None) if one.check == "nats"]
    assert [one.serious for one in found] == [True]
    assert capfd.readouterr().err == ""


def test_schema_of_another_version_is_found(gateway: Ready, tmp_path: Path) -> None:
    url, schema = gateway.database_urls["identity"], f"test_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(f"CREATE TABLE {schema}.alembic_version AS SELECT '0001'::text AS version_num".encode())
        try:
            old = {"database_urls": {"identity": f"{url}?options=-csearch_path%3D{schema}"}}
            _, findings = examined(tmp_path, old)
        finally:
            connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())
    (found,) = [one for one in findings if one["serious"]]
    assert found["check"] == "migrations"
    assert "python -m mesh.storage.migrate edge=identity" in found["todo"]


def test_clock_and_certificates_and_backups_are_held_against_time(gateway: Ready, tmp_path: Path) -> None:
    _backup(tmp_path / "old")
    named = {"ca_file": gateway.ca_file, "database_urls": {"orders": gateway.database_urls["orders"]}}
    with time_machine.travel(time.time() + timedelta(days=85).total_seconds()):
        status, findings = examined(tmp_path, named, "--backups", str(tmp_path))
    assert status == 1
    assert {one["check"] for one in findings if one["todo"]} == {"clock", "certificates", "backups"}


def _backup(place: Path, *, is_whole: bool = True, with_manifest: bool = True) -> None:
    place.mkdir()
    (place / "orders.dump").write_text("rows" if is_whole else "")
    if with_manifest:
        (place / "manifest.json").write_text(json.dumps({"orders": {"file": "orders.dump"}}))


def test_backup_that_could_not_be_restored_is_none(tmp_path: Path) -> None:
    _backup(tmp_path / "begun", with_manifest=False)
    _backup(tmp_path / "empty", is_whole=False)
    _, findings = examined(tmp_path, {}, "--backups", str(tmp_path))
    assert [one["words"] for one in findings if one["check"] == "backups"] == ["there is no backup"]
    _backup(tmp_path / "good")
    _, findings = examined(tmp_path, {}, "--backups", str(tmp_path))
    assert [one["words"] for one in findings if one["check"] == "backups"] == ["the newest backup is 0 hours old"]


def test_consumer_that_is_not_there_is_found(gateway: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONSUMERS, "fourth_svc", "fourth")
    named = {"nats_url": gateway.nats_url, "operator_tls": gateway.operator_tls}
    _, findings = examined(tmp_path, named)
    assert [one["words"] for one in findings if one["serious"]] == ["the stream has no consumer fourth"]
