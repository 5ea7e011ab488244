"""Signatures with the keys of the mesh's certificates, verified by its CA: who said something, for others and later.

Each use has a purpose of its own, which begins what is signed, so that nothing passes for something else. TLS signs
with the same keys: a purpose is 64 bytes or more, which is longer than what a peer has a say in there.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from mesh.tls import TRUST_DOMAIN, Pems

PURPOSE_BYTES = 64

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class SignatureError(ValueError):
    """A signature, or the certificate beside it, is not what it should be."""


class SigningKey:
    """A process's key, and the certificate that says whose it is."""

    def __init__(self, pems: Pems) -> None:
        """Read both. Raises TypeError for a key that cannot sign."""
        key = load_pem_private_key(pems.key, None)
        if not isinstance(key, PrivateKey):
            raise TypeError(f"a {type(key).__name__} cannot sign")
        chain = x509.load_pem_x509_certificates(pems.cert)
        self._key = key
        self.ends = chain[0].not_valid_after_utc
        self.certificates = ".".join(to_text(one.public_bytes(Encoding.DER)) for one in chain)
        """What those who verify need."""

    def sign(self, purpose: bytes, data: bytes) -> str:
        """Return a signature of the data, for the purpose."""
        assert len(purpose) >= PURPOSE_BYTES
        signed = purpose + data
        match self._key:
            case ec.EllipticCurvePrivateKey() as key:
                return to_text(key.sign(signed, ec.ECDSA(hashes.SHA256())))
            case rsa.RSAPrivateKey() as key:
                return to_text(key.sign(signed, padding.PKCS1v15(), hashes.SHA256()))
            case key:
                return to_text(key.sign(signed))


@dataclass(frozen=True, slots=True)
class Signatory:
    """Whom a certificate names; the name is empty where it names nobody of the mesh."""

    name: str
    certificate: x509.Certificate

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether the certificate was in force."""
        return self.certificate.not_valid_before_utc <= moment <= self.certificate.not_valid_after_utc

    def check(self, purpose: bytes, data: bytes, signature: str) -> None:
        """Raise SignatureError unless it signed the data for the purpose."""
        signed = purpose + data
        try:
            match self.certificate.public_key():
                case ec.EllipticCurvePublicKey() as key:
                    key.verify(to_bytes(signature), signed, ec.ECDSA(hashes.SHA256()))
                case rsa.RSAPublicKey() as key:
                    key.verify(to_bytes(signature), signed, padding.PKCS1v15(), hashes.SHA256())
                case ed25519.Ed25519PublicKey() as key:
                    key.verify(to_bytes(signature), signed)
                case _:
                    raise InvalidSignature
        except (ValueError, InvalidSignature):
            raise SignatureError("its signature is not that of the certificate's owner") from None


def store_of(cas: bytes) -> Store:
    """Return the CAs, given in PEM, as what certificates are verified by."""
    return Store(x509.load_pem_x509_certificates(cas))


def certified(store: Store, certificates: str, moment: datetime) -> Signatory:
    """Return whom a chain of certificates names. Raises SignatureError when it did not lead to a CA at that moment."""
    try:
        leaf, *between = _chain(certificates)
        verified = PolicyBuilder().store(store).time(moment).build_client_verifier().verify(leaf, between)
    except (ValueError, VerificationError) as error:
        raise SignatureError(f"its certificate is not of the mesh: {error}") from None
    names = [name.value for name in verified.subjects or () if isinstance(name, x509.UniformResourceIdentifier)]
    mine = [name.removeprefix(TRUST_DOMAIN) for name in names if name.startswith(TRUST_DOMAIN)]
    return Signatory(mine[0] if len(mine) == 1 else "", leaf)


def _chain(certificates: str) -> Sequence[x509.Certificate]:
    return [x509.load_der_x509_certificate(to_bytes(one)) for one in certificates.split(".")]


def to_text(data: bytes) -> str:
    """Return bytes as text, in URL-safe base64."""
    return base64.urlsafe_b64encode(data).decode()


def to_bytes(text: str) -> bytes:
    """Return the bytes of a text. Raises ValueError."""
    try:
        return base64.urlsafe_b64decode(text.encode())
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from None
