"""`fusionxpay reconcile` as its runbook has it: until now, and of all providers."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from cli.commands import reconcile
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


def test_provider_that_does_not_answer_hides_no_other(
    gateway: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "ready.json"
    place.write_text(json.dumps(asdict(gateway)))
    compared = reconcile._compared

    def one_is_away(stub: Any, provider: str, spans: Any) -> Any:
        if provider == "bank_transfer":
            raise grpc.RpcError("bank_transfer does not answer")
        return compared(stub, provider, spans)

    monkeypatch.setattr(reconcile, "_compared", one_is_away)
    since = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    done = CliRunner().invoke(app, ["reconcile", "--from", since, "--json", "--ready-file", str(place)])
    assert done.exit_code == 69
    assert "bank_transfer does not answer" in done.stderr
    assert sorted(one["provider"] for one in json.loads(done.stdout)) == ["paypal", "stripe"]
