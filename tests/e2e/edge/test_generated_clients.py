"""The OpenAPI document is valid, and what a public generator makes of it works: create, get, list, and errors typed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
from openapi_spec_validator import validate

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tools.openapi import RENDERED


def test_document_is_valid_and_says_what_is_sent_and_how_it_grows() -> None:
    document = json.loads(RENDERED.read_text())
    validate(document)
    schemas = document["components"]["schemas"]
    assert schemas["Order"]["additionalProperties"] is True
    assert {"order_id", "status", "create_time"} <= set(schemas["Order"]["required"])
    assert schemas["MoneyInput"]["additionalProperties"] is False
    assert "UNSPECIFIED" not in RENDERED.read_text()
    assert document["webhooks"]["order.succeeded"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert document["servers"][0]["variables"]["gateway"]["default"]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A client as openapi-python-client makes it."""
    folder = tmp_path_factory.mktemp("generated")
    program = shutil.which("openapi-python-client")
    if program is None:
        pytest.skip(
            "openapi-python-client is not on the path: its pins are not ours, so it is not installed with the tests"
        )
    options = ["--path", str(RENDERED), "--meta", "none", "--output-path", str(folder / "generated_gateway")]
    done = subprocess.run([program, "generate", *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING parsing" not in done.stdout, done.stdout
    sys.path.insert(0, str(folder))
    yield import_module("generated_gateway")
    sys.path.remove(str(folder))


def test_generated_client_creates_gets_and_lists(generated: Any, gateway: Ready, merchant: Merchant) -> None:
    client = generated.AuthenticatedClient(base_url=gateway.edge_url, token=merchant.secret)
    models = import_module("generated_gateway.models")
    calls = {name: import_module(f"generated_gateway.api.order.{name}_order") for name in ("create", "get")}
    listing = import_module("generated_gateway.api.order.list_orders")
    body = models.CreateOrderRequest(amount=models.MoneyInput(value="12.00", currency="EUR"), merchant_order_id="G-1")
    made = calls["create"].sync(client=client, body=body)
    assert isinstance(made, models.Order)
    found = calls["get"].sync(made.order_id, client=client)
    assert (found.order_id, found.amount.value, str(found.status)) == (made.order_id, "12.00", "NEW")
    listed = listing.sync(client=client, merchant_order_id="G-1")
    assert [order.order_id for order in listed.orders] == [made.order_id]
    refused = calls["get"].sync("01a2081b-7886-7068-9e1a-d7c0f5764b64", client=client)
    assert isinstance(refused, models.Status)
    assert "no such order" in refused.message
