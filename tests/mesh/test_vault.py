"""Secrets at rest: sealed by the newest key for their row, opened by any of the keys, and by nobody else."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr, TypeAdapter, ValidationError

from mesh.vault import Envelopes, OptionalVaultKeys, Sealed, SealError, Vault, VaultKeys

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRETS = {"api_key": "sk_test_1", "webhook_secret": "whsec_1"}
MINE, ANOTHERS = "account/1/stripe/test", "account/2/stripe/test"


def vault(keys: str) -> Vault:
    return Vault(SecretStr(keys))


def envelopes(keys: str) -> Envelopes:
    return Envelopes(vault(keys))


def test_what_was_sealed_comes_back_and_is_not_readable_meanwhile() -> None:
    sealed = envelopes(OLD).seal(SECRETS, MINE)
    assert envelopes(OLD).open(sealed, MINE) == SECRETS
    assert b"sk_test_1" not in sealed.secret + sealed.data_key


def test_same_secrets_are_never_sealed_alike() -> None:
    assert envelopes(OLD).seal(SECRETS, MINE).secret != envelopes(OLD).seal(SECRETS, MINE).secret


@pytest.mark.parametrize("secret", [b"whsec_1", b"", b"\0for:", b"a\0b"])
def test_any_bytes_come_back(secret: bytes) -> None:
    assert vault(OLD).open(vault(OLD).seal(secret, MINE), MINE) == secret


def test_a_secret_in_anothers_row_does_not_open() -> None:
    with pytest.raises(SealError):
        vault(OLD).open(vault(OLD).seal(b"whsec_1", MINE), ANOTHERS)
    with pytest.raises(SealError):
        envelopes(OLD).open(envelopes(OLD).seal(SECRETS, MINE), ANOTHERS)


def test_the_parts_of_two_envelopes_do_not_fit() -> None:
    mine, anothers = envelopes(OLD).seal(SECRETS, MINE), envelopes(OLD).seal(SECRETS, ANOTHERS)
    with pytest.raises(SealError):
        envelopes(OLD).open(Sealed(mine.data_key, anothers.secret), MINE)


def test_what_was_sealed_without_an_owner_still_opens_and_is_not_current() -> None:
    before = Fernet(OLD).encrypt(b"whsec_1")
    assert vault(OLD).open(before, MINE) == b"whsec_1"
    assert not vault(OLD).is_current(before, MINE)


def test_current_is_by_the_newest_key_and_for_its_owner() -> None:
    sealed = vault(OLD).seal(b"whsec_1", MINE)
    assert vault(OLD).is_current(sealed, MINE)
    assert not vault(OLD).is_current(sealed, ANOTHERS)
    assert not vault(f"{NEW}, {OLD}").is_current(sealed, MINE)
    assert vault(f"{NEW}, {OLD}").open(sealed, MINE) == b"whsec_1"


def test_key_of_somebody_else_opens_nothing() -> None:
    with pytest.raises(SealError):
        vault(NEW).open(vault(OLD).seal(b"whsec_1", MINE), MINE)


def test_what_is_not_bound_is_as_the_version_before_reads_it() -> None:
    plain = Vault(SecretStr(f"{NEW}, {OLD}"), binds=False)
    sealed = plain.seal(b"whsec_1", MINE)
    assert Fernet(NEW).decrypt(sealed) == b"whsec_1"
    assert plain.is_current(sealed, MINE)
    assert not plain.is_current(Fernet(OLD).encrypt(b"whsec_1"), MINE)
    # what another replica has bound already is left as it is, and opens
    bound = vault(NEW).seal(b"whsec_1", MINE)
    assert plain.is_current(bound, MINE)
    assert plain.open(bound, MINE) == b"whsec_1"


@pytest.mark.parametrize("setting", [TypeAdapter(VaultKeys), TypeAdapter(OptionalVaultKeys)], ids=["keys", "optional"])
@pytest.mark.parametrize("keys", ["secret-word", f"{OLD},", f"{OLD},secret-word"], ids=["word", "empty", "one of two"])
def test_a_setting_that_is_no_keys_is_refused_and_not_shown(setting: TypeAdapter[SecretStr], keys: str) -> None:
    with pytest.raises(ValidationError) as refused:
        setting.validate_python(keys)
    assert keys not in str(refused.value.errors(include_input=False))


def test_only_where_keys_are_optional_there_may_be_none() -> None:
    given: TypeAdapter[SecretStr] = TypeAdapter(OptionalVaultKeys)
    assert [given.validate_python(keys).get_secret_value() for keys in ("", f"{OLD}, {NEW}")] == ["", f"{OLD}, {NEW}"]
    with pytest.raises(ValidationError):
        TypeAdapter(VaultKeys).validate_python("")
