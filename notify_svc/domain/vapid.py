"""Who sends push messages: the key that push services know the gateway by (RFC 8292). Pure: no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02

from notify_svc.domain import channel as channel_domain

KEY_LENGTH = 32

TOKEN_LIFE = timedelta(hours=12)
"""How long the proof of who sends counts: half of what RFC 8292 allows."""


@dataclass(frozen=True, slots=True)
class VapidKey:
    """Who sends: the gateway's key pair and whom push services may write to (RFC 8292)."""

    vapid: Vapid02
    contact: str

    @classmethod
    def of(cls, private_key: str, contact: str) -> VapidKey:
        """Return the key of the setting: 32 bytes in URL-safe base64. Raises ValueError when it is none."""
        if len(raw := channel_domain.decoded(private_key)) != KEY_LENGTH:
            raise ValueError(f"a private key of P-256 has {KEY_LENGTH} bytes")
        return cls(Vapid02(ec.derive_private_key(int.from_bytes(raw), ec.SECP256R1())), contact)

    @property
    def public_key(self) -> str:
        """What browsers subscribe with: the point of P-256 without compression, in URL-safe base64."""
        key: ec.EllipticCurvePublicKey = self.vapid.public_key
        return channel_domain.encoded(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def headers(self, url: str, now: datetime) -> dict[str, str]:
        """Return the header that proves to a push service who sends. Raises VapidException."""
        parts = urlsplit(url)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int((now + TOKEN_LIFE).timestamp()),
            "sub": self.contact,
        }
        signed: dict[str, str] = self.vapid.sign(claims)
        return signed
