"""The development CA renews what it has issued, and nothing of anybody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from cli.__main__ import app
from stack.authority import MESH_NAMES, PUBLIC, Authority

HOSTS = ["api.shop.example", "203.0.113.7"]


def of_another_ca(ends_in: timedelta) -> bytes:
    """Return a public certificate as one is bought."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A public CA")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOSTS[0])])
    made = x509.CertificateBuilder().issuer_name(issuer).subject_name(subject).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=80)).not_valid_after(now + ends_in)
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["certificates", "--folder", str(folder), *arguments])
    return result.exit_code, result.output


def hosts_of(authority: Authority) -> list[str]:
    certificate = x509.load_pem_x509_certificate(authority.files(PUBLIC).cert.read_bytes())
    return [
        str(name.value) for name in certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    ]


@pytest.mark.parametrize("arguments", [[], ["--renew"], ["--renew", "--host", "localhost"]])
@pytest.mark.parametrize("days", [-1, 5, 60])
def test_public_certificate_of_another_ca_stays(tmp_path: Path, arguments: list[str], days: int) -> None:
    authority = Authority(tmp_path)
    authority.issue_all()
    bought = of_another_ca(timedelta(days=days))
    authority.files(PUBLIC).cert.write_bytes(bought)
    code, said = run(tmp_path, *arguments)
    assert (code, "public: stays" in said) == (0, True)
    assert authority.files(PUBLIC).cert.read_bytes() == bought
    assert [name for name in MESH_NAMES if f"{name}: " in said] == (list(MESH_NAMES) if arguments else [])


@pytest.mark.parametrize("arguments", [[], ["--host", "other.example"]])
def test_renewed_public_certificate_has_the_hosts_that_it_had(tmp_path: Path, arguments: list[str]) -> None:
    assert run(tmp_path, *(word for host in HOSTS for word in ("--host", host)))[0] == 0
    before = Authority(tmp_path).files(PUBLIC).cert.read_bytes()
    assert run(tmp_path, "--renew", *arguments)[0] == 0
    assert Authority(tmp_path).files(PUBLIC).cert.read_bytes() != before
    assert hosts_of(Authority(tmp_path)) == (arguments[1:] or HOSTS)


def test_nothing_is_renewed_where_no_ca_is(tmp_path: Path) -> None:
    code, said = run(tmp_path / "elsewhere", "--renew")
    assert (code, "no CA in" in said.replace("\n", " ")) == (2, True)
    assert not (tmp_path / "elsewhere").exists()
