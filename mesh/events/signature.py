"""Who published an event: signed with the key of the publisher's certificate, verified by the CA of the mesh.

Events are signed in groups, as a signature costs more than all the rest of publishing one: what is signed is the list
of their digests and the time. It travels with each of them, together with the certificate, so that keys are changed
without a word to those who verify. Whose certificate is right for an event is declared in the contract. When it was
published is said by the stream: the certificate has to be in force then, and the signature fresh, so that nobody else
publishes once more what was published once. Within that hour the inbox knows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from mesh.events.participants import publisher_of
from mesh.ids import Clock, utc_now
from mesh.signatures.signing import Signatory, SignatureError, SigningKey, certified, store_of, to_bytes, to_text
from mesh.tls import TlsFiles, Watched

SIGNATURE = "fusionxpay-signature"
CERTIFICATE = "fusionxpay-certificate"
GROUP = 8
"""How many events one signature is for, at the most: each carries the digests of all."""
FRESH = timedelta(hours=1)
"""How far the clocks of a publisher and of the stream may be apart."""
_PURPOSE = b"fusionxpay: the digests of events, signed by who published them\0"
_DIGEST_BYTES = 32
_TIME_BYTES = 8
_CACHED = 1024


class ForgedError(ValueError):
    """An event was not published by whom the contract names."""


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
        self._key = SigningKey(self._watched.pems)

    def sign(self, events: Sequence[tuple[str, bytes]]) -> list[dict[str, str]]:
        """Return the headers that prove each event, given by its subject and bytes.

        Raises ConnectionError while the certificate is out of date: nobody would believe it.
        """
        if self._watched.changed():
            self._key = SigningKey(self._watched.pems)
        now = self._clock()
        if now > self._key.ends:
            raise ConnectionError("the certificate that events are signed with has expired")
        time = int(now.timestamp()).to_bytes(_TIME_BYTES)
        digests = [_digest(subject, payload) for subject, payload in events]
        headers: list[dict[str, str]] = []
        for start in range(0, len(digests), GROUP):
            group = digests[start : start + GROUP]
            signed = time + b"".join(group)
            proof = {
                SIGNATURE: f"{self._key.sign(_PURPOSE, signed)}.{to_text(signed)}",
                CERTIFICATE: self._key.certificates,
            }
            headers += [proof] * len(group)
        return headers


class Verifier:
    """Tells events of their publishers from those of anybody else."""

    def __init__(self, files: TlsFiles, required_from: datetime | None = None) -> None:
        """Believe certificates of the CA in the files.

        Events that the stream stored before `required_from` need no signature, all others do.

        Raises what `tls.read` raises.
        """
        self._watched = Watched(files)
        self._required_from = required_from
        self._trust(self._watched.pems.ca)

    def check(self, subject: str, payload: bytes, headers: Mapping[str, str], stored: datetime) -> None:
        """Raise ForgedError unless who owns the subject signed these bytes for it, as the stream `stored` them.

        Bytes without a signature pass where none is required of them.
        """
        if self._watched.changed():
            self._trust(self._watched.pems.ca)
        if SIGNATURE not in headers:
            if self._required_from is None or stored >= self._required_from:
                raise ForgedError("it is not signed")
            return
        try:
            owner, signatory = publisher_of(subject), self._signatory(headers.get(CERTIFICATE, ""), stored)
            if not owner or signatory.name != owner:
                raise ForgedError(
                    f"it is signed by {signatory.name or 'a stranger'}, not by {owner or 'any publisher'}"
                )
            signed = self._signed(signatory, headers[SIGNATURE])
        except ForgedError:
            raise
        except SignatureError as error:
            raise ForgedError(str(error)) from None
        except Exception as error:
            # a version that no certificate has, a time beyond all calendars: what cannot be read proves nothing
            raise ForgedError(f"its signature cannot be read: {error!r}") from error
        if _digest(subject, payload) not in signed.digests:
            raise ForgedError("its signature is for something else")
        if abs(stored - signed.time) > FRESH:
            raise ForgedError("it was published before, and is published again by somebody else")

    def _trust(self, cas: bytes) -> None:
        self._store = store_of(cas)
        self._signatories: dict[str, Signatory] = {}
        self._signed = lru_cache(_CACHED)(_verified)

    def _signatory(self, certificates: str, stored: datetime) -> Signatory:
        found = self._signatories.get(certificates)
        if found is None:
            # as many as the CA has issued: what is not of it never gets here
            found = self._signatories[certificates] = certified(self._store, certificates, stored)
        if not found.is_valid_at(stored):
            raise ForgedError("its certificate was not in force when it was published")
        return found


def _verified(signatory: Signatory, signature: str) -> Signed:
    """Return what a signature is for. Raises SignatureError when it is not the signatory's."""
    proof, _, text = signature.partition(".")
    try:
        signed = to_bytes(text)
    except ValueError as error:
        raise SignatureError(str(error)) from None
    signatory.check(_PURPOSE, signed, proof)
    digests = range(_TIME_BYTES, len(signed), _DIGEST_BYTES)
    return Signed(
        datetime.fromtimestamp(int.from_bytes(signed[:_TIME_BYTES]), UTC),
        frozenset(signed[at : at + _DIGEST_BYTES] for at in digests),
    )


def _digest(subject: str, payload: bytes) -> bytes:
    """Return what stands for an event; its id is in the bytes."""
    return hashlib.sha256(subject.encode() + b"\0" + payload).digest()
