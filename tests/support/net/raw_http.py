"""HTTP as no client library would send it: bytes on a socket, and frames of HTTP/2 by hand (RFC 9113)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.support.waiting import PATIENCE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0x1, 0x3, 0x4, 0x7
END_HEADERS, END_STREAM = 0x4, 0x1
REFUSED_STREAM, CANCEL = 0x7, 0x8


def connected(url: str, address: str = "") -> socket.socket:
    """Open a connection to a server; from the address, or from any."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), PATIENCE, (address, 0) if address else None)


def exchange(url: str, sent: bytes) -> tuple[int, bytes]:
    """Send bytes and return the status and the whole of what came back, until the server is done or closes.

    The status is 0 where the server closed without an answer.
    """
    with connected(url) as connection:
        connection.sendall(sent)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
                if _is_whole(received):
                    break
        except ConnectionResetError:
            pass
    return (int(received[9:12]) if received.startswith(b"HTTP/1.1 ") else 0), received


def _is_whole(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(lengths) and len(body) >= int(lengths[0].partition(b":")[2])


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a frame of HTTP/2."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def request_headers(path: str, authority: str, fields: dict[str, str]) -> bytes:
    """Return the header block of a POST by http, uncompressed (RFC 7541, section 6.2.2)."""
    block = b"\x83\x86" + _indexed(4, path) + _indexed(1, authority)
    return block + b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields.items())


def _indexed(index: int, value: str) -> bytes:
    return bytes((index,)) + _text(value)


def _text(value: str) -> bytes:
    encoded = value.encode()
    assert len(encoded) < 127, "longer ones need a longer length"
    return bytes((len(encoded),)) + encoded


def frames(connection: socket.socket) -> Iterator[tuple[int, int, bytes]]:
    """Yield kind, stream and payload of what the server sends, until it closes the connection."""
    buffer = b""
    while True:
        while len(buffer) >= 9 and len(buffer) >= 9 + int.from_bytes(buffer[:3]):
            length = int.from_bytes(buffer[:3])
            yield buffer[3], int.from_bytes(buffer[5:9]), buffer[9 : 9 + length]
            buffer = buffer[9 + length :]
        try:
            chunk = connection.recv(65536)
        except ConnectionResetError:
            return
        if not chunk:
            return
        buffer += chunk
