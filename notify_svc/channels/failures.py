"""Why an attempt had no answer: a code for programs and a sentence for people, never a library's own words alone."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpx

from notify_svc.domain.delivery import NoAnswer

TOO_LONG = "an answer is longer than any that is read"
_NOT_FOUND = (NoAnswer.NAME_NOT_FOUND, "the host name cannot be looked up")
_OURS = {
    "cannot be looked up": _NOT_FOUND,
    "has no address": _NOT_FOUND,
    TOO_LONG: (
        NoAnswer.CONNECTION_BROKEN,
        "the server sent more than is read of any answer, and no status within it",
    ),
}
"""What errors of our own say, and how that is told."""


def words(error: BaseException) -> str:
    """Return the code and the sentence of a failure, as an attempt keeps them: `TIMEOUT: no answer in time`."""
    code, sentence = _named(list(_chain(error)))
    return f"{code}: {sentence}"


def _named(chain: list[BaseException]) -> tuple[NoAnswer, str]:
    text = " ".join(str(error) for error in chain)
    for error in chain:
        if isinstance(error, ssl.SSLCertVerificationError):
            why = getattr(error, "verify_message", "") or "it cannot be verified"
            return NoAnswer.TLS_CERTIFICATE, f"the server's certificate is not trusted: {why}"
    if any(isinstance(error, ssl.SSLError) for error in chain):
        return NoAnswer.TLS_FAILED, "no TLS connection could be agreed on"
    if named := next((named for said, named in _OURS.items() if said in text), None):
        return named
    if any(isinstance(error, httpx.ConnectTimeout) for error in chain):
        return NoAnswer.TIMEOUT, "the server did not take the connection in time"
    if any(isinstance(error, httpx.TimeoutException | TimeoutError) for error in chain):
        return NoAnswer.TIMEOUT, "the server did not answer in time"
    if any(isinstance(error, ConnectionRefusedError) for error in chain):
        return NoAnswer.CONNECTION_REFUSED, "nothing listens at this address and port"
    if any(isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | ConnectionResetError) for error in chain):
        return NoAnswer.CONNECTION_BROKEN, "the server ended the connection without an answer"
    if any(isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol) for error in chain):
        return NoAnswer.URL_INVALID, "the URL cannot be called"
    return NoAnswer.CONNECTION_FAILED, "the server could not be reached"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that it came of."""
    seen: set[int] = set()
    left = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        left += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            left += one.exceptions
