"""The short form of `make gameday`: a few things break at once, and their alerts fire, no other page, and go again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from stack.observer import prometheus, targets_of
from stack.settings import StackSettings
from stack.stack import Ready, Stack
from tests.gameday import runbook
from tests.gameday.incidents import INCIDENTS, Scene
from tests.gameday.playing import UNAVAILABLE, firing, named_by_status
from tests.support.merchant.api import Merchant
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("chaos-gameday")
BROKEN = [
    one for one in INCIDENTS if one.alert in {"DeadLetterOpen", "EndpointFailing", "CertificateExpiring"}
]  # fmt: skip
WANTED = {one.alert for one in BROKEN}


@pytest.fixture
def stack() -> Iterator[Stack]:
    """A stack of its own: what other tests leave behind, such as endpoints that nobody answers at, has alerts too."""
    with Stack(StackSettings(durable=False)) as stack:
        yield stack


@pytest.fixture
def gateway(stack: Stack) -> Ready:
    """What the common fixtures talk to."""
    return stack.ready


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="there is no prometheus (Debian: package prometheus)")
def test_what_breaks_is_named_by_its_alert_and_nothing_else_is(
    stack: Stack, merchant: Merchant, tmp_path: Path
) -> None:
    scene = Scene(stack, merchant, tmp_path)
    seen: set[str] = set()

    def named(url: str) -> set[str]:
        alerts = firing(url).keys() - UNAVAILABLE
        seen.update(alerts)
        return seen & WANTED

    with prometheus(targets_of(stack.ready), tmp_path / "prometheus") as url:
        with ExitStack() as broken:
            for incident in BROKEN:
                broken.enter_context(incident.breaking(scene))
            merchant.new_order()
            eventually(lambda: named(url) == WANTED, f"{WANTED} to fire")
            assert named_by_status(scene, "--over", "0") >= WANTED
            lines = [line for line in runbook.commands(*WANTED) if not line.startswith("fusionxpay status")]
            assert runbook.unusable(stack.ready, tmp_path, lines) == []
        eventually(lambda: not firing(url).keys() & WANTED, "no alert")
    assert seen == WANTED
