"""Secrets that have to be read again are encrypted at rest, under keys that can be rotated.

Fernet (AES-128-CBC with HMAC-SHA256) from `cryptography`: the first key of the setting encrypts, all of them decrypt.

What is worth more than one key is put into an envelope: encrypted with a fresh data key, which is encrypted with a key
of the setting. Changing that one means encrypting the small data keys again (`rewrap`), never the secrets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import AfterValidator, SecretStr


def _are_keys(value: SecretStr) -> SecretStr:
    for key in value.get_secret_value().split(","):
        try:
            Fernet(key.strip())
        except ValueError:
            raise ValueError("each must be a Fernet key: 32 bytes in URL-safe base64") from None
    return value


VaultKeys = Annotated[SecretStr, AfterValidator(_are_keys)]
"""A setting: a comma list of Fernet keys."""


def open_vault(keys: SecretStr) -> MultiFernet:
    """Return what encrypts and decrypts with the keys of the setting."""
    return MultiFernet([Fernet(key.strip()) for key in keys.get_secret_value().split(",")])


class SealError(Exception):
    """None of the keys opens this: the one that sealed it is missing from the setting."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Secrets in their envelope, as they are stored."""

    data_key: bytes
    """The key that the secrets are encrypted with, itself encrypted with a key of the setting."""
    secret: bytes


class Envelopes:
    """Seals and opens a few named secrets together."""

    def __init__(self, master: MultiFernet) -> None:
        self._master = master

    def seal(self, secrets: Mapping[str, str]) -> Sealed:
        """Encrypt under a fresh data key."""
        key = Fernet.generate_key()
        return Sealed(self._master.encrypt(key), Fernet(key).encrypt(json.dumps(dict(secrets)).encode()))

    def open(self, sealed: Sealed) -> dict[str, str]:
        """Decrypt. Raises SealError."""
        try:
            key = self._master.decrypt(sealed.data_key)
            opened: dict[str, str] = json.loads(Fernet(key).decrypt(sealed.secret))
        except InvalidToken as error:
            raise SealError("no key of the setting opens a stored secret") from error
        return opened

    def rewrap(self, sealed: Sealed) -> Sealed:
        """Return the same secrets under the newest key of the setting. Raises SealError."""
        try:
            return Sealed(self._master.rotate(sealed.data_key), sealed.secret)
        except InvalidToken as error:
            raise SealError("no key of the setting opens a stored secret") from error
