"""How often the detection errs, both ways, on random numbers; `python -m bench.card_numbers` counts many more."""

from __future__ import annotations

import time
from random import Random

import pytest

from bench.card_samples import FORMS, HONEST, NETWORKS, card_number, missed, refused
from mesh.cards.numbers import contains_card_number, without_card_numbers

MARK = "[redacted]"


@pytest.mark.parametrize("form", FORMS)
def test_no_number_of_any_network_is_missed(form: str) -> None:
    assert {name: missed(Random(1), form, name, 20, contains_card_number) for name in NETWORKS} == dict.fromkeys(
        NETWORKS, 0
    )


@pytest.mark.parametrize("kind", HONEST)
def test_honest_numbers_are_let_through(kind: str) -> None:
    assert refused(Random(2), HONEST[kind], 2000, contains_card_number) < 2


@pytest.mark.parametrize("form", FORMS)
def test_what_is_taken_out_is_the_number_alone(form: str) -> None:
    number = card_number(Random(3), "Visa")
    text = f"before {FORMS[form](number)} behind"
    without = without_card_numbers(text, MARK)
    assert without.startswith("before ")
    assert without.endswith(" behind")
    assert MARK in without
    assert not contains_card_number(without)


@pytest.mark.parametrize(
    "text",
    [
        "NO93 8601 1117 947 4111 1111 1111 1111",
        "DE89370400440532013000 4111111111111111",
        "+49 30 12345 4111 1111 1111 1111",
        "4006381333931, 4111 1111 1111 1111",
        "302-3273249-0497893 4111111111111111",
        "2026-11-27 08:00:21.123456 4111111111111111",
        "1Z999AA10123456784 4111111111111111",
        "0.8437261948372615, 4111111111111111",
        "01a20842-a3d4-7334-9983-982a86a85b0e 4111111111111111",
    ],
)
def test_number_beside_one_of_another_kind_is_seen(text: str) -> None:
    assert contains_card_number(text)


@pytest.mark.parametrize("text", ["DE12 4111 1111 1111 1111 11", "1Z4111111111111111"])
def test_form_of_another_kind_without_its_check_digits_lets_nothing_through(text: str) -> None:
    assert contains_card_number(text)


@pytest.mark.parametrize(
    ("part", "count"), [("4 ", 8_000), ("%34", 5_000), ("4a", 200_000), ("DE12 4111 1111 1111 1112 ", 1_000)]
)
def test_long_texts_take_no_longer_than_their_length(part: str, count: int) -> None:
    once, fourfold = (min(_seconds(part * count * times) for _ in range(5)) for times in (1, 4))
    # what grew with the square would take sixteen times as long
    assert fourfold < 9 * once


def _seconds(text: str) -> float:
    """Return what looking through a text takes of the processor."""
    began = time.process_time()
    contains_card_number(text)
    return time.process_time() - began
