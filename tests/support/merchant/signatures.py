"""The asymmetric scheme of Standard Webhooks as a receiver sees it: the public Python library has only the other."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def verify_ed25519(public_key: str, signature: str, message_id: str, timestamp: str, body: bytes) -> None:
    """Verify one `v1a` signature. Raises InvalidSignature."""
    scheme, _, written = signature.partition(",")
    assert scheme == "v1a"
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    key.verify(base64.b64decode(written), f"{message_id}.{timestamp}.".encode() + body)
