from __future__ import annotations

import contextlib
import hashlib
import hmac
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.use_cases import signing
from edge.use_cases.signing import SignedRequest, Stamp
from mesh.errors import ApiError

SECRET = b"sig_secret"
REQUEST = SignedRequest("POST", "/v1/orders?x=1", b'{"amount": {}}', "key-1")
NOW = 1_800_000_000
NONCE = "0123456789abcdef"
HEX = "a" * 64


def stamp_of(request: SignedRequest = REQUEST, *, time: int = NOW, secret: bytes = SECRET) -> Stamp:
    return Stamp(time, NONCE, v2=signing.make(secret, request, time, NONCE, version=2))


def test_signature_is_the_hmac_of_six_lines() -> None:
    body = hashlib.sha256(REQUEST.body).hexdigest()
    text = f"POST\n/v1/orders?x=1\n{NOW}\n{NONCE}\n{body}\nkey-1"
    assert stamp_of().v2 == hmac.new(SECRET, text.encode(), "sha256").hexdigest()


def test_older_form_has_five_lines_and_is_taken_until_it_is_switched_off() -> None:
    body = hashlib.sha256(REQUEST.body).hexdigest()
    text = f"POST\n/v1/orders?x=1\n{NOW}\n{NONCE}\n{body}"
    stamp = Stamp(NOW, NONCE, v1=hmac.new(SECRET, text.encode(), "sha256").hexdigest())
    signing.verify(SECRET, REQUEST, stamp, NOW)
    with pytest.raises(ApiError, match="sign as `v2`"):
        signing.verify(SECRET, REQUEST, stamp, NOW, accepts_v1=False)


def test_newer_form_counts_where_both_are_there() -> None:
    older = signing.make(SECRET, REQUEST, NOW, NONCE, version=1)
    with pytest.raises(ApiError, match="SIGNATURE_INVALID"):
        signing.verify(SECRET, REQUEST, Stamp(NOW, NONCE, v1=older, v2=HEX), NOW)


@pytest.mark.parametrize("clock", [NOW, NOW + 300, NOW - 300])
def test_signature_holds_within_the_tolerance(clock: float) -> None:
    signing.verify(SECRET, REQUEST, stamp_of(), clock)


@pytest.mark.parametrize(
    ("request_", "stamp", "clock"),
    [
        (REQUEST, stamp_of(), NOW + 301),
        (REQUEST, stamp_of(), NOW - 301),
        (REQUEST, stamp_of(secret=b"another"), NOW),
        (REQUEST, replace(stamp_of(), nonce="another-nonce-of-it"), NOW),
        (REQUEST, replace(stamp_of(), time=NOW + 1), NOW),
        (replace(REQUEST, method="PUT"), stamp_of(), NOW),
        (replace(REQUEST, target="/v1/orders"), stamp_of(), NOW),
        (replace(REQUEST, body=b""), stamp_of(), NOW),
        (replace(REQUEST, idempotency_key="key-2"), stamp_of(), NOW),
        (replace(REQUEST, idempotency_key=""), stamp_of(), NOW),
    ],
)
def test_signature_of_anything_else_is_refused(request_: SignedRequest, stamp: Stamp, clock: float) -> None:
    with pytest.raises(ApiError, match="SIGNATURE_INVALID"):
        signing.verify(SECRET, request_, stamp, clock)


@pytest.mark.parametrize(
    "header", [f"t=1,n={NONCE},v1={HEX}", f"v1={HEX}, n={NONCE} , t=1", f"t=1,n={NONCE},v1={HEX},later=x"]
)
def test_header_is_read(header: str) -> None:
    assert signing.read(header) == Stamp(1, NONCE, HEX)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t",
        f"n={NONCE},v1={HEX}",
        f"t=1,v1={HEX}",
        f"t=1,n={NONCE}",
        f"t=one,n={NONCE},v1={HEX}",
        f"t=-1,n={NONCE},v1={HEX}",
        f"t=1,n={NONCE[:15]},v1={HEX}",
        f"t=1,n={'n' * 65},v1={HEX}",
        f"t=1,n=0123456789 abcdef,v1={HEX}",
        f"t=1,n={NONCE},v1={HEX[:63]}",
        f"t=1,n={NONCE},v1={HEX.upper()}",
        f"t=1,n={NONCE},v1={HEX},v2=",
        f"t=1,n={NONCE},v1={HEX},v2={HEX[:63]}",
        f"t=1,n={NONCE},v3={HEX}",
        f"t=1,t=2,n={NONCE},v1={HEX}",
        f"t=1,n={NONCE},v1={HEX},v1={HEX}",
    ],
)
def test_header_of_another_form_is_refused(header: str) -> None:
    with pytest.raises(ApiError, match="SIGNATURE_INVALID"):
        signing.read(header)


@given(st.text())
def test_no_header_breaks_it(header: str) -> None:
    with contextlib.suppress(ApiError):
        signing.read(header)
