"""The guides of the site: every block of code works as it stands, in the order of its page, for each language."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.blocks import COMMANDS, blocks_of, programs_of, run_page
from tests.support.paths import ROOT
from tests.support.waiting import eventually

GUIDES = sorted(ROOT.glob("docs/guides/*.md"))
CASES = [(page, language) for page in GUIDES for language in programs_of(page)]
GRPC = ROOT / "docs/guides/grpc.md"
TOOLS = {"sh": ("curl", "jq"), "python": (), "js": ("node",)}
SHOWN = {"json", "text"}
"""What is shown and not run."""

ENDS = {
    "quick-start": {"PARTIALLY_REFUNDED"},
    "take-a-payment": {"NEW", "PROCESSING", "SUCCESS"},
    "way-back": {"SUCCESS"},
    "captures": {"SUCCESS", "NEW", "FAILED"},
    "refunds": {"PARTIALLY_REFUNDED"},
    "disputes": {"SUCCESS", "PROCESSING"},
    "handle-errors": {"NEW", "FAILED"},
    "test-cards": {"SUCCESS", "PROCESSING", "EXPIRED"},
}
"""The statuses that a guide's orders may have in the end."""


@pytest.mark.parametrize(("page", "language"), CASES, ids=[f"{page.stem}-{language}" for page, language in CASES])
def test_guide_works_as_it_stands(
    gateway: Ready, merchant: Merchant, tmp_path: Path, page: Path, language: str
) -> None:
    if missing := [tool for tool in TOOLS[language] if shutil.which(tool) is None]:
        pytest.skip(f"no {', '.join(missing)} on the path")
    printed = run_page(page, language, tmp_path, {"GATEWAY": gateway.edge_url, "KEY": merchant.secret})
    if may := ENDS.get(page.stem):
        assert printed
        eventually(lambda: statuses(merchant) <= may, f"orders that are {may}")


def statuses(merchant: Merchant) -> set[str]:
    """Return the statuses of a merchant's orders."""
    found = {order["status"] for order in merchant.get("/v1/orders")["orders"]}
    assert found
    return found


def test_guides_show_each_job_in_every_language() -> None:
    spoken = {page.stem: set(programs_of(page)) for page in GUIDES}
    assert {name for name, languages in spoken.items() if languages and languages != set(COMMANDS)} == set()


def test_grpc_is_called_as_its_guide_shows(gateway: Ready, merchant: Merchant) -> None:
    order_id = merchant.new_order()["order_id"]
    programs = [
        one for one in re.findall(r"```text\n(.*?)```", GRPC.read_text(), re.DOTALL) if one.startswith("import")
    ]
    env = {"GATEWAY": gateway.edge_url, "KEY": merchant.secret, "PYTHONPATH": str(ROOT / "gen")}
    done = subprocess.run([sys.executable, "-c", "\n".join(programs)], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for said in (order_id, "INVALID_ARGUMENT amount.value: EUR has at most 2 decimals", "BadRequest", "request_id"):
        assert said in done.stdout


def test_health_of_the_gateway_is_asked_for_as_the_guide_says(gateway: Ready, merchant: Merchant) -> None:
    assert httpx.get(f"{gateway.edge_url}/healthz").status_code == 200
    key = [("authorization", f"Bearer {merchant.secret}")]
    asked = health_pb2.HealthCheckRequest()
    with (
        grpc.insecure_channel(gateway.edge_url.removeprefix("http://")) as channel,
        pytest.raises(grpc.RpcError) as refused,
    ):
        health_pb2_grpc.HealthStub(channel).Check(asked, metadata=key, timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_what_is_not_run_is_shown_as_such(page: Path) -> None:
    for block in blocks_of(page):
        assert block.language in {*COMMANDS, *SHOWN}
        if block.language == "json":
            json.loads(block.code)
