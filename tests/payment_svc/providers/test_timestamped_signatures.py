"""Signatures over the time and the body: what holds for every provider that signs so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_svc.providers.bank_transfer import webhooks as bank
from payment_svc.providers.base import SignatureInvalidError
from payment_svc.providers.stripe import webhooks as stripe
from tests.support.providers.timestamped import of_stripe, of_the_bank

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "whsec_test"
BODY = b'{"id":"evt_1"}'


class Signing(NamedTuple):
    """How a provider signs, under which header, and how we verify it."""

    header: str
    sign: Callable[..., dict[str, str]]
    verify: Callable[..., None]


SIGNINGS = {
    "bank_transfer": Signing("bank-signature", of_the_bank, bank.verify),
    "stripe": Signing("stripe-signature", of_stripe, stripe.verify),
}
each_provider = pytest.mark.parametrize("signing", SIGNINGS.values(), ids=SIGNINGS)


@each_provider
@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_signature_within_the_tolerance_passes(signing: Signing, seconds: int) -> None:
    signing.verify(BODY, signing.sign(BODY, NOW + timedelta(seconds=seconds), SECRET), [SECRET], NOW)


@each_provider
def test_signature_of_either_secret_passes_while_secrets_rotate(signing: Signing) -> None:
    for secret in ("whsec_old", "whsec_new"):
        signing.verify(BODY, signing.sign(BODY, NOW, secret), ["whsec_old", " whsec_new"], NOW)


@each_provider
@pytest.mark.parametrize("seconds", [-301, 301])
def test_signature_that_is_stale_or_from_the_future_is_refused(signing: Signing, seconds: int) -> None:
    with pytest.raises(SignatureInvalidError):
        signing.verify(BODY, signing.sign(BODY, NOW + timedelta(seconds=seconds), SECRET), [SECRET], NOW)


@each_provider
@pytest.mark.parametrize(("secret", "scheme"), [("whsec_other", "v1"), (SECRET, "v0")])
def test_signature_by_another_secret_or_scheme_is_refused(signing: Signing, secret: str, scheme: str) -> None:
    with pytest.raises(SignatureInvalidError):
        signing.verify(BODY, signing.sign(BODY, NOW, secret, scheme), [SECRET], NOW)


@each_provider
@pytest.mark.parametrize(
    "value",
    [None, "", "t=,v1=", "v1=00", "t=１,v1=00", "t=1,t=2,v1=00", "t=1,v1=\N{LATIN SMALL LETTER E WITH ACUTE}"],
)
def test_header_that_is_missing_or_malformed_is_refused(signing: Signing, value: str | None) -> None:
    with pytest.raises(SignatureInvalidError):
        signing.verify(BODY, {} if value is None else {signing.header: value}, [SECRET], NOW)


@each_provider
@given(position=st.integers(0, len(BODY) - 1), change=st.integers(1, 255))
def test_any_touched_byte_is_noticed(signing: Signing, position: int, change: int) -> None:
    touched = bytearray(BODY)
    touched[position] ^= change
    with pytest.raises(SignatureInvalidError):
        signing.verify(bytes(touched), signing.sign(BODY, NOW, SECRET), [SECRET], NOW)
