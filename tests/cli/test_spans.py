"""Lengths of time on the command line, and what is said of other forms."""

from __future__ import annotations

from datetime import timedelta

import pytest
import typer

from cli.spans import shown, span


@pytest.mark.parametrize(
    ("text", "seconds"), [("25h", 90_000), ("1d1h", 90_000), ("90s", 90), ("15m", 900), (" 30d ", 2_592_000), ("0s", 0)]
)
def test_lengths_are_read(text: str, seconds: int) -> None:
    assert span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90000", "did you mean 1d1h?"),
        ("25 hours", "did you mean 1d1h?"),
        ("P1DT1H", "did you mean 1d1h?"),
        ("15 min", "did you mean 15m?"),
        ("2w", "did you mean 14d?"),
        ("", "write 90s"),
        ("soon", "write 90s"),
        ("-5m", "write 90s"),
    ],
)
def test_other_forms_hear_what_was_meant(text: str, meant: str) -> None:
    with pytest.raises(typer.BadParameter) as refused:
        span(text)
    assert meant in refused.value.message


def test_lengths_are_shown_in_their_largest_units() -> None:
    assert [shown(seconds) for seconds in (90_000, 90, 0, 3_600)] == ["1d1h", "1m30s", "0s", "1h"]
