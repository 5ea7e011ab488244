"""Secrets that have to be read again are encrypted at rest, each for the row that it stands in, under keys that rotate.

Fernet (AES-128-CBC with HMAC-SHA256) from `cryptography`: the first key of the setting encrypts, all of them decrypt.
What is encrypted begins with its owner, which Fernet's signature covers: whoever can write to the database moves no
secret to another row, as there it does not open.

What is worth more than one key is put into an envelope: encrypted with a fresh data key, which is sealed in the vault.
Changing a key of the setting means sealing the small data keys again, never the secrets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import AfterValidator, Field, SecretStr


def _are_keys_if_any(value: SecretStr) -> SecretStr:
    return _are_keys(value) if value.get_secret_value() else value


def _are_keys(value: SecretStr) -> SecretStr:
    for key in value.get_secret_value().split(","):
        try:
            Fernet(key.strip())
        except ValueError:
            raise ValueError("each must be a Fernet key: 32 bytes in URL-safe base64") from None
    return value


BindSecrets = Annotated[
    bool,
    Field(description="bind secrets at rest to their rows: once no replica is of a version that knows no such setting"),
]
"""A setting: whether a vault binds."""
_BOUND = b"\0for:"
"""How what is bound to its owner begins: no secret that was ever sealed without one does."""

VaultKeys = Annotated[SecretStr, AfterValidator(_are_keys)]
"""A setting: a comma list of Fernet keys."""

OptionalVaultKeys = Annotated[SecretStr, AfterValidator(_are_keys_if_any)]
"""The same where there may be none."""


class SealError(Exception):
    """None of the keys opens this: the one that sealed it is missing from the setting, or it is another row's."""


class Vault:
    """Seals secrets for their owners, and opens them for the same ones."""

    def __init__(self, keys: SecretStr, *, binds: bool = True) -> None:
        """Take the keys of the setting, and whether to bind secrets to their rows: older versions cannot read those."""
        self._prefix = _BOUND if binds else b""
        each = [Fernet(key.strip()) for key in keys.get_secret_value().split(",")]
        self._newest, self._all = each[0], MultiFernet(each)

    def seal(self, secret: bytes, owner: str) -> bytes:
        """Encrypt a secret for the row that `owner` names: the kind, the merchant and the id of it."""
        return self._newest.encrypt(self._beginning(owner) + secret)

    def open(self, sealed: bytes, owner: str) -> bytes:
        """Decrypt what was sealed for this owner. Raises SealError.

        What was sealed before secrets were bound opens for anybody; each service seals such rows again.
        """
        try:
            clear = self._all.decrypt(sealed)
        except InvalidToken as error:
            raise SealError("no key of the setting opens a stored secret") from error
        if not clear.startswith(_BOUND):
            return clear
        named, _, secret = clear.removeprefix(_BOUND).partition(b"\0")
        if named != owner.encode():
            raise SealError("a stored secret is another row's")
        return secret

    def _beginning(self, owner: str) -> bytes:
        return self._prefix + owner.encode() + b"\0" if self._prefix else b""

    def is_current(self, sealed: bytes, owner: str) -> bool:
        """Tell whether it is sealed by the newest key, and for its owner where secrets are bound."""
        try:
            return self._newest.decrypt(sealed).startswith(self._beginning(owner))
        except InvalidToken:
            return False


@dataclass(frozen=True, slots=True)
class Sealed:
    """Secrets in their envelope, as they are stored."""

    data_key: bytes
    """The key that the secrets are encrypted with, itself sealed in the vault."""
    secret: bytes


class Envelopes:
    """Seals and opens a few named secrets together."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def seal(self, secrets: Mapping[str, str], owner: str) -> Sealed:
        """Encrypt under a fresh data key, which is sealed for the owner."""
        key = Fernet.generate_key()
        return Sealed(self._vault.seal(key, owner), Fernet(key).encrypt(json.dumps(dict(secrets)).encode()))

    def open(self, sealed: Sealed, owner: str) -> dict[str, str]:
        """Decrypt. Raises SealError."""
        key = self._vault.open(sealed.data_key, owner)
        try:
            opened: dict[str, str] = json.loads(Fernet(key).decrypt(sealed.secret))
        except InvalidToken as error:
            raise SealError("a stored data key opens nothing: the secret beside it is another row's") from error
        return opened
