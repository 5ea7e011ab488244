"""The contract's messages of identity, to the domain and back."""

from __future__ import annotations

from datetime import UTC
from uuid import UUID

from fusionx.identity.v1 import identity_pb2
from fusionx.identity.v1 import identity_service_pb2 as service_pb2

from edge.domain import ApiKey, IssuedKey, KeyChange, Merchant, Mode, NewKey, Signature

_Mode = identity_pb2.ApiKey.Mode
_Signature = identity_pb2.ApiKey.Signature
_MODES = {_Mode.MODE_UNSPECIFIED: Mode.TEST, _Mode.TEST: Mode.TEST, _Mode.LIVE: Mode.LIVE}
_SIGNATURES = {
    _Signature.SIGNATURE_UNSPECIFIED: Signature.NONE,
    _Signature.OPTIONAL: Signature.OPTIONAL,
    _Signature.REQUIRED: Signature.REQUIRED,
}
_MODE_WORDS = {mode: word for word, mode in _MODES.items()}
_SIGNATURE_WORDS = {signature: word for word, signature in _SIGNATURES.items()}


def new_key(request: service_pb2.CreateApiKeyRequest) -> NewKey:
    """Return what is asked of a new key."""
    return NewKey(
        UUID(request.merchant_id),
        mode=_MODES[request.mode],
        scopes=list(request.scopes),
        allowed_ips=list(request.allowed_ips),
        signature=_SIGNATURES[request.signature],
        expire_time=request.expire_time.ToDatetime(UTC) if request.HasField("expire_time") else None,
    )


def key_change(request: service_pb2.UpdateApiKeyRequest) -> KeyChange:
    """Return what is to be changed of a key."""
    networks = list(request.networks.allowed_ips) if request.HasField("networks") else None
    return KeyChange(list(request.scopes) or None, networks)


def merchant_message(merchant: Merchant) -> identity_pb2.Merchant:
    """Return a merchant as the contract shows it."""
    message = identity_pb2.Merchant(merchant_id=str(merchant.merchant_id), display_name=merchant.display_name)
    message.create_time.FromDatetime(merchant.create_time)
    if merchant.disable_time:
        message.disable_time.FromDatetime(merchant.disable_time)
    return message


def key_message(key: ApiKey) -> identity_pb2.ApiKey:
    """Return a key as the contract shows it, without its secrets."""
    message = identity_pb2.ApiKey(
        api_key_id=str(key.api_key_id),
        merchant_id=str(key.merchant_id),
        mode=_MODE_WORDS[key.permissions.mode],
        scopes=key.permissions.scopes,
        allowed_ips=[str(network) for network in key.permissions.networks],
        signature=_SIGNATURE_WORDS[key.permissions.signature],
    )
    message.create_time.FromDatetime(key.create_time)
    for name in ("revoke_time", "expire_time", "last_use_time"):
        if time := getattr(key, name):
            getattr(message, name).FromDatetime(time)
    return message


def issued_message(issued: IssuedKey) -> identity_pb2.ApiKey:
    """Return a new key with its secrets, this once."""
    message = key_message(issued.key)
    message.secret, message.signing_secret = issued.secret, issued.signing_secret
    return message
