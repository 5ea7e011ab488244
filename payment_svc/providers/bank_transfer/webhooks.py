"""The bank's callbacks: their signature, the token that binds each to its transfer, and what they point at."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from payment_svc.providers.base import ProviderEvent, SignatureInvalidError

HEADER = "bank-signature"
TOLERANCE_SECONDS = 300


class Tokens:
    """Callback tokens, made of a secret and the payment's id: nothing has to be stored to know one again.

    Whoever can sign callbacks still cannot make one about a payment whose token the bank was never given.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        """Take the secrets, the newest first: it makes tokens, all of them are accepted."""
        self._secrets = [secret.strip().encode() for secret in secrets]

    def of(self, payment_id: str) -> str:
        """Return the token of a payment."""
        return _hmac(self._secrets[0], payment_id.encode())

    def is_of(self, token: str, payment_id: str) -> bool:
        """Whether a token is the payment's."""
        made = (_hmac(secret, payment_id.encode()) for secret in self._secrets)
        return _any_equal(made, [token])


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> None:
    """Check `Bank-Signature`, `t=<unix>,v1=<hex>[,v1=<hex>]`, over the raw body against any of our secrets.

    Raises SignatureInvalidError.
    """
    parts = [part.partition("=") for part in headers.get(HEADER, "").split(",")]
    times = [value for name, _, value in parts if name.strip() == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit()):
        raise SignatureInvalidError("no signature of the bank's")
    signed = times[0].encode() + b"." + body
    expected = (_hmac(secret.strip().encode(), signed) for secret in secrets)
    if not _any_equal(expected, [value for name, _, value in parts if name.strip() == "v1"]):
        raise SignatureInvalidError("no signature of ours over this body")
    if abs(now.timestamp() - int(times[0])) > TOLERANCE_SECONDS:
        raise SignatureInvalidError("signed too long ago, or in the future")


def check_token(body: bytes, tokens: Tokens) -> None:
    """Refuse a callback whose token is not its transfer's. Raises SignatureInvalidError; ValueError for no event."""
    event = _read(body)
    if not tokens.is_of(event["callback_token"], event["merchant_reference"]):
        raise SignatureInvalidError("the callback token is not the transfer's")


def translate(body: bytes) -> ProviderEvent:
    """Read the event's id and type, and the transfer or refund to fetch. Raises ValueError when it is not an event."""
    event = _read(body)
    return ProviderEvent(
        event_id=event["event_id"],
        type=event["type"],
        reference=event["transfer_id"],
        payment_id=event["merchant_reference"],
        create_time=datetime.fromisoformat(event["time"]),
        refund_id=event.get("refund_reference", ""),
        refund_reference=event.get("refund_id", ""),
    )


_NEEDED = frozenset(["event_id", "type", "transfer_id", "merchant_reference", "callback_token", "time"])
_OPTIONAL = frozenset(["refund_id", "refund_reference"])


def _read(body: bytes) -> dict[str, Any]:
    event = json.loads(body)
    if not isinstance(event, dict) or not event.keys() >= _NEEDED:
        raise ValueError("not a callback of the bank's")
    if not all(isinstance(event[name], str) for name in event.keys() & (_NEEDED | _OPTIONAL)):
        raise ValueError("not a callback of the bank's: a field is no text")
    return event


def _hmac(secret: bytes, message: bytes) -> str:
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def _any_equal(expected: Iterable[str], given: Sequence[str]) -> bool:
    """Compare all with all, each pair in constant time."""
    return any(hmac.compare_digest(one.encode(), other.encode()) for one in expected for other in given)
