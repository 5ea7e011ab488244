"""The certificates that PayPal signs by: which count, and where they may come from."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from payment_svc.providers.base import SignatureInvalidError, UnavailableError
from payment_svc.providers.paypal.adapter import Access, PaypalProvider
from payment_svc.providers.paypal.certificates import MAX_BYTES, MAX_KEPT, MAX_WAITING
from tests.support.providers.paypal_certificates import (
    BODY,
    CERT_URL,
    NOW,
    Internet,
    accepted,
    authority,
    headers,
    intermediate,
    leaf,
    pem,
    refused,
    serving,
)

PATH = "/v1/notifications/certs/CERT-1"
BASE = "http://127.0.0.1:12111/paypal"
SANDBOX_HOST = "messageverificationcerts.sandbox.paypal.com"


@pytest.mark.parametrize("host", ["messageverificationcerts.paypal.com", SANDBOX_HOST, "*.paypal.com"])
async def test_certificate_of_paypals_name_is_genuine(host: str, tmp_path: Path) -> None:
    await accepted(serving(leaf(host), authority()), tmp_path)


async def test_chain_may_have_certificates_in_between(tmp_path: Path) -> None:
    await accepted(serving(leaf(issuer="between"), intermediate()), tmp_path)


@pytest.mark.parametrize(
    "host", ["api.paypal.com", "paypal.com", "messageverificationcerts.paypal.com.evil.example", "*.example.com"]
)
async def test_certificate_of_another_name_isrefused(host: str, tmp_path: Path) -> None:
    await refused(serving(leaf(host), authority()), tmp_path)


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
async def test_certificate_that_nobody_trusted_has_issued_isrefused(
    chain: list[x509.Certificate], tmp_path: Path
) -> None:
    await refused(serving(*chain), tmp_path)


@pytest.mark.parametrize(
    "certificate",
    [leaf(end=NOW - timedelta(seconds=1)), leaf(start=NOW + timedelta(seconds=1))],
    ids=["expired", "not yet valid"],
)
async def test_certificate_of_another_time_isrefused(certificate: x509.Certificate, tmp_path: Path) -> None:
    await refused(serving(certificate, authority()), tmp_path)


GAP = [leaf(issuer="between")]
SUCCESS = {"verification_status": "SUCCESS"}


async def test_leaf_alone_is_genuine_where_a_root_has_issued_it(tmp_path: Path) -> None:
    internet = serving(leaf())
    await accepted(internet, tmp_path)
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
    await accepted(internet, tmp_path)
    assert len(internet.questions) == 1
    internet.verdict = httpx.Response(200, json={"verification_status": "FAILURE"})
    await refused(internet, tmp_path)
    internet.verdict = httpx.Response(500)
    with pytest.raises(UnavailableError):
        await accepted(internet, tmp_path)


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
    await accepted(serving(leaf(), authority(), url=url), tmp_path, cert_url=url)


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
    await refused(internet, tmp_path, cert_url=url)
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
    await refused(internet, tmp_path)
    assert internet.fetched == [CERT_URL]
    assert not internet.questions


@pytest.mark.parametrize("content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nx\n", b"x" * (MAX_BYTES + 1)])
async def test_what_is_no_certificate_isrefused(content: bytes, tmp_path: Path) -> None:
    await refused(Internet({CERT_URL: httpx.Response(200, content=content)}), tmp_path)


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


async def test_crowd_of_made_up_addresses_is_refused_and_holds_up_no_certificate_that_is_known(tmp_path: Path) -> None:
    is_there, asking = asyncio.Event(), serving(leaf(), authority())

    async def internet(request: httpx.Request) -> httpx.Response:
        if str(request.url) != CERT_URL:
            await is_there.wait()
        return await asking(request)

    receiver = asking.receiver(tmp_path, handler=internet)
    await receiver.verify(BODY, headers(), NOW)
    urls = [f"{CERT_URL}{number}" for number in range(MAX_WAITING + 1)]
    tries = [asyncio.create_task(receiver.verify(BODY, headers(cert_url=url), NOW)) for url in urls]
    await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
    await receiver.verify(BODY, headers(), NOW)
    is_there.set()
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(one) for one in ended].count(UnavailableError) == 1
