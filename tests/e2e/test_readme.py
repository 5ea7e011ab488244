"""The README's curl lines work as they are pasted."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from cli.stack import Ready
from tests.support.merchant import Merchant
from tests.support.waiting import eventually

README = Path(__file__).resolve().parents[2] / "README.md"
TOUR = "## Take a payment in ten minutes"


def lines_to_paste() -> str:
    """Return the shell blocks of the tour, without those that start the gateway and name it."""
    tour = README.read_text().split(TOUR)[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", tour, re.DOTALL)
    return "\n".join(block for block in blocks if "make up" not in block and "export " not in block)


def test_the_tour_of_the_readme_ends_with_two_paid_orders(gateway: Ready, merchant: Merchant) -> None:
    env = os.environ | {"GATEWAY": gateway.edge_url, "KEY": merchant.secret}
    pasted = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines_to_paste()], env=env, capture_output=True, text=True, check=False
    )
    assert pasted.returncode == 0, pasted.stderr
    assert '"orders":[{' in pasted.stdout
    eventually(lambda: statuses(merchant, "payments") == {"SUCCESS"}, "two payments that succeeded")
    eventually(lambda: statuses(merchant, "orders") == {"SUCCESS", "PARTIALLY_REFUNDED"}, "both orders paid")


def statuses(merchant: Merchant, what: str) -> set[str]:
    """Return the statuses of all that a merchant has of a kind."""
    return {one["status"] for one in merchant.get(f"/v1/{what}")[what]}
