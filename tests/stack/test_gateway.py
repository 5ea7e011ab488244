from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.commands.up import CURL
from mesh.rpc.dial import tls_of
from stack.layout import COMPONENTS
from stack.probes import grpc_serving
from stack.settings import StackSettings
from stack.stack import Stack
from tests.support.waiting import PATIENCE

# One stack for all of these, also where several workers share the tests.
pytestmark = pytest.mark.xdist_group("gateway")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(StackSettings(durable=False)) as running:
        yield running


def order(stack: Stack, key: str) -> httpx.Response:
    body = {"merchant_order_id": key, "amount": {"value": "12.00", "currency": "EUR"}}
    headers = {"authorization": f"Bearer {stack.ready.merchant.api_key}", "idempotency-key": key}
    return httpx.post(f"{stack.ready.edge_url}/v1/orders", json=body, headers=headers, timeout=PATIENCE)


def test_every_component_runs_and_every_service_is_healthy(stack: Stack) -> None:
    assert set(stack.ready.pids) == set(COMPONENTS)
    tls = tls_of(stack.ready.operator_tls)
    assert all(grpc_serving(target, name, tls) for name, target in stack.ready.services.items())


def test_command_that_is_shown_creates_an_order(stack: Stack) -> None:
    command = CURL.format(url=stack.ready.edge_url, key=stack.ready.merchant.api_key)
    run = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert '"status":"NEW"' in run.stdout.replace(" ", "")


def test_gateway_serves_again_after_a_service_was_killed(stack: Stack) -> None:
    assert order(stack, "before").status_code == 200
    stack.kill("order_svc")
    stack.start("order_svc")
    assert order(stack, "after").status_code == 200


def test_secrets_of_one_service_do_not_reach_another(stack: Stack) -> None:
    def environment(name: str) -> str:
        return Path(f"/proc/{stack.ready.pids[name]}/environ").read_text()

    secret = stack.ready.webhook_secrets["stripe"]
    assert [name for name in stack.ready.services if secret in environment(name)] == ["payment_svc"]
    keys = {
        name: line
        for name in stack.ready.services
        for line in environment(name).split("\0")
        if line.startswith("FUSIONXPAY_SECRET_KEYS=")
    }
    assert keys.keys() == {"notify_svc", "edge", "payment_svc"}
    assert len(set(keys.values())) == 3, "what one service can decrypt, another cannot"


def test_merchant_and_orders_are_there_again_in_the_next_run(tmp_path_for_postgres: Path) -> None:
    settings = StackSettings(data_dir=tmp_path_for_postgres)
    components = set(COMPONENTS) - {"sandbox", "payment_svc", "notify_svc", "audit_svc"}
    with Stack(settings, components) as stack:
        merchant, first = stack.ready.merchant, order(stack, "kept").json()
    with Stack(settings, components) as stack:
        assert stack.ready.merchant == merchant
        again = order(stack, "kept")
    assert again.json()["order_id"] == first["order_id"]
    assert again.headers["idempotent-replayed"] == "true"
