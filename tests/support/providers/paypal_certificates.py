"""Certificate authorities and certificates of a test's own, and a PayPal that signs with them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from payment_svc.providers.base import SignatureInvalidError
from payment_svc.providers.paypal.adapter import Access, PaypalProvider

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOST = "messageverificationcerts.paypal.com"
CERT_URL = "https://api.paypal.com/v1/notifications/certs/CERT-1"
WEBHOOK_ID = "WH1"
Handler = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]
_CA_USAGE = ("key_cert_sign", "crl_sign")
_LEAF_USAGE = ("digital_signature",)
_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
EVENT = {
    "id": "WH-EVENT-1",
    "event_type": "PAYMENT.CAPTURE.COMPLETED",
    "resource_type": "capture",
    "create_time": "2026-06-01T11:59:58.123Z",
    "resource": {"id": "CAPTURE1", "supplementary_data": {"related_ids": {"order_id": "ORDER1"}}},
}
BODY = json.dumps(EVENT, indent=1).encode()


def event_body(kind: str, resource_type: str, resource: object) -> bytes:
    """Return the bytes of an event about something."""
    return json.dumps(EVENT | {"event_type": kind, "resource_type": resource_type, "resource": resource}).encode()


@cache
def key(name: str) -> RSAPrivateKey:
    """Return a key; one of each name, as they take long to make."""
    return generate_private_key(65537, 2048)


def authority(name: str = "root") -> x509.Certificate:
    """Return a certificate authority that has signed itself."""
    return _certificate(name, name, _CA_USAGE, NOW + timedelta(days=3650))


def intermediate(name: str = "between", issuer: str = "root") -> x509.Certificate:
    """Return an authority below another."""
    return _certificate(name, issuer, _CA_USAGE, NOW + timedelta(days=3650))


def leaf(
    host: str = HOST, issuer: str = "root", *, start: datetime = NOW - timedelta(days=1), end: datetime | None = None
) -> x509.Certificate:
    """Return a certificate for a host."""
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    return _certificate("leaf", issuer, _LEAF_USAGE, end or NOW + timedelta(days=90), start=start, names=names)


def pem(*chain: x509.Certificate) -> bytes:
    """Return a chain as it is served."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in chain)


def _certificate(
    subject: str,
    issuer: str,
    usage: Sequence[str],
    end: datetime,
    *,
    start: datetime = NOW - timedelta(days=1),
    names: x509.SubjectAlternativeName | None = None,
) -> x509.Certificate:
    is_ca = usage is _CA_USAGE
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key(subject).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**{one: one in usage for one in _USAGES}), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key(subject).public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key(issuer).public_key()), critical=False)
    )
    builder = builder.add_extension(names, critical=False) if names else builder
    return builder.sign(key(issuer), hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def headers(body: bytes = BODY, *, at: datetime = NOW, webhook_id: str = WEBHOOK_ID, **changes: str) -> dict[str, str]:
    """Return the headers of a delivery; some of them changed after it was signed."""
    time, transmission = at.strftime("%Y-%m-%dT%H:%M:%SZ"), "transmission-1"
    signed = f"{transmission}|{time}|{webhook_id}|{zlib.crc32(body)}".encode()
    signature = key("leaf").sign(signed, PKCS1v15(), hashes.SHA256())
    return {
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-cert-url": CERT_URL,
        "paypal-transmission-id": transmission,
        "paypal-transmission-sig": base64.b64encode(signature).decode(),
        "paypal-transmission-time": time,
    } | {f"paypal-{name.replace('_', '-')}": value for name, value in changes.items()}


@dataclass
class Internet:
    """All that can be fetched: certificates by address, and PayPal's own verification."""

    certificates: dict[str, httpx.Response | Exception]
    verdict: httpx.Response = field(default_factory=lambda: httpx.Response(500))
    fetched: list[str] = field(default_factory=list)
    questions: list[dict[str, Any]] = field(default_factory=list)
    raw_questions: list[bytes] = field(default_factory=list)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/oauth2/token":
            return httpx.Response(200, json={"access_token": "token", "expires_in": 100})
        if request.url.path == "/v1/notifications/verify-webhook-signature":
            self.questions.append(json.loads(request.content))
            self.raw_questions.append(request.content)
            return self.verdict
        self.fetched.append(str(request.url))
        answer = self.certificates.get(str(request.url), httpx.Response(404))
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def receiver(
        self, folder: Path, *, cert_url_base: str = "", trusted: str = "root", handler: Handler | None = None
    ) -> PaypalProvider:
        """Return an adapter that trusts one authority; what it fetches is answered by the handler, if there is one."""
        ca_file = folder / "ca.pem"
        ca_file.write_bytes(pem(authority(trusted)))
        access = Access(
            "client", "secret", WEBHOOK_ID, "https://paypal.example", cert_url_base=cert_url_base, ca_file=str(ca_file)
        )
        return PaypalProvider(access, timeout=1, max_calls=100, transport=httpx.MockTransport(handler or self))


def serving(*chain: x509.Certificate, url: str = CERT_URL) -> Internet:
    """Return an internet where a chain is at an address."""
    return Internet({url: httpx.Response(200, content=pem(*chain))})


async def accepted(internet: Internet, folder: Path, body: bytes = BODY, **changes: Any) -> None:
    """Have a webhook verified; what is changed of its headers is by their names."""
    await internet.receiver(folder).verify(body, headers(**changes), NOW)


async def refused(internet: Internet, folder: Path, body: bytes = BODY, **changes: Any) -> None:
    """Have a webhook refused for its signature."""
    with pytest.raises(SignatureInvalidError):
        await accepted(internet, folder, body, **changes)
