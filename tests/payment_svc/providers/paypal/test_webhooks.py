"""PayPal's webhooks: which certificates count, what a signature covers, and what an event points at."""

from __future__ import annotations

import asyncio
import base64
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from hypothesis import given
from hypothesis import strategies as st

from payment_svc.providers.base import SignatureInvalidError, UnavailableError
from payment_svc.providers.paypal import webhooks
from payment_svc.providers.paypal.adapter import Access, PaypalProvider
from payment_svc.providers.paypal.certificates import MAX_BYTES, MAX_KEPT
from tests.support.providers.paypal_certificates import (
    BODY,
    CERT_URL,
    EVENT,
    NOW,
    WEBHOOK_ID,
    Internet,
    authority,
    headers,
    intermediate,
    key,
    leaf,
    pem,
    serving,
)

PATH = "/v1/notifications/certs/CERT-1"
BASE = "http://127.0.0.1:12111/paypal"
SANDBOX_HOST = "messageverificationcerts.sandbox.paypal.com"


async def _accepted(internet: Internet, folder: Path, body: bytes = BODY, **changes: Any) -> None:
    await internet.receiver(folder).verify(body, headers(**changes), NOW)


async def _refused(internet: Internet, folder: Path, body: bytes = BODY, **changes: Any) -> None:
    with pytest.raises(SignatureInvalidError):
        await _accepted(internet, folder, body, **changes)


# which certificates count


@pytest.mark.parametrize("host", ["messageverificationcerts.paypal.com", SANDBOX_HOST, "*.paypal.com"])
async def test_certificate_of_paypals_name_is_genuine(host: str, tmp_path: Path) -> None:
    await _accepted(serving(leaf(host), authority()), tmp_path)


async def test_chain_may_have_certificates_in_between(tmp_path: Path) -> None:
    await _accepted(serving(leaf(issuer="between"), intermediate()), tmp_path)


@pytest.mark.parametrize(
    "host", ["api.paypal.com", "paypal.com", "messageverificationcerts.paypal.com.evil.example", "*.example.com"]
)
async def test_certificate_of_another_name_is_refused(host: str, tmp_path: Path) -> None:
    await _refused(serving(leaf(host), authority()), tmp_path)


@pytest.mark.parametrize(
    "chain",
    [
        [leaf(issuer="stranger"), authority("stranger")],
        [leaf(issuer="between"), intermediate(issuer="stranger"), authority("stranger")],
        [leaf(issuer="leaf")],
        [leaf("*.example.com"), authority()],
    ],
    ids=["foreign", "foreign above", "self-signed", "trusted, for another name"],
)
async def test_certificate_that_nobody_trusted_has_issued_is_refused(
    chain: list[x509.Certificate], tmp_path: Path
) -> None:
    await _refused(serving(*chain), tmp_path)


@pytest.mark.parametrize(
    "certificate",
    [leaf(end=NOW - timedelta(seconds=1)), leaf(start=NOW + timedelta(seconds=1))],
    ids=["expired", "not yet valid"],
)
async def test_certificate_of_another_time_is_refused(certificate: x509.Certificate, tmp_path: Path) -> None:
    await _refused(serving(certificate, authority()), tmp_path)


GAP = [leaf(issuer="between")]
SUCCESS = {"verification_status": "SUCCESS"}


async def test_leaf_alone_is_genuine_where_a_root_has_issued_it(tmp_path: Path) -> None:
    internet = serving(leaf())
    await _accepted(internet, tmp_path)
    assert not internet.questions


async def test_leaf_alone_is_genuine_once_what_is_above_it_was_seen(tmp_path: Path) -> None:
    other = f"{CERT_URL}2"
    internet = serving(leaf(issuer="between"), intermediate())
    internet.certificates[other] = httpx.Response(200, content=pem(*GAP))
    receiver = internet.receiver(tmp_path)
    await receiver.verify(BODY, headers(), NOW)
    await receiver.verify(BODY, headers(cert_url=other), NOW)
    assert not internet.questions


@pytest.mark.parametrize("chain", [GAP, [leaf(issuer="stranger")]], ids=["gap", "issuer that nobody knows"])
async def test_paypal_is_asked_about_a_leaf_whose_issuer_is_missing(
    chain: list[x509.Certificate], tmp_path: Path
) -> None:
    internet = serving(*chain)
    internet.verdict = httpx.Response(200, json=SUCCESS)
    await _accepted(internet, tmp_path)
    assert len(internet.questions) == 1
    internet.verdict = httpx.Response(200, json={"verification_status": "FAILURE"})
    await _refused(internet, tmp_path)
    internet.verdict = httpx.Response(500)
    with pytest.raises(UnavailableError):
        await _accepted(internet, tmp_path)


async def test_what_was_never_part_of_a_trusted_chain_is_not_remembered(tmp_path: Path) -> None:
    other = f"{CERT_URL}2"
    internet = serving(leaf(issuer="between"), intermediate(issuer="stranger"), authority("stranger"))
    internet.certificates[other] = httpx.Response(200, content=pem(*GAP))
    receiver = internet.receiver(tmp_path)
    with pytest.raises(SignatureInvalidError):
        await receiver.verify(BODY, headers(), NOW)
    with pytest.raises(UnavailableError):
        await receiver.verify(BODY, headers(cert_url=other), NOW)
    assert len(internet.questions) == 1


async def test_public_authorities_are_trusted_unless_told_otherwise() -> None:
    internet = serving(leaf(), authority())
    access = Access("client", "secret", "WH1", "https://paypal.example")
    with pytest.raises(SignatureInvalidError, match="the certificate is not PayPal's"):
        await PaypalProvider(access, timeout=1, max_calls=100, transport=httpx.MockTransport(internet)).verify(
            BODY, headers(), NOW
        )


async def test_authorities_that_cannot_be_read_leave_it_open(tmp_path: Path) -> None:
    receiver = serving(leaf(), authority()).receiver(tmp_path)
    (tmp_path / "ca.pem").unlink()
    with pytest.raises(UnavailableError):
        await receiver.verify(BODY, headers(), NOW)


# where a certificate may come from


@pytest.mark.parametrize("host", ["api", "api-m", "api.sandbox", "api-m.sandbox"])
async def test_paypals_addresses_are_fetched(host: str, tmp_path: Path) -> None:
    url = f"https://{host}.paypal.com{PATH}"
    await _accepted(serving(leaf(), authority(), url=url), tmp_path, cert_url=url)


@pytest.mark.parametrize(
    "url",
    [
        f"http://api.paypal.com{PATH}",
        f"HTTPS://api.paypal.com{PATH}",
        f"https://API.paypal.com{PATH}",
        f"https://evil.example{PATH}",
        f"https://api.paypal.com.evil.example{PATH}",
        f"https://evil-api.paypal.com{PATH}",
        f"https://evil.api.paypal.com{PATH}",
        f"https://apixpaypal.com{PATH}",
        f"https://www.paypal.com{PATH}",
        f"https://paypal.com{PATH}",
        f"https://api.paypal.com.{PATH}",
        f"https://api.paypal.com:443{PATH}",
        f"https://api.paypal.com:8443{PATH}",
        f"https://user@api.paypal.com{PATH}",
        f"https://api.paypal.com@evil.example{PATH}",
        f"https://evil.example#@api.paypal.com{PATH}",
        f"https://evil.example\\@api.paypal.com{PATH}",
        f"https://evil.example/https://api.paypal.com{PATH}",
        f" https://api.paypal.com{PATH}",
        f"https://api.paypal.com{PATH}\n",
        "https://api.paypal.com/v1/notifications/certs/",
        "https://api.paypal.com/v1/notifications/certs/../../../evil",
        "https://api.paypal.com/v1/notifications/certs/..%2f..%2fevil",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?x=1",
        "https://api.paypal.com/v1/notifications/certs/CERT-1/..",
        "https://api.paypal.com/other/CERT-1",
        f"{BASE}{PATH}",
        f"file://{PATH}",
        PATH,
        "",
    ],
)
async def test_any_other_address_is_refused_without_being_fetched(url: str, tmp_path: Path) -> None:
    internet = serving(leaf(), authority(), url=url)
    await _refused(internet, tmp_path, cert_url=url)
    assert not internet.fetched
    assert not internet.questions


async def test_simulators_address_must_be_allowed(tmp_path: Path) -> None:
    url = f"{BASE}{PATH}"
    internet = serving(leaf(), authority(), url=url)
    receiver = internet.receiver(tmp_path, cert_url_base=f"{BASE}/")
    await receiver.verify(BODY, headers(cert_url=url), NOW)
    for other in (url.replace("12111", "12112"), url.replace("127.0.0.1", "127x0x0x1"), f"{BASE}x{PATH}"):
        with pytest.raises(SignatureInvalidError):
            await receiver.verify(BODY, headers(cert_url=other), NOW)
    assert internet.fetched == [url]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirect_is_not_followed(status: int, tmp_path: Path) -> None:
    internet = serving(leaf(), authority(), url="https://api-m.paypal.com/v1/notifications/certs/CERT-2")
    elsewhere = next(iter(internet.certificates))
    internet.certificates[CERT_URL] = httpx.Response(status, headers={"location": elsewhere})
    await _refused(internet, tmp_path)
    assert internet.fetched == [CERT_URL]
    assert not internet.questions


@pytest.mark.parametrize("content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nx\n", b"x" * (MAX_BYTES + 1)])
async def test_what_is_no_certificate_is_refused(content: bytes, tmp_path: Path) -> None:
    await _refused(Internet({CERT_URL: httpx.Response(200, content=content)}), tmp_path)


async def test_certificate_is_fetched_once_for_all(tmp_path: Path) -> None:
    internet = serving(leaf(), authority())
    receiver = internet.receiver(tmp_path)
    await asyncio.gather(*(receiver.verify(BODY, headers(), NOW) for _ in range(10)))
    await receiver.verify(BODY, headers(), NOW)
    assert internet.fetched == [CERT_URL]


async def test_certificate_that_has_expired_is_fetched_anew(tmp_path: Path) -> None:
    internet = serving(leaf(end=NOW + timedelta(minutes=1)), authority())
    receiver = internet.receiver(tmp_path)
    await receiver.verify(BODY, headers(), NOW)
    internet.certificates[CERT_URL] = httpx.Response(200, content=pem(leaf(), authority()))
    await receiver.verify(BODY, headers(), NOW + timedelta(minutes=2))
    assert len(internet.fetched) == 2


async def test_only_so_many_certificates_are_kept(tmp_path: Path) -> None:
    chain = httpx.Response(200, content=pem(leaf(), authority()))
    urls = [f"{CERT_URL}{number}" for number in range(MAX_KEPT + 1)]
    internet = Internet(dict.fromkeys(urls, chain))
    receiver = internet.receiver(tmp_path)
    for url in [*urls, urls[-1], urls[0]]:
        await receiver.verify(BODY, headers(cert_url=url), NOW)
    assert internet.fetched == [*urls, urls[0]]


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


async def test_changed_body_is_refused(tmp_path: Path) -> None:
    internet = serving(leaf(), authority())
    for body in (BODY + b" ", BODY.replace(b"COMPLETED", b"DENIED"), b""):
        await _refused(internet, tmp_path, body)


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
async def test_header_that_is_wrong_or_missing_is_refused(changes: dict[str, str], tmp_path: Path) -> None:
    await _refused(serving(leaf(), authority()), tmp_path, BODY, **changes)


async def test_fields_cannot_be_shifted_into_each_other(tmp_path: Path) -> None:
    """`a|b` and `c` would be signed as `a` and `b|c` are: this signature is genuine, and over exactly this text."""
    good = headers()
    moved = f"{good['paypal-transmission-id']}|{good['paypal-transmission-time']}"
    text = webhooks.signed_text(moved, good["paypal-transmission-time"], WEBHOOK_ID, BODY)
    signature = base64.b64encode(key("leaf").sign(text, PKCS1v15(), hashes.SHA256())).decode()
    with pytest.raises(SignatureInvalidError, match="not of its form"):
        await _accepted(serving(leaf(), authority()), tmp_path, transmission_id=moved, transmission_sig=signature)


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
    check = _accepted if taken else _refused
    await check(serving(leaf(), authority()), tmp_path, at=NOW - age)


async def test_second_body_with_the_same_checksum_is_refused(tmp_path: Path) -> None:
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
    await _accepted(internet, tmp_path)
    [question] = internet.questions
    assert question.pop("webhook_event") == EVENT
    assert question == {"webhook_id": "WH1"} | {
        name.removeprefix("paypal-").replace("-", "_"): value for name, value in headers().items()
    }
    assert BODY in internet.raw_questions[0]  # byte for byte: PayPal signed these and no others


@pytest.mark.parametrize("verdict", [{"verification_status": "FAILURE"}, {}])
async def test_what_paypal_does_not_know_is_refused(verdict: dict[str, str], tmp_path: Path) -> None:
    internet = Internet({CERT_URL: httpx.ConnectError("refused")}, httpx.Response(200, json=verdict))
    await _refused(internet, tmp_path)


@pytest.mark.parametrize("status", [500, 404, 422])
async def test_without_any_answer_it_stays_open(status: int, tmp_path: Path) -> None:
    internet = Internet({CERT_URL: httpx.ConnectError("refused")}, httpx.Response(status, json={}))
    with pytest.raises(UnavailableError):
        await _accepted(internet, tmp_path)


@pytest.mark.parametrize("body", [b'{} , "webhook_id": "WH2"', b"nonsense", b"[]", b""])
async def test_body_that_would_change_the_question_is_never_asked_about(body: bytes, tmp_path: Path) -> None:
    internet = Internet({CERT_URL: httpx.ConnectError("refused")}, httpx.Response(200, json={}))
    await _refused(internet, tmp_path, body)
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
