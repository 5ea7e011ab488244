"""Prints the tables of docs/scale.md; the same seed gives the same numbers."""

from __future__ import annotations

import argparse
import sys

from bench.scale.scenarios import everything


def main() -> int:
    """Simulate, and print Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    for table in everything(parser.parse_args().seed):
        sys.stdout.write(f"**{table.title}**\n\n{table.markdown()}\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
