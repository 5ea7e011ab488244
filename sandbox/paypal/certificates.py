"""The certificates behind webhook signatures: a CA of the sandbox's own, and a leaf named as PayPal's is."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOST = "messageverificationcerts.sandbox.paypal.com"
_VALID = timedelta(days=3650)
_BITS = 2048
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_CA_USAGE = ("key_cert_sign", "crl_sign")
_LEAF_USAGE = ("digital_signature", "key_encipherment")
_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Certificates:
    """The leaf's key, and the chain from the leaf to the CA."""

    key: RSAPrivateKey
    chain: Sequence[x509.Certificate]

    @classmethod
    def open(cls, path: Path, ca_path: Path) -> "Certificates":
        """Load them from beside the database; make them at the first start."""
        if not path.exists():
            _write(path, _pem(*_issue()), 0o600)
        key, _, certificates = path.read_bytes().partition(_BEGIN)
        private = load_pem_private_key(key, None)
        assert isinstance(private, RSAPrivateKey), "this module writes nothing else"
        opened = cls(private, x509.load_pem_x509_certificates(_BEGIN + certificates))
        _write(ca_path, opened.chain[-1].public_bytes(Encoding.PEM), 0o644)
        return opened

    @property
    def id(self) -> str:
        """The last part of the certificate's URL: other certificates, another URL."""
        return f"CERT-{self.chain[0].fingerprint(hashes.SHA256()).hex()[:32]}"

    @property
    def pem(self) -> bytes:
        """The chain as it is downloaded, leaf first."""
        return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in self.chain)


def _issue() -> tuple[RSAPrivateKey, list[x509.Certificate]]:
    ca_key, key = (generate_private_key(65537, _BITS) for _ in range(2))
    ca_name, name = _name("FusionXPay Sandbox CA"), _name(HOST)
    ca = _builder(ca_name, ca_name, ca_key, ca_key, _CA_USAGE)
    leaf = (
        _builder(name, ca_name, key, ca_key, _LEAF_USAGE)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    # The CA's key is not kept: it signs this one leaf.
    return key, [builder.sign(ca_key, hashes.SHA256()) for builder in (leaf, ca)]


def _builder(
    subject: x509.Name, issuer: x509.Name, key: RSAPrivateKey, issuer_key: RSAPrivateKey, usage: Sequence[str]
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    is_ca = "key_cert_sign" in usage
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=0 if is_ca else None), critical=True)
        .add_extension(x509.KeyUsage(**{name: name in usage for name in _USAGES}), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(key: RSAPrivateKey, chain: Sequence[x509.Certificate]) -> bytes:
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return secret + b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)


def _write(path: Path, content: bytes, mode: int) -> None:
    """All or nothing: who dies while writing leaves the path as it was."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)
