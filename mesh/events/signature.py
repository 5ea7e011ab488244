"""Who published an event: signed with the key of the publisher's certificate, verified by the CA of the mesh.

Events are signed in groups, as a signature costs more than all the rest of publishing one: what is signed is the list
of their digests and the time. It travels with each of them, together with the certificate, so that keys are changed
without a word to those who verify. Whose certificate is right for an event is declared in the contract. When it was
published is said by the stream: the certificate has to be in force then, and the signature fresh, so that nobody else
publishes once more what was published once. Within that hour the inbox knows it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from mesh.events.participants import publisher_of
from mesh.ids import Clock, utc_now
from mesh.tls import TRUST_DOMAIN, Pems, TlsFiles, Watched

SIGNATURE = "fusionxpay-signature"
CERTIFICATE = "fusionxpay-certificate"
GROUP = 8
"""How many events one signature is for, at the most: each carries the digests of all."""
_PURPOSE = b"fusionxpay: the digests of events, signed by who published them\0"
"""Nothing else that is signed with the key begins like this: it is longer than what a peer has a say in with TLS."""
FRESH = timedelta(hours=1)
"""How far the clocks of a publisher and of the stream may be apart."""
_DIGEST_BYTES = 32
_TIME_BYTES = 8
_CACHED = 1024

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class ForgedError(ValueError):
    """An event was not published by whom the contract names."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Whom a certificate names, with what is needed to verify what it signed."""

    name: str
    certificate: x509.Certificate

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether the certificate was in force."""
        return self.certificate.not_valid_before_utc <= moment <= self.certificate.not_valid_after_utc


@dataclass(frozen=True, slots=True)
class Signed:
    """What one signature is for."""

    time: datetime
    digests: frozenset[bytes]


class Signer:
    """Signs what this process publishes."""

    def __init__(self, files: TlsFiles, clock: Clock = utc_now) -> None:
        """Read the key and the certificate, and again when they change. Raises what `tls.read` raises."""
        self._watched = Watched(files)
        self._clock = clock
        self._load(self._watched.pems)

    def sign(self, events: Sequence[tuple[str, bytes]]) -> list[dict[str, str]]:
        """Return the headers that prove each event, given by its subject and bytes.

        Raises ConnectionError while the certificate is out of date: nobody would believe it.
        """
        if self._watched.changed():
            self._load(self._watched.pems)
        now = self._clock()
        if now > self._ends:
            raise ConnectionError("the certificate that events are signed with has expired")
        time = int(now.timestamp()).to_bytes(_TIME_BYTES)
        digests = [_digest(subject, payload) for subject, payload in events]
        headers: list[dict[str, str]] = []
        for start in range(0, len(digests), GROUP):
            group = digests[start : start + GROUP]
            signed = time + b"".join(group)
            proof = {SIGNATURE: f"{_text(_sign(self._key, _PURPOSE + signed))}.{_text(signed)}"}
            headers += [proof | {CERTIFICATE: self._certificates}] * len(group)
        return headers

    def _load(self, pems: Pems) -> None:
        key = load_pem_private_key(pems.key, None)
        if not isinstance(key, PrivateKey):
            raise TypeError(f"events cannot be signed with a {type(key).__name__}")
        chain = x509.load_pem_x509_certificates(pems.cert)
        self._key = key
        self._ends = chain[0].not_valid_after_utc
        self._certificates = ".".join(_text(one.public_bytes(Encoding.DER)) for one in chain)


class Verifier:
    """Tells events of their publishers from those of anybody else."""

    def __init__(self, files: TlsFiles, required_from: datetime | None = None) -> None:
        """Believe certificates of the CA in the files.

        Events that the stream stored before `required_from` need no signature, all others do.

        Raises what `tls.read` raises.
        """
        self._watched = Watched(files)
        self._required_from = required_from
        self._trust(self._watched.pems)

    def check(self, subject: str, payload: bytes, headers: Mapping[str, str], stored: datetime) -> None:
        """Raise ForgedError unless who owns the subject signed these bytes for it, as the stream `stored` them.

        Bytes without a signature pass where none is required of them.
        """
        if self._watched.changed():
            self._trust(self._watched.pems)
        if SIGNATURE not in headers:
            if self._required_from is None or stored >= self._required_from:
                raise ForgedError("it is not signed")
            return
        owner, signed_by = publisher_of(subject), self._publisher(headers.get(CERTIFICATE, ""), stored)
        if not owner or signed_by.name != owner:
            raise ForgedError(f"it is signed by {signed_by.name or 'a stranger'}, not by {owner or 'any publisher'}")
        signed = self._signed(signed_by, headers[SIGNATURE])
        if _digest(subject, payload) not in signed.digests:
            raise ForgedError("its signature is for something else")
        if abs(stored - signed.time) > FRESH:
            raise ForgedError("it was published before, and is published again by somebody else")

    def _trust(self, pems: Pems) -> None:
        self._store = Store(x509.load_pem_x509_certificates(pems.ca))
        self._publishers: dict[str, Publisher] = {}
        self._signed = lru_cache(_CACHED)(_verified)

    def _publisher(self, chain: str, stored: datetime) -> Publisher:
        found = self._publishers.get(chain)
        if found is None:
            # as many as the CA has issued: what is not of it never gets here
            found = self._publishers[chain] = _certified(self._store, chain, stored)
        if not found.is_valid_at(stored):
            raise ForgedError("its certificate was not in force when it was published")
        return found


def _certified(store: Store, chain: str, moment: datetime) -> Publisher:
    """Return whom a chain of certificates names. Raises ForgedError when it does not lead to the CA."""
    try:
        leaf, *between = [x509.load_der_x509_certificate(_bytes(one)) for one in chain.split(".")]
        verified = PolicyBuilder().store(store).time(moment).build_client_verifier().verify(leaf, between)
    except (ValueError, VerificationError) as error:
        raise ForgedError(f"its certificate is not of the mesh: {error}") from None
    names = [name.value for name in verified.subjects or () if isinstance(name, x509.UniformResourceIdentifier)]
    mine = [name.removeprefix(TRUST_DOMAIN) for name in names if name.startswith(TRUST_DOMAIN)]
    return Publisher(mine[0] if len(mine) == 1 else "", leaf)


def _verified(publisher: Publisher, signature: str) -> Signed:
    """Return what a publisher signed. Raises ForgedError."""
    try:
        proof, signed = map(_bytes, signature.split("."))
        _verify(publisher.certificate, proof, _PURPOSE + signed)
    except (ValueError, InvalidSignature):
        raise ForgedError("its signature is not its publisher's") from None
    digests = range(_TIME_BYTES, len(signed), _DIGEST_BYTES)
    return Signed(
        datetime.fromtimestamp(int.from_bytes(signed[:_TIME_BYTES]), UTC),
        frozenset(signed[at : at + _DIGEST_BYTES] for at in digests),
    )


def _digest(subject: str, payload: bytes) -> bytes:
    """Return what stands for an event; its id is in the bytes."""
    return hashlib.sha256(subject.encode() + b"\0" + payload).digest()


def _sign(key: PrivateKey, data: bytes) -> bytes:
    match key:
        case ec.EllipticCurvePrivateKey():
            return key.sign(data, ec.ECDSA(hashes.SHA256()))
        case rsa.RSAPrivateKey():
            return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        case _:
            return key.sign(data)


def _verify(certificate: x509.Certificate, signature: bytes, data: bytes) -> None:
    match certificate.public_key():
        case ec.EllipticCurvePublicKey() as key:
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        case rsa.RSAPublicKey() as key:
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        case ed25519.Ed25519PublicKey() as key:
            key.verify(signature, data)
        case _:
            raise InvalidSignature


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.encode())
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from None
