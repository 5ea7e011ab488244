"""Mutual TLS between the processes of the mesh: each shows a certificate of the mesh's own CA, or is not spoken to.

Certificates are read again when their files change, so that short-lived ones need no restart. A process is named twice
in its certificate: by a URI as SPIFFE has it, `spiffe://fusionxpay/order_svc`, which says to a server who calls, and by
the DNS name `order_svc`, which says to a client whom it has reached. Sources: SPIFFE ID and X.509-SVID standards;
RFC 8446; RFC 9525 for names.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mesh.telemetry import get_logger

log = get_logger(__name__)
TRUST_DOMAIN = "spiffe://fusionxpay/"
LOOK_SECONDS = 1.0
"""How often the files are looked at, at the most."""
Stamp = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where a process has its certificate, its key, and the CA of the mesh, all in PEM."""

    cert: Path
    key: Path
    ca: Path

    def stamp(self) -> Stamp:
        """Return what changes when a file does. Raises OSError when one is not there."""
        return tuple((stat.st_mtime_ns, stat.st_ino) for stat in map(os.stat, (self.cert, self.key, self.ca)))


@dataclass(frozen=True, slots=True)
class Pems:
    """The contents of the files."""

    cert: bytes
    key: bytes
    ca: bytes


def read(files: TlsFiles) -> Pems:
    """Return what is in the files.

    Raises:
        OSError: one cannot be read.
        ValueError: one is not PEM, or the key is not the certificate's, as in the middle of a change of both.
    """
    pems = Pems(files.cert.read_bytes(), files.key.read_bytes(), files.ca.read_bytes())
    certificate = x509.load_pem_x509_certificate(pems.cert)
    x509.load_pem_x509_certificates(pems.ca)
    if load_pem_private_key(pems.key, None).public_key() != certificate.public_key():
        raise ValueError(f"{files.key} is not the key of {files.cert}")
    return pems


class Watched:
    """The contents of the files as of now; what cannot be read leaves what there was."""

    def __init__(self, files: TlsFiles) -> None:
        """Read the files for the first time. Raises what `read` raises."""
        self._files = files
        self._stamp = files.stamp()
        self.pems = read(files)
        self._looked = time.monotonic()

    def changed(self) -> bool:
        """Look at the files, if the last look is a while ago; return whether `pems` are other ones now."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return False
        self._looked = now
        try:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                return False
            self.pems, self._stamp = read(self._files), stamp
        except (OSError, ValueError) as error:
            log.warning("certificate not taken over", error=str(error))
            return False
        log.info("certificate taken over", file=str(self._files.cert))
        return True


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Return credentials of a server that wants a certificate of each client. Raises what `read` raises."""
    watched = Watched(files)

    def configuration() -> grpc.ServerCertificateConfiguration:
        pairs = [(watched.pems.key, watched.pems.cert)]
        return grpc.ssl_server_certificate_configuration(pairs, watched.pems.ca)

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        """Return other certificates than at the last handshake, if there are."""
        return configuration() if watched.changed() else None

    credentials: grpc.ServerCredentials = grpc.dynamic_ssl_server_credentials(
        configuration(),
        fetch,  # type: ignore[arg-type]  # the stubs do not know that None means no change
        require_client_authentication=True,
    )
    return credentials


def client_credentials(pems: Pems) -> grpc.ChannelCredentials:
    """Return credentials of a client that shows its certificate."""
    return grpc.ssl_channel_credentials(pems.ca, pems.key, pems.cert)


def name_override(peer: str) -> tuple[str, str]:
    """Return the channel option that says whose certificate must be at the other end, whatever the address is."""
    return ("grpc.ssl_target_name_override", peer)


Opener = Callable[[grpc.ChannelCredentials], grpc.aio.Channel]


class RenewedChannel:
    """A channel that is opened anew when the certificate has changed; calls under way end on the old one.

    gRPC reads a client's certificate once, and would show an expired one at its next connection.
    """

    CLOSE_SECONDS = 30.0

    def __init__(self, files: TlsFiles, open_channel: Opener) -> None:
        self._watched = Watched(files)
        self._open = open_channel
        self._channel = open_channel(client_credentials(self._watched.pems))
        self._closing: set[asyncio.Task[None]] = set()

    def unary_unary(self, method: str, *arguments: Any, **named: Any) -> Callable[..., Any]:
        """Return a callable for a method, as stubs ask for."""
        return self._method("unary_unary", method, arguments, named)

    def unary_stream(self, method: str, *arguments: Any, **named: Any) -> Callable[..., Any]:
        """Return a callable for a method that answers by a stream."""
        return self._method("unary_stream", method, arguments, named)

    def _method(self, kind: str, method: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Callable[..., Any]:
        made: dict[grpc.aio.Channel, Callable[..., Any]] = {}

        def call(*request: Any, **options: Any) -> Any:
            channel = self._current()
            if channel not in made:
                made.clear()
                made[channel] = getattr(channel, kind)(method, *arguments, **named)
            return made[channel](*request, **options)

        return call

    def _current(self) -> grpc.aio.Channel:
        if self._watched.changed():
            old, self._channel = self._channel, self._open(client_credentials(self._watched.pems))
            task = asyncio.create_task(old.close(self.CLOSE_SECONDS))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        return self._channel

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()
