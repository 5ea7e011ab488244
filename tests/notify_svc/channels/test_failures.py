from __future__ import annotations

import errno
import ssl

import httpx
import pytest

from notify_svc.channels import failures
from notify_svc.domain.delivery import Attempt


def _because(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (
            _because(httpx.ConnectError("All connection attempts failed"), ConnectionRefusedError()),
            "CONNECTION_REFUSED",
        ),
        (httpx.ConnectError("shop.example cannot be looked up: no such name"), "NAME_NOT_FOUND"),
        (httpx.ReadTimeout(""), "TIMEOUT"),
        (httpx.ConnectTimeout(""), "TIMEOUT"),
        (TimeoutError(), "TIMEOUT"),
        (_because(httpx.ConnectError("x"), ssl.SSLCertVerificationError(1, "expired")), "TLS_CERTIFICATE"),
        (_because(httpx.ConnectError("x"), ssl.SSLError(1, "wrong version number")), "TLS_FAILED"),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), "CONNECTION_BROKEN"),
        (httpx.InvalidURL("x"), "URL_INVALID"),
        (OSError(errno.ENETUNREACH, "unreachable"), "CONNECTION_FAILED"),
    ],
)
def test_a_failure_has_a_code_and_words_and_nothing_of_python(error: Exception, code: str) -> None:
    said = failures.words(error)
    attempt = Attempt(status=0, duration_ms=1.0, answer=said)
    assert attempt.failure == code
    assert said.startswith(f"{code}: ")
    assert "Error" not in said
    assert "(" not in said


@pytest.mark.parametrize(("status", "failure"), [(204, ""), (500, "STATUS_NOT_2XX"), (302, "STATUS_NOT_2XX")])
def test_an_answer_that_says_no_is_told_from_none(status: int, failure: str) -> None:
    assert Attempt(status=status, duration_ms=1.0, answer="").failure == failure


def test_what_was_kept_before_there_were_codes_is_a_failed_connection() -> None:
    assert Attempt(status=0, duration_ms=1.0, answer="ConnectError('x')").failure == "CONNECTION_FAILED"


def test_attempts_of_before_there_were_codes_are_told_as_what_they_were() -> None:
    told = {text: Attempt(status=0, duration_ms=1.0, answer=text).failure for text in ("refused: x", "not sent: Y")}
    assert told == {"refused: x": "URL_REFUSED", "not sent: Y": "GATEWAY_FAILED"}
