"""Signatures of events, by what receivers verify them with."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from standardwebhooks import Webhook

from notify_svc.domain import signing
from tests.support.merchant.signatures import verify_ed25519

BODY = b'{"type": "order.created"}'


def test_secret_is_one_that_the_public_library_takes_and_verifies_with() -> None:
    secret, now = signing.new_secret(secrets.token_bytes), datetime.now(UTC)
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 24
    signed = signing.signature(secret, "msg", BODY, now)
    headers = {"webhook-id": "msg", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signed}
    assert Webhook(secret).verify(BODY, headers) == {"type": "order.created"}
    assert signing.public_key(secret) == ""


def test_private_key_signs_what_its_public_key_verifies() -> None:
    private = signing.new_private_key(secrets.token_bytes)
    public = signing.public_key(private)
    now = datetime.now(UTC)
    signed = signing.signature(private, "msg", BODY, now)
    moment = str(int(now.timestamp()))
    verify_ed25519(public, signed, "msg", moment, BODY)
    for other in (("msg2", moment, BODY), ("msg", str(int(moment) + 1), BODY), ("msg", moment, BODY + b" ")):
        with pytest.raises(InvalidSignature):
            verify_ed25519(public, signed, *other)


def test_keys_are_those_of_the_standard() -> None:
    """RFC 8032, section 7.1, test 1: the public key of a known private one."""
    private = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    written = "whsk_" + base64.b64encode(private).decode()
    assert signing.public_key(written) == "whpk_" + base64.b64encode(public).decode()
