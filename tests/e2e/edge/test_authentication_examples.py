"""The examples of docs/authentication.md sign requests that the gateway takes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from fusionx.identity.v1 import identity_pb2

from mesh.rpc.routes import contract_routes, scopes_of
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.signed import signature
from tests.support.paths import ROOT

DOCUMENT = (ROOT / "docs" / "authentication.md").read_text()
SHELL = ["bash", "-euo", "pipefail", "-c"]
PROGRAMS = {"python": ([sys.executable, "-c"], {"1001"}), "sh": (SHELL, {"1002"})}


@pytest.mark.parametrize("language", PROGRAMS)
def test_example_makes_an_order(language: str, new_merchant: Callable[..., Merchant], gateway: Ready) -> None:
    program, references = PROGRAMS[language]
    merchant = new_merchant(signature=identity_pb2.ApiKey.REQUIRED)
    section = DOCUMENT.split("## Signed requests")[1].split("\n## ")[0]
    (example,) = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    given = {"GATEWAY": gateway.edge_url, "KEY": merchant.secret, "SIGNING_SECRET": merchant.signing_secret}
    run = subprocess.run([*program, example], env=os.environ | given, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr + run.stdout
    listed = merchant.http.get("/v1/orders", headers=signature(merchant.signing_secret, "GET", "/v1/orders", b""))
    assert {order["merchant_order_id"] for order in listed.json()["orders"]} == references


def test_every_scope_of_the_contract_is_documented() -> None:
    table = DOCUMENT.split("## Scopes")[1].split("\n## ")[0]
    assert set(re.findall(r"`(\w+:\w+)`", table)) == scopes_of(contract_routes())
