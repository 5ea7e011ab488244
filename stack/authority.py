"""The certificate authority of a development mesh: makes itself, and a short-lived certificate for each process.

For one machine or one compose file. In production, certificates come from where the platform has them (SPIRE,
cert-manager), under the same names. ECDSA P-256, as RFC 8446 section 9.1 requires of every implementation.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mesh.tls import TRUST_DOMAIN, TlsFiles
from stack.state import write_private

CA_LIFETIME = timedelta(days=3650)
LIFETIME = timedelta(days=90)
RENEW_BEFORE = timedelta(days=30)
# a clock that is a little behind must not refuse what was issued a moment ago
BACKDATED = timedelta(minutes=5)

PUBLIC = "public"
NATS_NAME = "nats"
MESH_NAMES = ("order_svc", "payment_svc", "notify_svc", "edge", "audit_svc", "console", "envoy", NATS_NAME, "operator")
"""The processes that have a name in the mesh; `operator` is the command line."""
PUBLIC_HOSTS = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class Subject:
    """Whom a certificate is for: names, addresses, and for processes of the mesh a SPIFFE id."""

    name: str
    hosts: Sequence[str]
    uri: str = ""

    @classmethod
    def of_process(cls, name: str) -> Subject:
        """Return the subject of a process: reachable by no address, since clients ask for its name."""
        # nodes of NATS dial each other by address
        hosts = [name, "127.0.0.1"] if name == NATS_NAME else [name]
        return cls(name, hosts, TRUST_DOMAIN + name)


class Authority:
    """A CA in a folder: `ca.pem`, `ca.key`, and a folder for each certificate with `cert.pem`, `key.pem`, `ca.pem`."""

    def __init__(self, folder: Path, public_hosts: Sequence[str] = ()) -> None:
        """Open the CA, and make it where there is none.

        Without `public_hosts` the public certificate has those of the one that is there, else `PUBLIC_HOSTS`.
        """
        self._folder = folder
        self._public_hosts = public_hosts
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._key_file.exists():
            self._make()
        self._certificate = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
        key = load_pem_private_key(self._key_file.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key

    @property
    def ca_file(self) -> Path:
        """The CA's certificate, which clients trust."""
        return self._folder / "ca.pem"

    @property
    def _key_file(self) -> Path:
        return self._folder / "ca.key"

    def files(self, name: str) -> TlsFiles:
        """Return where the files of a name are."""
        folder = self._folder / name
        return TlsFiles(folder / "cert.pem", folder / "key.pem", folder / "ca.pem")

    def issue_all(self, *, renew: bool = False, lifetime: timedelta = LIFETIME) -> list[str]:
        """Issue every certificate that is missing or ends soon, or all of them; return the names.

        A public one that another CA has issued stays: whoever put it there renews it.
        """
        subjects = [Subject.of_process(name) for name in MESH_NAMES]
        if not self.has_foreign_public():
            subjects.append(Subject(PUBLIC, self._public_hosts or self._hosts_there() or PUBLIC_HOSTS))
        issued = [subject for subject in subjects if renew or self._is_due(subject.name) or self._lacks_a_name(subject)]
        for subject in issued:
            self.issue(subject, lifetime)
        return [subject.name for subject in issued]

    def issue(self, subject: Subject, lifetime: timedelta = LIFETIME) -> TlsFiles:
        """Issue a certificate with a key of its own, over the one that was there."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        names: list[x509.GeneralName] = [_general_name(host) for host in subject.hosts]
        if subject.uri:
            names.append(x509.UniformResourceIdentifier(subject.uri))
        usages = [ExtendedKeyUsageOID.SERVER_AUTH] + ([ExtendedKeyUsageOID.CLIENT_AUTH] if subject.uri else [])
        certificate = (
            _builder(subject.name, self._certificate.subject, key.public_key(), now, min(lifetime, CA_LIFETIME))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        files = self.files(subject.name)
        files.cert.parent.mkdir(mode=0o700, exist_ok=True)
        write_private(files.ca, self.ca_file.read_text())
        # the certificate last: whoever reads in between has a key that does not fit, and waits
        write_private(files.key, _pem(key))
        write_private(files.cert, certificate.public_bytes(Encoding.PEM).decode())
        return files

    def has_foreign_public(self) -> bool:
        """Whether the public certificate is of another CA: clients trust that one, and not this."""
        certificate = self._public()
        # by name: one of ours may be of a key that is gone
        return certificate is not None and certificate.issuer != self._certificate.subject

    def _public(self) -> x509.Certificate | None:
        file = self.files(PUBLIC).cert
        return x509.load_pem_x509_certificate(file.read_bytes()) if file.exists() else None

    def _hosts_there(self) -> list[str]:
        """Return the names and addresses of the public certificate that is there."""
        certificate = self._public()
        if certificate is None:
            return []
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return [str(name.value) for name in named]

    def _lacks_a_name(self, subject: Subject) -> bool:
        """Tell whether a process's certificate is of a version that gave it fewer names."""
        if not subject.uri:
            return False
        certificate = x509.load_pem_x509_certificate(self.files(subject.name).cert.read_bytes())
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return not {_general_name(host) for host in subject.hosts} <= set(named)

    def _is_due(self, name: str) -> bool:
        files = self.files(name)
        if not (files.cert.exists() and files.key.exists() and files.ca.exists()):
            return True
        certificate = x509.load_pem_x509_certificate(files.cert.read_bytes())
        return certificate.not_valid_after_utc - datetime.now(UTC) < RENEW_BEFORE

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "FusionXPay development CA")])
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            _builder("", name, key.public_key(), datetime.now(UTC), CA_LIFETIME)
            .subject_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        write_private(self.ca_file, certificate.public_bytes(Encoding.PEM).decode())
        write_private(self._key_file, _pem(key))


def _builder(
    subject: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED if lifetime > timedelta() else now + lifetime - BACKDATED)
        .not_valid_after(now + lifetime)
    )
    if subject:
        builder = builder.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
    return builder


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
