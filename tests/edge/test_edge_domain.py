from __future__ import annotations

import secrets

import pytest

from edge import domain
from edge.domain import Mode

SECRET = domain.new_secret(bytes, Mode.TEST)


@pytest.mark.parametrize("header", [f"Bearer {SECRET}", f"bearer {SECRET}", f"BEARER  {SECRET} "])
def test_secret_is_read_from_the_header(header: str):
    assert domain.secret_of(header) == SECRET


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", SECRET, f"Basic {SECRET}"],
)
def test_header_that_brings_no_secret_is_looked_up_like_an_empty_one(header: str):
    assert domain.secret_of(header) == ""


def test_secrets_differ_and_are_kept_as_digests():
    other = domain.new_secret(secrets.token_bytes, Mode.LIVE)
    assert len({SECRET, other}) == len({domain.digest(SECRET), domain.digest(other)}) == 2
    assert domain.digest(SECRET) == domain.digest(SECRET)
    assert len(domain.digest(SECRET)) == 32
