"""A simulated provider is its folder: one that only the tests have is plugged in with no edit elsewhere."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.sandbox.harness import SECRET, Receiver, Sandbox, free_port


@pytest.fixture
def with_vouchers(tmp_path: Path, receiver: Receiver) -> Iterator[Sandbox]:
    settings = {
        "SANDBOX_VOUCHERS_WEBHOOK_URL": receiver.url.replace("/stripe", "/vouchers"),
        "SANDBOX_VOUCHERS_WEBHOOK_SECRET": SECRET,
        "SANDBOX_SETTLE_SECONDS": "3600",
    }
    running = Sandbox(free_port(), tmp_path, receiver.url, settings, module="tests.sandbox.fourth")
    running.start()
    yield running
    assert running.stop() == 0, running.log


def test_folder_is_served_settled_and_heard_of(with_vouchers: Sandbox, receiver: Receiver, order_id: str) -> None:
    assert with_vouchers.get("health")["providers"] == ["bank_transfer", "paypal", "stripe", "vouchers"]
    with_vouchers.post("faults", provider="vouchers", operation="issue", kind="error_500", count=1)
    assert httpx.post(f"{with_vouchers.url}/vouchers/{order_id}").status_code == 500
    assert httpx.post(f"{with_vouchers.url}/vouchers/{order_id}").json()["status"] == "issued"
    settled = with_vouchers.post("settle", provider="vouchers", id=order_id, outcome="spent")
    assert settled["status"] == "spent"
    (heard,) = receiver.wait(order_id)
    assert heard.headers["Voucher-Signature"].startswith("t=")
