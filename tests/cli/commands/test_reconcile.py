"""`fusionxpay reconcile` as its runbook has it: until now, and of all providers."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from typer.testing import CliRunner

from cli.__main__ import app
from stack.stack import Ready


def test_all_providers_are_compared_until_now(gateway: Ready, tmp_path: Path) -> None:
    place = tmp_path / "ready.json"
    place.write_text(json.dumps(asdict(gateway)))
    before = datetime.now(UTC)
    since = f"{before - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    done = CliRunner().invoke(app, ["reconcile", "--from", since, "--json", "--ready-file", str(place)])
    assert done.exit_code in (0, 1), done.output
    found = json.loads(done.stdout)
    assert sorted(one["provider"] for one in found) == ["bank_transfer", "paypal", "stripe"]
    assert all(datetime.fromisoformat(one["to"]) >= before for one in found)
