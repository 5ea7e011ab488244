"""PayPal's webhooks: what a signature covers, and what is done when its certificate cannot be fetched."""

from __future__ import annotations

import asyncio
import base64
import zlib
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from hypothesis import given
from hypothesis import strategies as st

from payment_svc.providers.base import SignatureInvalidError, UnavailableError
from payment_svc.providers.paypal import webhooks
from tests.support.providers.paypal_certificates import (
    BODY,
    CERT_URL,
    EVENT,
    NOW,
    WEBHOOK_ID,
    Internet,
    accepted,
    authority,
    headers,
    key,
    leaf,
    refused,
    serving,
)

PATH = "/v1/notifications/certs/CERT-1"
BASE = "http://127.0.0.1:12111/paypal"
SANDBOX_HOST = "messageverificationcerts.sandbox.paypal.com"


# what is signed


async def test_header_names_and_body_are_all_that_counts(tmp_path: Path) -> None:
    internet = serving(leaf(), authority())
    for body in (b"", "Grüße, 日本".encode(), b"\x00\xff" * 100):
        await internet.receiver(tmp_path).verify(body, headers(body) | {"x-other": "1"}, NOW)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_any_touched_byte_is_noticed(position: int, change: int) -> None:
    touched = bytearray(BODY)
    touched[position] ^= change
    assert webhooks.signed_text("t", "now", "WH1", bytes(touched)) != webhooks.signed_text("t", "now", "WH1", BODY)


async def test_changed_body_isrefused(tmp_path: Path) -> None:
    internet = serving(leaf(), authority())
    for body in (BODY + b" ", BODY.replace(b"COMPLETED", b"DENIED"), b""):
        await refused(internet, tmp_path, body)


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_id": "WH2"},
        {"transmission_id": "transmission-2"},
        {"transmission_time": "2026-06-01T12:00:01Z"},
        {"transmission_time": "yesterday"},
        {"transmission_time": "2026-06-01T12:00:00"},
        {"transmission_sig": "AAAA"},
        {"transmission_sig": "not base64"},
        {"transmission_sig": "A" * 5000},
        {"auth_algo": "SHA1withRSA"},
        {"auth_algo": "none"},
        {"auth_algo": "sha256withrsa"},
        *({name: ""} for name in ("auth_algo", "cert_url", "transmission_id", "transmission_sig", "transmission_time")),
    ],
    ids=str,
)
async def test_header_that_is_wrong_or_missing_isrefused(changes: dict[str, str], tmp_path: Path) -> None:
    await refused(serving(leaf(), authority()), tmp_path, BODY, **changes)


async def test_fields_cannot_be_shifted_into_each_other(tmp_path: Path) -> None:
    """`a|b` and `c` would be signed as `a` and `b|c` are: this signature is genuine, and over exactly this text."""
    good = headers()
    moved = f"{good['paypal-transmission-id']}|{good['paypal-transmission-time']}"
    text = webhooks.signed_text(moved, good["paypal-transmission-time"], WEBHOOK_ID, BODY)
    signature = base64.b64encode(key("leaf").sign(text, PKCS1v15(), hashes.SHA256())).decode()
    with pytest.raises(SignatureInvalidError, match="not of its form"):
        await accepted(serving(leaf(), authority()), tmp_path, transmission_id=moved, transmission_sig=signature)


@pytest.mark.parametrize(
    ("age", "taken"),
    [
        (timedelta(0), True),
        (timedelta(days=3), True),
        (timedelta(days=3, hours=2), False),
        (timedelta(minutes=-4), True),
        (timedelta(minutes=-6), False),
    ],
)
async def test_transmission_may_be_as_old_as_paypal_tries(age: timedelta, taken: bool, tmp_path: Path) -> None:
    check = accepted if taken else refused
    await check(serving(leaf(), authority()), tmp_path, at=NOW - age)


async def test_second_body_with_the_same_checksum_isrefused(tmp_path: Path) -> None:
    forged = _with_the_checksum_of(BODY, b'{"id": "WH-FORGED"} ')
    receiver = serving(leaf(), authority()).receiver(tmp_path)
    for _ in range(2):
        await receiver.verify(BODY, headers(), NOW)
    with pytest.raises(SignatureInvalidError, match="another body"):
        await receiver.verify(forged, headers(), NOW)


# when the certificate cannot be fetched

OUTAGES = [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.Response(503), httpx.Response(429)]


@pytest.mark.parametrize("outage", OUTAGES, ids=repr)
async def test_paypal_is_asked_while_its_certificate_cannot_be_fetched(
    outage: httpx.Response | Exception, tmp_path: Path
) -> None:
    internet = Internet({CERT_URL: outage}, httpx.Response(200, json={"verification_status": "SUCCESS"}))
    await accepted(internet, tmp_path)
    [question] = internet.questions
    assert question.pop("webhook_event") == EVENT
    assert question == {"webhook_id": "WH1"} | {
        name.removeprefix("paypal-").replace("-", "_"): value for name, value in headers().items()
    }
    assert BODY in internet.raw_questions[0]  # byte for byte: PayPal signed these and no others


@pytest.mark.parametrize("verdict", [{"verification_status": "FAILURE"}, {}])
async def test_what_paypal_does_not_know_isrefused(verdict: dict[str, str], tmp_path: Path) -> None:
    internet = Internet({CERT_URL: httpx.ConnectError("refused")}, httpx.Response(200, json=verdict))
    await refused(internet, tmp_path)


@pytest.mark.parametrize("status", [500, 404, 422])
async def test_without_any_answer_it_stays_open(status: int, tmp_path: Path) -> None:
    internet = Internet({CERT_URL: httpx.ConnectError("refused")}, httpx.Response(status, json={}))
    with pytest.raises(UnavailableError):
        await accepted(internet, tmp_path)


async def test_paypal_is_asked_about_few_at_once_and_the_others_come_again(tmp_path: Path) -> None:
    answers = asyncio.Event()

    async def internet(request: httpx.Request) -> httpx.Response:
        if request.url.path == webhooks.API:
            await answers.wait()
        return await asking(request)

    asking = Internet(
        {CERT_URL: httpx.ConnectError("refused")}, httpx.Response(200, json={"verification_status": "SUCCESS"})
    )
    receiver = asking.receiver(tmp_path, handler=internet)
    tries = [asyncio.create_task(receiver.verify(BODY, headers(), NOW)) for _ in range(webhooks.MAX_ASKED + 1)]
    await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
    answers.set()
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(one) for one in ended if one] == [UnavailableError]
    await receiver.verify(BODY, headers(), NOW)


@pytest.mark.parametrize("body", [b'{} , "webhook_id": "WH2"', b"nonsense", b"[]", b""])
async def test_body_that_would_change_the_question_is_never_asked_about(body: bytes, tmp_path: Path) -> None:
    internet = Internet({CERT_URL: httpx.ConnectError("refused")}, httpx.Response(200, json={}))
    await refused(internet, tmp_path, body)
    assert not internet.questions


def _with_the_checksum_of(wanted: bytes, start: bytes) -> bytes:
    """Append four bytes that give a body the CRC-32 of another: that takes no search, CRC-32 is linear."""
    table = [0] * 256
    for number in range(256):
        value = number
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        table[number] = value
    state = zlib.crc32(wanted) ^ 0xFFFFFFFF
    places = []
    for _ in range(4):
        place = next(number for number in range(256) if table[number] >> 24 == state >> 24)
        places.append(place)
        state = (state ^ table[place]) << 8 & 0xFFFFFFFF
    state, tail = zlib.crc32(start) ^ 0xFFFFFFFF, bytearray()
    for place in reversed(places):
        tail.append((state ^ place) & 0xFF)
        state = table[place] ^ state >> 8
    forged = start + bytes(tail)
    assert zlib.crc32(forged) == zlib.crc32(wanted)
    return forged
