"""What was probably meant: a wrong guess at an amount is worse than none."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh import hints

CODES = st.sampled_from(["EUR", "JPY", "KWD"])


@pytest.mark.parametrize(
    ("text", "code", "meant"),
    [
        ("12.5", "EUR", "12.50"),
        ("12,50", "EUR", "12.50"),
        ("12", "EUR", "12.00"),
        ("12.500", "EUR", "12.50"),
        ("1,234.56", "EUR", "1234.56"),
        ("1.234,56", "EUR", "1234.56"),
        ("1.234.567", "EUR", "1234567.00"),
        ("1,234,567.8", "EUR", "1234567.80"),
        ("1.234", "KWD", "1.234"),
        ("12", "JPY", "12"),
        ("012.50", "EUR", "12.50"),
        # may be a thousand times as much
        ("12.345", "EUR", ""),
        ("0.005", "EUR", ""),
        ("12,345", "EUR", ""),
        ("12,345", "KWD", ""),
        ("1.5", "JPY", ""),
        ("1,23,4", "EUR", ""),
        ("1234,567.89", "EUR", ""),
        ("1.2.3", "EUR", ""),
        ("1,234,567,89", "EUR", ""),
        ("1.234,567.89", "EUR", ""),
        ("-1", "EUR", ""),
        ("1e5", "EUR", ""),
        ("١٢", "EUR", ""),
        ("9" * 13, "EUR", ""),
        ("0", "EUR", ""),
        ("0.00", "", ""),
    ],
)
def test_amounts(text: str, code: str, meant: str) -> None:
    assert hints.decimal(text, code) == meant


@given(st.decimals(0, 10**9, places=4), CODES)
def test_what_has_a_point_is_meant_as_it_stands_or_not_at_all(value: Decimal, code: str) -> None:
    meant = hints.decimal(f"{value:f}", code)
    assert not meant or Decimal(meant) == value


@given(st.text(st.sampled_from("0123456789.,eE+- "), max_size=64), CODES)
def test_no_text_breaks_it(text: str, code: str) -> None:
    assert hints.decimal(text, code).count(".") <= 1


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("2026-12-24", "2026-12-24T00:00:00Z"),
        ("2026-12-24 10:00", "2026-12-24T10:00:00Z"),
        ("2026-12-24T10:00:00+0100", "2026-12-24T10:00:00+01:00"),
        ("2026-11-29T09:10:00.1234567891Z", "2026-11-29T09:10:00.123456789Z"),
        ("2026-11-29t09:10:00z", "2026-11-29T09:10:00Z"),
        (1_700_000_000, "2023-11-14T22:13:20Z"),
        ("2026-13-45", ""),
        ("2026-02-30 10:00", ""),
        ("2026-12-24 25:00", ""),
        ("٢٠٢٦-١٢-٢٤", ""),
    ],
)
def test_times(value: object, meant: str) -> None:
    assert hints.time(value) == meant


@pytest.mark.parametrize("value", [10**300, float("inf"), "9" * 64, True, None, -1])
def test_no_number_breaks_the_times(value: object) -> None:
    started = time.process_time()
    assert hints.time(value) == ""
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (90_000, "90000s"),
        ("90000", "90000s"),
        (1.5, "1.5s"),
        ("25h", "90000s"),
        ("1d 1h", "90000s"),
        ("25 Hours", "90000s"),
        ("2 weeks", "1209600s"),
        ("PT25H", "90000s"),
        ("p1dt1h", "90000s"),
        ("0", ""),
        ("0h", ""),
        ("-5", ""),
        ("P", ""),
        ("", ""),
        (True, ""),
        (None, ""),
        ("٢٥h", ""),
        (10**300, ""),
        (float("inf"), ""),
        ("1" * 64, ""),
        ([25], ""),
    ],
)
def test_lengths_of_time(value: object, meant: str) -> None:
    assert hints.span(value) == meant
