from __future__ import annotations

import secrets

import pytest

from edge import domain

SECRET = domain.new_secret(bytes)


@pytest.mark.parametrize("header", [f"Bearer {SECRET}", f"bearer {SECRET}", f"BEARER  {SECRET} "])
def test_secret_is_read_from_the_header(header: str):
    assert domain.secret_of(header) == SECRET


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", SECRET, f"Basic {SECRET}", f"Bearer {SECRET}x", f"Bearer {SECRET[:-1]}"],
)
def test_what_has_not_the_form_of_a_secret_is_not_looked_up(header: str):
    assert domain.secret_of(header) is None


def test_secrets_differ_and_are_kept_as_digests():
    other = domain.new_secret(secrets.token_bytes)
    assert len({SECRET, other}) == len({domain.digest(SECRET), domain.digest(other)}) == 2
    assert domain.digest(SECRET) == domain.digest(SECRET)
    assert len(domain.digest(SECRET)) == 32
