"""`fusionxpay export`: every payment of a time once, oldest first, in columns or as it is."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from cli.commands import export
from stack.stack import Ready
from tests.support.merchant.api import Merchant

TODAY = datetime.now(UTC).date()


def run(gateway: Ready, merchant: Merchant, *options: str) -> str:
    """Run the command for the days around now, and return what it prints."""
    days = ["--from", f"{TODAY - timedelta(days=1)}", "--to", f"{TODAY + timedelta(days=2)}"]
    account = ["--gateway", gateway.edge_url, "--api-key", merchant.secret]
    done = CliRunner().invoke(app, ["export", *options, *days, *account])
    assert done.exit_code == 0, done.output
    return done.output


def test_every_order_comes_once_oldest_first(
    gateway: Ready, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE_SIZE", 2)
    made = [merchant.new_order(merchant_order_id=f"=1+{number}")["order_id"] for number in range(5)]
    paid = merchant.charge(made[0])
    merchant.wait_for_order(made[0], "SUCCESS")
    rows = list(csv.DictReader(io.StringIO(run(gateway, merchant, "orders"))))
    assert [row["order_id"] for row in rows] == made
    assert (rows[0]["paid_amount.value"], rows[0]["amount.currency"]) == ("12.00", "EUR")
    assert (rows[1]["paid_amount.value"], rows[1]["status"]) == ("", "NEW")
    # what a spreadsheet would run is shown to it as a text
    assert rows[0]["merchant_order_id"] == "'=1+0"
    lines = run(gateway, merchant, "payments", "--format", "jsonl", "--status", "SUCCESS").splitlines()
    assert [json.loads(line)["payment_id"] for line in lines] == [paid["payment_id"]]
