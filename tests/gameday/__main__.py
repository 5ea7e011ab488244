"""The three-o'clock test (`make gameday`): one thing after the other is broken beside a Prometheus.

Payments go on all the time. For each incident: how long until the right alert fires, which other pages fire, whether
`fusionxpay status` names it, and how long after healing it is gone. It needs a `prometheus` on the PATH.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from stack.observer import prometheus, targets_of
from stack.settings import StackSettings
from stack.stack import Stack
from tests.gameday.incidents import INCIDENTS, Scene, movable_clock
from tests.gameday.playing import Load, Seen, play
from tests.support.merchant.api import Identities, Merchant
from tests.support.merchant.receiver import serving


def show(console: Console, found: Sequence[Seen]) -> None:
    """Print the table, in the form that the document has."""
    table = Table("incident", "alert", "fired after", "other pages", "status names it", "runbook", "gone after")
    for seen in found:
        alert = seen.incident.alert
        table.add_row(
            seen.incident.name,
            alert or "none",
            seen.impossible or _after(seen.fired_after, "never" if alert else "-"),
            ", ".join(sorted(seen.others)),
            "-" if seen.impossible or not alert else "yes" if seen.status_named else "NO",
            "-" if seen.impossible or not alert else "; ".join(seen.unusable) or "runs",
            _after(seen.gone_after, "-" if seen.impossible else "not yet"),
            style="" if seen.passed else "red",
        )
    console.print(table)


def _after(seconds: float | None, otherwise: str) -> str:
    return otherwise if seconds is None else f"{seconds:.0f} s"


def main(arguments: Sequence[str]) -> int:
    """Play the incidents; return 1 when one did not go as it should."""
    parser = argparse.ArgumentParser(description="Break one thing after the other, and see which alert fires.")
    parser.add_argument("--only", action="append", help="words in the names of the incidents played; default: all")
    chosen = parser.parse_args(arguments).only
    console = Console(width=140)
    found: list[Seen] = []
    with ExitStack() as undo:
        folder = Path(undo.enter_context(TemporaryDirectory(prefix="fusionxpay-gameday-")))
        stack = undo.enter_context(Stack(StackSettings(service_env=movable_clock(folder))))
        merchant = undo.enter_context(_new_merchant(stack))
        receiver = undo.enter_context(serving())
        merchant.listen(receiver)
        undo.enter_context(Load(merchant))
        url = undo.enter_context(prometheus(targets_of(stack.ready), folder / "prometheus"))
        scene = Scene(stack, merchant, folder)
        time.sleep(20)
        for incident in INCIDENTS:
            if not chosen or any(word in incident.name for word in chosen):
                found.append(play(scene, url, incident))
                console.print(f"{incident.name}: {'as it should' if found[-1].passed else 'NOT as it should'}")
    show(console, found)
    return 0 if all(seen.passed for seen in found) else 1


@contextmanager
def _new_merchant(stack: Stack) -> Iterator[Merchant]:
    identities = Identities(stack.ready)
    try:
        merchant = Merchant(stack.ready.edge_url, *identities.new_merchant())
        yield merchant
    finally:
        identities.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
