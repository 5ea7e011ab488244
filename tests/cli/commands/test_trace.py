"""`fusionxpay trace`: all that happened to an order, as one tree."""

from __future__ import annotations

import json
import socket
import uuid
from dataclasses import asdict
from pathlib import Path

from typer.testing import CliRunner, Result

from cli.__main__ import app
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.receiver import Receiver
from tests.support.waiting import eventually


def trace(ready: Ready, tmp_path: Path, order_id: str, *arguments: str) -> Result:
    file = tmp_path / "ready.json"
    file.write_text(json.dumps(asdict(ready)))
    arguments = ("trace", order_id, "--ready-file", str(file), *arguments)
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "300"})


def test_tree_has_the_audit_the_calls_the_history_the_events_and_the_deliveries(
    gateway: Ready, tmp_path: Path, merchant: Merchant, receiver: Receiver
) -> None:
    order_id = merchant.new_order()["order_id"]
    merchant.charge(order_id)
    receiver.wait_for("order.succeeded")
    hops = (
        "audit: POST /v1/payments 200",
        "envoy: POST /v1/payments 200",
        "payment_svc: rpc CreatePayment OK",
        "order_svc: rpc ReserveOrder OK",
        "payment_svc: stripe start: ok",
        "payment_svc: stripe start: POST /v1/payment_intents 200, req_",
        "order_svc: order v3 SUCCESS",
        "notify_svc: event order.succeeded",
        "notify_svc: webhook of order.succeeded, attempt 1: 204, DELIVERED",
    )

    def whole() -> str:
        said = trace(gateway, tmp_path, order_id)
        assert said.exit_code == 0, said.output
        return said.output if all(hop in said.output for hop in hops) else ""

    # the audit is a second behind
    output = eventually(whole, f"{hops} in {trace(gateway, tmp_path, order_id).output}")
    branches = [line for line in output.splitlines() if " trace " in line]
    assert len(branches) > 2, "of what made the order, of what paid it, and of what the provider sent"
    listed = json.loads(trace(gateway, tmp_path, order_id, "--json").stdout)
    assert [one["time"] for one in listed] == sorted(one["time"] for one in listed)


def test_logs_are_shown_though_the_databases_are_frozen(tmp_path: Path) -> None:
    order_id, trace_id = str(uuid.uuid4()), "ab" * 16
    line = {"time": "2026-11-27T20:00:00Z", "component": "payment_svc", "trace_id": trace_id,
            "message": "provider call", "provider": "stripe", "operation": "start", "outcome": "ok"}  # fmt: skip
    lines = [line | {"order_id": order_id}, line | {"operation": "capture"}]
    (tmp_path / "payment_svc.log").write_text("\n".join(map(json.dumps, lines)))
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        url = f"postgresql://a:b@127.0.0.1:{frozen.getsockname()[1]}/a"
        options = [f"--database={name}={url}" for name in ("orders", "payments", "audit")]
        said = CliRunner().invoke(app, ["trace", order_id, *options, "--logs", str(tmp_path)])
    assert said.exit_code == 69
    assert "stripe start: ok" in said.stdout
    assert said.stdout.count("stripe") == 2, "what the order's trace has besides, and nothing twice"
    assert "databases do not answer: orders" in said.stderr


def test_order_that_is_not_there_ends_with_1(gateway: Ready, tmp_path: Path) -> None:
    said = trace(gateway, tmp_path, str(uuid.uuid4()))
    assert said.exit_code == 1
    assert "there is no order" in said.output
