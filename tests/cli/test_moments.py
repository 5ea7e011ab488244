"""How the commands take moments."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import typer

from cli.moments import moment


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-12-24", datetime(2026, 12, 24, tzinfo=UTC)),
        ("2026-12-24T18:00:00", datetime(2026, 12, 24, 18, tzinfo=UTC)),
        ("2026-12-24 18:00:00", datetime(2026, 12, 24, 18, tzinfo=UTC)),
        ("2026-12-24T18:00:00Z", datetime(2026, 12, 24, 18, tzinfo=UTC)),
        # RFC 3339, section 5.6: t and z may be small
        ("2026-12-24t18:00:00z", datetime(2026, 12, 24, 18, tzinfo=UTC)),
        ("2026-12-24T18:00:00+01:00", datetime(2026, 12, 24, 17, tzinfo=UTC)),
        # as the API writes them
        ("2026-12-24T18:00:00.123456Z", datetime(2026, 12, 24, 18, 0, 0, 123456, tzinfo=UTC)),
        ("2026-12-24T18:00:00.123456789Z", datetime(2026, 12, 24, 18, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_moments_are_as_rfc_3339_writes_them(text: str, meant: datetime) -> None:
    assert moment(text) == meant
    assert moment(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["", "tomorrow", "24.12.2026", "2026-13-01", "20261224", "2026-W52-4", "18:00"])
def test_what_is_no_moment_is_told_what_is_one(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="2026-12-24T18:00:00Z"):
        moment(text)
