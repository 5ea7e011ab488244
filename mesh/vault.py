"""Secrets that have to be read again are encrypted at rest, under keys that can be rotated.

Fernet (AES-128-CBC with HMAC-SHA256) from `cryptography`: the first key of the setting encrypts, all of them decrypt.
"""

from __future__ import annotations

from typing import Annotated

from cryptography.fernet import Fernet, MultiFernet
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
