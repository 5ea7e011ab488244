"""`fusionxpay export`: every payment of a time once, oldest first, in columns or as it is."""

from __future__ import annotations

import csv
import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from stack.stack import Ready
from tests.support.merchant.api import Merchant

TODAY = datetime.now(UTC).date()
SPAN = ["--from", f"{TODAY - timedelta(days=1)}", "--to", f"{TODAY + timedelta(days=2)}"]


def run(gateway: Ready, merchant: Merchant, *options: str) -> str:
    """Run the command for the days around now, and return what it prints."""
    account = ["--gateway", gateway.edge_url, "--api-key", merchant.secret]
    done = CliRunner().invoke(app, ["export", *options, *SPAN, *account])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_order_comes_once_oldest_first(gateway: Ready, merchant: Merchant) -> None:
    made = [merchant.new_order(merchant_order_id=f"=1+{number}")["order_id"] for number in range(3)]
    paid = merchant.charge(made[0])
    merchant.wait_for_order(made[0], "SUCCESS")
    rows = list(csv.DictReader(io.StringIO(run(gateway, merchant, "orders"))))
    assert [row["order_id"] for row in rows] == made
    assert (rows[0]["paid_amount"], rows[0]["currency"]) == ("12.00", "EUR")
    assert (rows[1]["paid_amount"], rows[1]["status"]) == ("", "NEW")
    lines = run(gateway, merchant, "payments", "--format", "jsonl", "--status", "SUCCESS").splitlines()
    assert [json.loads(line)["payment_id"] for line in lines] == [paid["payment_id"]]


def test_span_has_a_zone_and_ends_now_where_nothing_else_is_said(gateway: Ready, merchant: Merchant) -> None:
    made = merchant.new_order()["order_id"]
    east = timezone(timedelta(hours=9))
    account = ["--gateway", gateway.edge_url, "--api-key", merchant.secret]
    for minutes, found in ((-5, [made]), (5, [])):
        since = f"{datetime.now(east) + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}+09:00"
        until = [] if found else ["--to", f"{TODAY + timedelta(days=2)}"]
        done = CliRunner().invoke(app, ["export", "orders", "--from", since, *until, *account])
        assert done.exit_code == 0, done.output
        assert [row["order_id"] for row in csv.DictReader(io.StringIO(done.stdout))] == found


def test_payments_are_exported_by_when_they_were_captured(gateway: Ready, merchant: Merchant) -> None:
    paid = merchant.charge(merchant.new_order()["order_id"])
    merchant.new_order()
    rows = list(csv.DictReader(io.StringIO(run(gateway, merchant, "payments", "--by", "capture_time"))))
    assert [row["payment_id"] for row in rows] == [paid["payment_id"]]
    assert run(gateway, merchant, "refunds", "--by", "reverse_time").count("\n") == 1
    refused = CliRunner().invoke(app, ["export", "orders", *SPAN, "--by", "capture_time", "--api-key", "k"])
    assert (refused.exit_code, "update_time" in refused.output) == (2, True)


def test_file_has_its_name_when_it_is_whole(gateway: Ready, merchant: Merchant, tmp_path: Path) -> None:
    order = merchant.new_order()
    assert run(gateway, merchant, "orders", "--output", str(tmp_path / "orders.csv")) == ""
    assert order["order_id"] in (tmp_path / "orders.csv").read_text()
    with broken_off() as url:
        answer = CliRunner().invoke(
            app,
            ["export", "orders", *SPAN, "--output", str(tmp_path / "broken.csv"), "--gateway", url, "--api-key", "k"],
        )
    assert (answer.exit_code, "not whole" in answer.output) == (69, True)
    assert [one.name for one in tmp_path.iterdir()] == ["orders.csv"]


def test_parquet_has_decimals_and_moments(gateway: Ready, merchant: Merchant, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install pyarrow")
    order = merchant.new_order(merchant_order_id="=1+1\u2028\n,")
    file = tmp_path / "orders.parquet"
    run(gateway, merchant, "orders", "--format", "parquet", "--output", str(file))
    (row,) = parquet.read_table(file).to_pylist()
    assert (row["order_id"], row["merchant_order_id"]) == (order["order_id"], "=1+1\u2028\n,")
    assert (row["amount"], row["paid_amount"]) == (Decimal("12.00"), None)
    assert row["create_time_utc"] == datetime.fromisoformat(order["create_time"]).replace(microsecond=0)


def test_parquet_without_its_package_or_a_file_says_what_to_do() -> None:
    asked = ["export", "orders", *SPAN, "--format", "parquet", "--api-key", "k"]
    assert "--output" in CliRunner().invoke(app, asked).output


@contextmanager
def broken_off() -> Iterator[str]:
    """Serve a file that ends before its end, at the URL that is yielded."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\na,b\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()
