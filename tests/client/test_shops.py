"""The shops in `examples/`, each in its framework: bought, paid on the provider's page, told by webhook, sent once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from stack.ports import HOST, Ports
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.paths import ROOT
from tests.support.suite.packages import install, node_with
from tests.support.waiting import eventually

EXAMPLES = ROOT / "examples"
Start = Callable[[Path, int], tuple[list[str], dict[str, str]]]


def _python(folder: Path, *packages: str) -> dict[str, str]:
    """Install packages beside those that are here, and return what finds them."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    # what is never imported need not be compiled
    install([*pip, "--retries=0", "--no-deps", "--target", str(folder), *packages], folder, packages[0])
    return {"PYTHONPATH": str(folder)}


def in_fastapi(folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """Return how the shop in FastAPI is started."""
    found = _python(folder, "fastapi>=0.120")
    app = ["--app-dir", str(EXAMPLES), "shop_fastapi:app", "--port", str(port)]
    return [sys.executable, "-m", "uvicorn", *app], found


def in_django(folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """Return how the shop in Django is started."""
    found = _python(folder, "django>=5.2,<6", "asgiref>=3.8", "sqlparse>=0.5")
    return [sys.executable, str(EXAMPLES / "shop_django.py"), "runserver", "--noreload", str(port)], found


def in_express(folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """Return how the shop in Express is started."""
    node = node_with(folder, "express@5")
    (folder / "node_modules" / "fusionxpay").symlink_to(ROOT / "client" / "node")
    shop = shutil.copy(EXAMPLES / "shop_express.mjs", folder)
    return [node, "--preserve-symlinks", str(shop), str(port)], {}


@pytest.mark.parametrize("start", [in_fastapi, in_django, in_express])
def test_shop_sends_what_is_paid_once(start: Start, gateway: Ready, merchant: Merchant, tmp_path: Path) -> None:
    with Ports() as ports, ExitStack() as undo:
        port = ports.take()
        endpoint = merchant.post("/v1/webhook_endpoints", {"url": f"http://{HOST}:{port}/webhooks"})
        command, found = start(tmp_path, port)
        mine = {"KEY": merchant.secret, "GATEWAY": gateway.edge_url, "WEBHOOK_SECRET": endpoint["secret"]}
        log = undo.enter_context((tmp_path / "shop.log").open("wb"))
        shop = subprocess.Popen(command, cwd=tmp_path, env=os.environ | mine | found, stdout=log, stderr=log)
        undo.callback(shop.wait)
        undo.callback(shop.terminate)
        browser = undo.enter_context(httpx.Client(base_url=f"http://{HOST}:{port}", timeout=60))
        eventually(lambda: shop.poll() is not None or is_there(browser), "the shop")
        assert shop.poll() is None, (tmp_path / "shop.log").read_text()

        dead = browser.post("/buy/cart-1").headers["location"]
        (payment,) = merchant.get("/v1/payments")["payments"]
        merchant.post(f"/v1/payments/{payment['payment_id']}/cancel", {})
        # until the order has heard of it, its payment counts as under way
        merchant.wait_for_order(payment["order_id"], "FAILED")
        pages = {browser.post("/buy/cart-1").headers["location"] for _ in range(2)}
        (page,) = pages
        assert page != dead
        (order,) = merchant.get("/v1/orders")["orders"]
        assert browser.get(f"/orders/{order['order_id']}").text.startswith("Your order is ")
        back = httpx.post(f"{page}/pay", data={"payment_method": "pm_card_visa"}, timeout=60)
        assert back.headers["location"] == f"http://{HOST}:{port}/orders/{order['order_id']}"
        assert eventually(lambda: browser.get("/sent").json(), "the goods are sent") == ["cart-1"]
        assert browser.get(back.headers["location"]).text == "Thank you!"

        event = merchant.get("/v1/events", type="order.succeeded")["events"][0]["event_id"]
        merchant.post(f"/v1/events/{event}/resend", {})
        eventually(lambda: attempts(merchant, event) == 2, "the repetition")
        assert browser.get("/sent").json() == ["cart-1"]
        assert browser.post("/webhooks", json={"type": "order.succeeded"}).status_code == 400


def is_there(browser: httpx.Client) -> bool:
    """Whether the shop answers."""
    try:
        return browser.get("/sent").status_code == 200
    except httpx.TransportError:
        return False


def attempts(merchant: Merchant, event_id: str) -> int:
    """Return how often an event was delivered."""
    (delivery,) = merchant.get(f"/v1/events/{event_id}/deliveries")["deliveries"]
    return len([one for one in delivery["attempts"] if one["http_status"] == 204])
