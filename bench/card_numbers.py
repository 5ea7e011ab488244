"""How often the detection of card numbers errs: `python -m bench.card_numbers` prints the tables of `docs/security.md`.

Random numbers of each kind; the seed makes a run repeatable.
"""

from __future__ import annotations

import argparse
import sys
import time
from random import Random

from bench.card_samples import AMBIGUOUS, FORMS, HONEST, NETWORKS, card_number, missed, refused
from mesh.cards.numbers import contains_card_number

ORDER = [
    "Two pairs of running shoes, size 42, delivered to the door",
    "https://shop.example/checkout/done?order=2026-11-4711",
    "A-2026-0004711",
    "returning customer",
    "0192f3a1-7c1e-7e6a-9f2b-0c5d8e7f6a5b",
]


def main() -> int:
    """Print both rates, and what a look at the texts of an ordinary request costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100_000, help="of each honest kind and of each network")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random = Random(options.seed)
    each = max(1, options.samples // len(FORMS))
    for network in NETWORKS:
        lost = sum(missed(random, form, network, each, contains_card_number) for form in FORMS)
        sys.stdout.write(f"| {network} | {each * len(FORMS):,} in {len(FORMS)} forms | {lost} missed |\n")
    for name, kind in (HONEST | AMBIGUOUS).items():
        wrong = refused(random, kind, options.samples, contains_card_number)
        sys.stdout.write(f"| {name} | `{kind(random)}` | {wrong / options.samples:.3%} refused |\n")
    for name, texts in {"order": ORDER, "order with a card": [*ORDER, card_number(random, "Visa")]}.items():
        sys.stdout.write(f"| {name} | {_microseconds(texts):.1f} µs |\n")
    return 0


def _microseconds(texts: list[str], repeat: int = 20_000) -> float:
    started = time.perf_counter()
    for _ in range(repeat):
        for text in texts:
            contains_card_number(text)
    return (time.perf_counter() - started) / repeat * 1e6


if __name__ == "__main__":
    sys.exit(main())
