"""Every service is replaced under load, again and again: `python -m tests.replicas --rounds 10` (`make replicas`).

A stack with two replicas of each service, with merchants that order, pay and look, and repeat nothing. Prints what
became of the requests of each round, and ends with status 1 when one has failed.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from stack.operate.rolling import Roller
from stack.operate.supervisor import Supervisor
from stack.settings import StackSettings
from stack.stack import Stack
from tests.support.stack.traffic import Traffic


def main() -> int:
    """Roll as often as is asked for."""
    parser = argparse.ArgumentParser(prog="make replicas", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    console, settings, failed = Console(highlight=False), StackSettings(replicas=2), 0
    with Stack(settings) as stack:
        supervisor = Supervisor(stack, console.print)
        for number in range(1, rounds + 1):
            traffic = Traffic(stack.ready.edge_url, stack.ready.merchant.api_key)
            with traffic.flowing():
                Roller(stack, settings, lambda _: None, supervisor.look).roll()
                traffic.more()
            failed += sum(traffic.failed.values())
            console.print(f"round {number}: {traffic.answers.total()} requests, failed: {traffic.failed or 0}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
