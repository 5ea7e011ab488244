"""PayPal's webhooks: signed with a certificate that can be checked without asking anybody."""

import base64
import json
import zlib
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.verification import PolicyBuilder, Store

from tests.sandbox.harness import JSON, WEBHOOK_ID, Received, Receiver, Sandbox
from tests.sandbox.paypal.harness import Paypal

HOST = "messageverificationcerts.sandbox.paypal.com"
COMPLETED = "PAYMENT.CAPTURE.COMPLETED"


def verify(sandbox: Sandbox, received: Received) -> JSON:
    """Chain, name and signature, as a merchant checks them offline."""
    chain = x509.load_pem_x509_certificates(httpx.get(received.headers["PAYPAL-CERT-URL"]).content)
    authority = x509.load_pem_x509_certificate((sandbox.folder / "paypal-ca.pem").read_bytes())
    verifier = PolicyBuilder().store(Store([authority])).build_server_verifier(x509.DNSName(HOST))
    leaf, *_ = verifier.verify(chain[0], chain[1:])
    names = ("PAYPAL-TRANSMISSION-ID", "PAYPAL-TRANSMISSION-TIME")
    signed = "|".join([*(received.headers[name] for name in names), WEBHOOK_ID, str(zlib.crc32(received.body))])
    key, signature = leaf.public_key(), base64.b64decode(received.headers["PAYPAL-TRANSMISSION-SIG"])
    assert isinstance(key, RSAPublicKey)
    key.verify(signature, signed.encode(), PKCS1v15(), hashes.SHA256())
    return dict(json.loads(received.body))


def question(received: Received) -> JSON:
    """The body of a request to verify-webhook-signature."""
    names = ("AUTH-ALGO", "CERT-URL", "TRANSMISSION-ID", "TRANSMISSION-SIG", "TRANSMISSION-TIME")
    asked = {name.lower().replace("-", "_"): received.headers[f"PAYPAL-{name}"] for name in names}
    return {**asked, "webhook_id": WEBHOOK_ID, "webhook_event": json.loads(received.body)}


def test_a_signature_is_verified_offline(paypal: Paypal, receiver: Receiver) -> None:
    capture = paypal.captured()
    [received] = receiver.wait(capture["id"], COMPLETED)
    event = verify(paypal.sandbox, received)
    assert (event["event_type"], event["resource_type"]) == (COMPLETED, "capture")
    assert event["resource"]["custom_id"] == paypal.payment_id
    assert event["resource"]["supplementary_data"]["related_ids"]["order_id"]
    assert received.headers["PAYPAL-AUTH-ALGO"] == "SHA256withRSA"
    assert urlsplit(received.headers["PAYPAL-CERT-URL"]).path.startswith("/paypal/v1/notifications/certs/CERT-")
    assert paypal.get(f"/v1/notifications/webhooks-events/{event['id']}") == event


def test_paypal_can_be_asked_whether_a_webhook_is_genuine(paypal: Paypal, receiver: Receiver) -> None:
    order = paypal.approved(description="Grüße, 日本")
    [received] = receiver.wait(order["id"], "CHECKOUT.ORDER.APPROVED")
    url, asked = "/v1/notifications/verify-webhook-signature", question(received)
    assert paypal.post(url, asked).json() == {"verification_status": "SUCCESS"}
    forged = {**asked, "webhook_event": {**asked["webhook_event"], "summary": "forged"}}
    for changed in (forged, {**asked, "webhook_id": "WH-OTHER"}, {**asked, "transmission_sig": "?"}):
        assert paypal.post(url, changed).json() == {"verification_status": "FAILURE"}


def test_a_corrupt_signature_fails_and_the_retry_is_the_same_transmission(paypal: Paypal, receiver: Receiver) -> None:
    match = {"payment_id": paypal.payment_id}
    paypal.sandbox.post("faults", kind="webhook_corrupt", provider="paypal", operation=COMPLETED, match=match)
    order = paypal.approved()
    receiver.answers[order["id"]] = [400] * 4
    capture = paypal.capture(order).json()["purchase_units"][0]["payments"]["captures"][0]
    bad, good = receiver.wait(capture["id"], COMPLETED, count=2)[:2]
    with pytest.raises(InvalidSignature):
        verify(paypal.sandbox, bad)
    assert verify(paypal.sandbox, good)["resource"]["id"] == capture["id"]
    assert bad.headers["PAYPAL-TRANSMISSION-ID"] == good.headers["PAYPAL-TRANSMISSION-ID"]


def test_events_are_found_by_payment_and_order(paypal: Paypal, receiver: Receiver) -> None:
    capture = paypal.captured()
    receiver.wait(capture["id"], COMPLETED)
    for wanted in ({"payment_id": paypal.payment_id}, {"order_id": paypal.order_id}):
        types = {one["event_type"] for one in paypal.sandbox.get("webhooks", **wanted)["deliveries"]}
        assert types == {"CHECKOUT.ORDER.APPROVED", COMPLETED, "CHECKOUT.ORDER.COMPLETED"}


def test_only_the_current_certificate_is_served(sandbox: Sandbox) -> None:
    answer = httpx.get(f"{sandbox.url}/paypal/v1/notifications/certs/CERT-nobody")
    assert (answer.status_code, answer.json()["name"]) == (404, "RESOURCE_NOT_FOUND")


def test_the_certificates_can_be_said_to_be_elsewhere(own_sandbox: Sandbox, receiver: Receiver, order_id: str) -> None:
    own_sandbox.stop()
    authority = own_sandbox.folder / "trusted.pem"
    own_sandbox.settings |= {
        "SANDBOX_PAYPAL_CERT_URL_BASE": "https://api.sandbox.paypal.com",
        "SANDBOX_PAYPAL_CA_FILE": str(authority),
    }
    own_sandbox.start()
    with Paypal.session(own_sandbox, Paypal.log_in(own_sandbox)) as http:
        order = Paypal(own_sandbox, http, order_id).approved()
    [received] = receiver.wait(order["id"], "CHECKOUT.ORDER.APPROVED")
    assert received.headers["PAYPAL-CERT-URL"].startswith("https://api.sandbox.paypal.com/v1/notifications/certs/")
    assert x509.load_pem_x509_certificate(authority.read_bytes()).subject
