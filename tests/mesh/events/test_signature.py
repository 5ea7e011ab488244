"""Signatures of events: whose they are, for what, as of when, and across changes of keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mesh.events.signature import CERTIFICATE, SIGNATURE, ForgedError, Signer, Verifier
from mesh.signatures.signing import to_bytes, to_text
from mesh.tls import TlsFiles
from stack.authority import Authority, Subject

PAID = "fusionx.payment.v1.succeeded"
CREATED = "fusionx.order.v1.created"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tls")


@pytest.fixture
def issue(authority: Authority) -> Callable[[str], TlsFiles]:
    return lambda name: authority.issue(Subject.of_process(name))


@pytest.fixture
def verifier(issue: Callable[[str], TlsFiles]) -> Verifier:
    return Verifier(issue("order_svc"))


def now() -> datetime:
    return datetime.now(UTC)


def test_each_of_many_events_is_proven_by_itself(issue: Callable[[str], TlsFiles], verifier: Verifier) -> None:
    events = [(PAID, f"event {number}".encode()) for number in range(19)]
    proofs = Signer(issue("payment_svc")).sign(events)
    assert len({proof[SIGNATURE] for proof in proofs}) == 3
    for (subject, payload), proof in zip(events, proofs, strict=True):
        verifier.check(subject, payload, proof, now())
        with pytest.raises(ForgedError, match="for something else"):
            verifier.check(subject, payload + b".", proof, now())


def test_what_is_signed_for_one_subject_is_nothing_on_another(
    issue: Callable[[str], TlsFiles], verifier: Verifier
) -> None:
    (proof,) = Signer(issue("payment_svc")).sign([("fusionx.payment.v1.failed", b"event")])
    with pytest.raises(ForgedError, match="for something else"):
        verifier.check(PAID, b"event", proof, now())
    with pytest.raises(ForgedError, match="not by order_svc"):
        verifier.check(CREATED, b"event", proof, now())


@pytest.mark.parametrize("subject", ["fusionx.notify.v1.ping", "fusionx.payment.v2.succeeded", "payment"])
def test_subject_that_nobody_publishes_to_has_no_signer(
    subject: str, issue: Callable[[str], TlsFiles], verifier: Verifier
) -> None:
    for name in ("payment_svc", "notify_svc", "operator"):
        (proof,) = Signer(issue(name)).sign([(subject, b"event")])
        with pytest.raises(ForgedError, match="not by any publisher"):
            verifier.check(subject, b"event", proof, now())


def test_keys_are_changed_while_what_the_old_one_signed_is_on_its_way(
    issue: Callable[[str], TlsFiles], verifier: Verifier
) -> None:
    (before,) = Signer(issue("payment_svc")).sign([(PAID, b"event")])
    (after,) = Signer(issue("payment_svc")).sign([(PAID, b"event")])
    assert before[CERTIFICATE] != after[CERTIFICATE]
    for proof in (before, after):
        verifier.check(PAID, b"event", proof, now())
    with pytest.raises(ForgedError, match="not that of the certificate's owner"):
        verifier.check(PAID, b"event", {SIGNATURE: before[SIGNATURE], CERTIFICATE: after[CERTIFICATE]}, now())


def test_certificate_of_another_ca_is_nobodys(
    tmp_path: Path, issue: Callable[[str], TlsFiles], verifier: Verifier
) -> None:
    foreign = Authority(tmp_path / "foreign").issue(Subject.of_process("payment_svc"))
    (proof,) = Signer(foreign).sign([(PAID, b"event")])
    with pytest.raises(ForgedError, match="not of the mesh"):
        verifier.check(PAID, b"event", proof, now())


def test_certificate_that_has_run_out_signs_nothing_and_proves_nothing_later(
    authority: Authority, verifier: Verifier
) -> None:
    signer = Signer(authority.issue(Subject.of_process("payment_svc"), timedelta(minutes=10)))
    (proof,) = signer.sign([(PAID, b"event")])
    verifier.check(PAID, b"event", proof, now() + timedelta(minutes=9))
    with pytest.raises(ForgedError, match="not in force"):
        verifier.check(PAID, b"event", proof, now() + timedelta(minutes=11))
    late = Signer(authority.files("payment_svc"), clock=lambda: now() + timedelta(minutes=11))
    with pytest.raises(ConnectionError, match="expired"):
        late.sign([(PAID, b"event")])


def test_event_that_was_published_once_is_not_published_again_by_somebody_else(
    issue: Callable[[str], TlsFiles], verifier: Verifier
) -> None:
    (proof,) = Signer(issue("payment_svc")).sign([(PAID, b"event")])
    verifier.check(PAID, b"event", proof, now() + timedelta(minutes=59))
    with pytest.raises(ForgedError, match="published before"):
        verifier.check(PAID, b"event", proof, now() + timedelta(minutes=61))


def test_events_of_before_signatures_pass_unsigned_but_never_wrongly_signed(issue: Callable[[str], TlsFiles]) -> None:
    began = now()
    verifier = Verifier(issue("order_svc"), required_from=began)
    verifier.check(PAID, b"event", {}, began - timedelta(seconds=1))
    with pytest.raises(ForgedError, match="not signed"):
        verifier.check(PAID, b"event", {}, began)
    (proof,) = Signer(issue("notify_svc")).sign([(PAID, b"event")])
    with pytest.raises(ForgedError, match="signed by notify_svc"):
        verifier.check(PAID, b"event", proof, began - timedelta(seconds=1))


@pytest.mark.parametrize(
    "headers",
    [
        {SIGNATURE: ""},
        {SIGNATURE: "AAAA.AAAA", CERTIFICATE: ""},
        {SIGNATURE: "AAAA.AAAA", CERTIFICATE: "AAAA"},
        {SIGNATURE: "AAAA.AAAA", CERTIFICATE: "\u00e9"},
    ],
)
def test_headers_that_are_none_of_ours_prove_nothing(verifier: Verifier, headers: dict[str, str]) -> None:
    with pytest.raises(ForgedError):
        verifier.check(PAID, b"event", headers, now())


@pytest.mark.parametrize("text", ["", ".", "AAAA", "AAAA.AAAA", "a.b.c", "\u00e9.\u00e9", "AAAA." + "A" * 44])
def test_signature_that_is_none_proves_nothing(text: str, issue: Callable[[str], TlsFiles], verifier: Verifier) -> None:
    (proof,) = Signer(issue("payment_svc")).sign([(PAID, b"event")])
    with pytest.raises(ForgedError):
        verifier.check(PAID, b"event", proof | {SIGNATURE: text}, now())


def test_certificate_of_a_version_that_there_is_not_proves_nothing(
    issue: Callable[[str], TlsFiles], verifier: Verifier
) -> None:
    """What it raises is no ValueError: it stopped the consumer, and whatever was fetched beside it."""
    (proof,) = Signer(issue("payment_svc")).sign([(PAID, b"event")])
    der = to_bytes(proof[CERTIFICATE].partition(".")[0])
    version = der.index(bytes.fromhex("a003020102")) + 4
    odd = der[:version] + b"\x07" + der[version + 1 :]
    with pytest.raises(ForgedError, match="cannot be read"):
        verifier.check(PAID, b"event", proof | {CERTIFICATE: to_text(odd)}, now())
