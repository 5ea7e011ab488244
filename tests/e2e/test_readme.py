"""The README's curl lines work as they are pasted."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.blocks import run_page
from tests.support.paths import ROOT
from tests.support.waiting import eventually

README = ROOT / "README.md"
TOUR = "## Take a payment in ten minutes"
DEVELOP = "## While you develop"


def blocks_of(part: str) -> list[str]:
    """Return the shell blocks of a part of the README."""
    text = README.read_text().split(part)[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)


def lines_to_paste() -> str:
    """Return the shell blocks of the tour, without those that start the gateway and name it."""
    return "\n".join(block for block in blocks_of(TOUR) if "make up" not in block and "export " not in block)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on the path")
def test_the_tour_of_the_readme_ends_with_two_paid_orders(gateway: Ready, merchant: Merchant) -> None:
    env = os.environ | {"GATEWAY": gateway.edge_url, "KEY": merchant.secret}
    pasted = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines_to_paste()], env=env, capture_output=True, text=True, check=False
    )
    assert pasted.returncode == 0, pasted.stderr
    assert '"orders":[{' in pasted.stdout
    eventually(lambda: statuses(merchant, "payments") == {"SUCCESS"}, "two payments that succeeded")
    eventually(lambda: statuses(merchant, "orders") == {"SUCCESS", "PARTIALLY_REFUNDED"}, "both orders paid")


@pytest.mark.parametrize("language", ["python", "js"])
def test_packages_work_as_the_readme_shows_them(
    gateway: Ready, merchant: Merchant, tmp_path: Path, language: str
) -> None:
    if language == "js" and shutil.which("node") is None:
        pytest.skip("no node on the path")
    printed = run_page(README, language, tmp_path, {"GATEWAY": gateway.edge_url, "KEY": merchant.secret})
    assert printed.startswith("http")
    assert statuses(merchant, "payments") == {"INITIATED"}


def test_what_is_triggered_is_heard_by_who_listens(gateway: Ready, merchant: Merchant, tmp_path: Path) -> None:
    env = os.environ | {"GATEWAY": gateway.edge_url, "KEY": merchant.secret, "HOME": str(tmp_path)}
    # the README's own environment may be another one than this test's
    here = f"{Path(sys.executable).parent}/"
    listen, *others = (block.replace(".venv/bin/", here) for block in blocks_of(DEVELOP))
    heard = tmp_path / "heard"
    with heard.open("wb") as out:
        listen = listen.replace(here, f"exec {here}")
        listener = subprocess.Popen(["bash", "-euc", listen], env=env, stdout=out, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: "Listening" in heard.read_text() or listener.poll() is not None, "the listener")
        paste = ["bash", "-euc", "\n".join(others)]
        pasted = subprocess.run(paste, env=env, capture_output=True, text=True, check=False)
        assert pasted.returncode == 0, pasted.stderr
        made = re.findall(r"^(\S+) event_id=(\S+)", pasted.stdout, re.MULTILINE)
        assert [name for name, _ in made] == ["payment.succeeded", "order.cancelled"]
        eventually(lambda: set(made) <= heard_in(heard), f"{made} heard")
    finally:
        listener.terminate()
        assert listener.wait(20) == 0
    assert "Events are signed with whsec_" in heard.read_text()


def heard_in(file: Path) -> set[tuple[str, str]]:
    """Return the types and ids of the events that were printed and posted."""
    return set(re.findall(r"^\S+ +(\S+) +(\S+) +\S", file.read_text(), re.MULTILINE))


def statuses(merchant: Merchant, what: str) -> set[str]:
    """Return the statuses of all that a merchant has of a kind."""
    return {one["status"] for one in merchant.get(f"/v1/{what}")[what]}
