"""What the words of a webhook may be, whoever wrote them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from payment_svc.providers.base import Loss, ProviderEvent
from payment_svc.providers.event_form import (
    MAX_PARTS,
    MAX_WHOLE,
    check_parts,
    reading_event,
    said,
    shown,
    to_keep,
    well_formed,
)

EVENT = ProviderEvent("e1", "paid", "ref", "ours", datetime(2026, 1, 1, tzinfo=UTC))
WORDS = ("a", "~!", "x" * 255)
NO_WORDS = ("x" * 256, "a b", "a\n", "ü", "\x7f", 7)
NEEDED = ("event_id", "type")
OPTIONAL = ("reference", "refund_reference", "dispute_reference", "object_type")


@pytest.mark.parametrize("name", [*NEEDED, *OPTIONAL])
@pytest.mark.parametrize("word", ["", *WORDS, *NO_WORDS])
def test_names_are_words(name: str, word: object) -> None:
    given = replace(EVENT, **{name: word})  # type: ignore[arg-type]
    if word in WORDS or (word == "" and name in OPTIONAL):
        assert well_formed(given) == given
    else:
        with pytest.raises(ValueError, match=f"not an event: its {name} is no word"):
            well_formed(given)


@pytest.mark.parametrize("name", ["payment_id", "refund_id"])
@pytest.mark.parametrize("word", ["", *WORDS, *NO_WORDS])
def test_label_that_is_no_word_was_not_given_by_us(name: str, word: object) -> None:
    given = replace(EVENT, **{name: word})  # type: ignore[arg-type]
    assert getattr(well_formed(given), name) == (word if word in WORDS else "")


def test_time_has_a_zone() -> None:
    with pytest.raises(ValueError, match="no zone"):
        well_formed(replace(EVENT, create_time=datetime(2026, 1, 1)))


@pytest.mark.parametrize("error", [RecursionError, OverflowError])
def test_body_that_no_parser_takes_is_no_event(error: type[Exception]) -> None:
    with pytest.raises(ValueError, match=error.__name__), reading_event():
        raise error


def test_body_of_an_ordinary_size_is_kept_as_it_came() -> None:
    body = b"x" * MAX_WHOLE
    assert to_keep(body, EVENT, str) == body
    assert said(body) is None
    assert shown(body, lambda whole: f"{len(whole)} bytes") == f"{MAX_WHOLE} bytes"


@pytest.mark.parametrize(
    "event", [EVENT, replace(EVENT, refund_id="r", dispute_reference="d", object_type="charge", loss=Loss.REVERSED)]
)
def test_of_a_long_body_is_kept_what_it_says(event: ProviderEvent) -> None:
    body = b"x" * (MAX_WHOLE + 1)
    kept = to_keep(body, event, lambda whole: f"{len(whole)} bytes")
    assert len(kept) < 1024
    assert said(kept) == event
    assert shown(kept, str) == f"{len(body)} bytes"
    assert b'"ours"' in kept, "by its ids it is found as the whole would be"


@pytest.mark.parametrize("part", [b"[", b"{"])
def test_body_of_many_parts_is_no_event(part: bytes) -> None:
    check_parts(part * MAX_PARTS)
    with pytest.raises(ValueError, match="more than 10000 objects and lists"):
        check_parts(part * (MAX_PARTS + 1))
