"""Secrets at rest: opened by any of the keys, sealed by the newest, and readable by nobody else."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from mesh.vault import Envelopes, SealError, open_vault

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def envelopes(keys: str) -> Envelopes:
    return Envelopes(open_vault(SecretStr(keys)))


SECRETS = {"api_key": "sk_test_1", "webhook_secret": "whsec_1"}


def test_what_was_sealed_comes_back_and_is_not_readable_meanwhile() -> None:
    sealed = envelopes(OLD).seal(SECRETS)
    assert envelopes(OLD).open(sealed) == SECRETS
    assert b"sk_test_1" not in sealed.secret + sealed.data_key


def test_same_secrets_are_never_sealed_alike() -> None:
    assert envelopes(OLD).seal(SECRETS).secret != envelopes(OLD).seal(SECRETS).secret


def test_master_key_is_changed_without_touching_the_secrets() -> None:
    sealed = envelopes(OLD).seal(SECRETS)
    both = envelopes(f"{NEW}, {OLD}")
    assert both.open(sealed) == SECRETS
    rewrapped = both.rewrap(sealed)
    assert rewrapped.secret == sealed.secret
    assert envelopes(NEW).open(rewrapped) == SECRETS
    with pytest.raises(SealError):
        envelopes(NEW).open(sealed)


def test_key_of_somebody_else_opens_nothing() -> None:
    with pytest.raises(SealError):
        envelopes(NEW).rewrap(envelopes(OLD).seal(SECRETS))
