"""What the runbooks say is typed into a shell beside a stack that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.stack import Ready
from tests.gameday import runbook
from tests.support.merchant.api import Merchant

# the stack of the others: one of its own costs twenty times as much as the test
pytestmark = pytest.mark.xdist_group("chaos")


@pytest.mark.slow
def test_every_line_of_every_page_can_be_used(gateway: Ready, merchant: Merchant, tmp_path: Path) -> None:
    alerts = sorted(page.stem for page in runbook.PAGES.glob("*.md") if page.stem != "README")
    assert all(runbook.commands(alert) for alert in alerts)
    merchant.new_order()
    assert runbook.unusable(gateway, tmp_path, runbook.commands(*alerts)) == []


def test_a_line_that_is_wrong_is_seen(gateway: Ready, tmp_path: Path) -> None:
    wrong = ["fusionxpay status --no-such-option", "no-such-program", "tail -1 $LOG_DIR/no_svc.log", "echo $NOWHERE"]
    seen = runbook.unusable(gateway, tmp_path, [*wrong, "true"])
    assert [line.partition(": ")[0] for line in seen] == wrong
