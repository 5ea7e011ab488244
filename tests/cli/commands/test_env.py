"""`fusionxpay env`: what is so of the part that is asked for, and nothing that is another's."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from cli.commands.env import variables


@pytest.fixture
def ready(tmp_path: Path) -> dict[str, Any]:
    """What a ready file says of a stack that is gone."""
    for name in ("order_svc", "operator"):
        (tmp_path / "tls" / name).mkdir(parents=True)
        (tmp_path / "tls" / name / "cert.pem").touch()
    return {
        "pids": dict.fromkeys(("order_svc", "nats", "postgres"), 0),
        "log_dir": str(tmp_path / "logs"),
        "ca_file": str(tmp_path / "tls" / "ca.pem"),
        "redis_url": "",
        "database_urls": {"orders": "postgresql://orders"},
    }


def test_only_what_a_part_has_is_set(ready: dict[str, Any]) -> None:
    own = ("DATABASE_URL", "FUSIONXPAY_TLS_CERT_FILE")
    has = {name: [one for one in own if one in variables(ready, name)] for name in ready["pids"]}
    assert has == {"order_svc": list(own), "nats": [], "postgres": ["DATABASE_URL"]}


def test_three_days_follow_each_other(ready: dict[str, Any]) -> None:
    found = variables(ready, "order_svc")
    days = [date.fromisoformat(found[name]).toordinal() for name in ("YESTERDAY", "TODAY", "TOMORROW")]
    assert days == [days[0], days[0] + 1, days[0] + 2]


def test_pids_of_a_stack_that_is_gone_are_not_given(ready: dict[str, Any], tmp_path: Path) -> None:
    place = tmp_path / "ready.json"
    place.write_text(json.dumps(ready))
    done = CliRunner().invoke(app, ["env", "--ready-file", str(place)])
    assert (done.exit_code, done.stdout) == (69, "")
    assert "not running any more" in done.stderr
