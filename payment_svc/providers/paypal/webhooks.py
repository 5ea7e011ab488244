"""PayPal's webhooks: their signature, and the order or refund that they point at.

Source: PayPal's "Webhooks" integration guide, on verifying a message yourself, and its "Webhooks Management" reference.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from payment_svc.providers.base import Loss, ProviderError, ProviderEvent, SignatureInvalidError, UnavailableError
from payment_svc.providers.paypal import disputes, requests
from payment_svc.providers.paypal.certificates import Certificates, CertificateUnavailableError
from payment_svc.providers.paypal.client import PaypalClient

SIGNATURE = "paypal-transmission-sig"
TRANSMISSION, TIME = "paypal-transmission-id", "paypal-transmission-time"
CERT_URL, ALGORITHM = "paypal-cert-url", "paypal-auth-algo"
HEADERS = (SIGNATURE, TRANSMISSION, TIME, CERT_URL, ALGORITHM)
SHA256_RSA = "SHA256withRSA"
LONGEST_HEADER = 1024
OLDEST = timedelta(days=3, hours=1)
"""PayPal delivers an event up to 25 times over three days, and promises no new time for each."""
NEWEST = timedelta(minutes=5)
REMEMBERED = 10_000
LOSSES = {
    "PAYMENT.CAPTURE.REVERSED": Loss.REVERSED,
    "PAYMENT.CAPTURE.DENIED": Loss.DENIED,
    "PAYMENT.CAPTURE.DECLINED": Loss.DENIED,
}
"""Events after which money that was captured may be gone."""
DISPUTES = "CUSTOMER.DISPUTE."
ASKING_SECONDS = 8.0
"""How long PayPal may take to verify its own message: as a whole, as no other bound is on it."""
MAX_ASKED = 4
"""Questions to PayPal under way: they use the connections of payments, and anybody can give rise to one."""
API = "/v1/notifications/verify-webhook-signature"


class Verifier:
    """Decides whether a webhook was sent by PayPal, to the webhook of ours, recently, with this body."""

    def __init__(self, webhook_id: str, certificates: Certificates, api: PaypalClient) -> None:
        self._webhook_id = webhook_id
        self._certificates = certificates
        self._api = api
        self._seen: OrderedDict[str, bytes] = OrderedDict()
        self._asked = 0

    async def verify(self, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
        """Check the signature by PayPal's certificate; where that cannot be judged by us, PayPal is asked instead.

        Raises SignatureInvalidError, or UnavailableError when neither can be reached.
        """
        given = {name: headers.get(name, "") for name in HEADERS}
        _check_form(given)
        _check_time(given[TIME], now)
        self._certificates.check_address(given[CERT_URL])
        try:
            key = await self._certificates.key(given[CERT_URL], now)
        except CertificateUnavailableError:
            await self._ask_paypal(body, given)
        else:
            signed = signed_text(given[TRANSMISSION], given[TIME], self._webhook_id, body)
            try:
                key.verify(_decoded(given[SIGNATURE]), signed, PKCS1v15(), hashes.SHA256())
            except InvalidSignature:
                raise SignatureInvalidError("not PayPal's signature over this body for this webhook") from None
        self._check_transmission(given[TRANSMISSION], body)

    def _check_transmission(self, transmission_id: str, body: bytes) -> None:
        """Refuse a second body under the id of a transmission that has come before.

        Only the body's CRC-32 is signed, and another body with the same CRC is easily made. Nothing is believed of
        what a body says, but this way one signature is not good for any number of bodies.
        """
        digest = hashlib.sha256(body).digest()
        if self._seen.setdefault(transmission_id, digest) != digest:
            raise SignatureInvalidError("this transmission had another body")
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    async def _ask_paypal(self, body: bytes, given: Mapping[str, str]) -> None:
        """Have PayPal verify its own message (`verify-webhook-signature`), which must be passed on as it came."""
        try:
            _parsed(body)
        except ValueError as error:
            raise SignatureInvalidError(str(error)) from None
        question = {
            "auth_algo": given[ALGORITHM],
            "cert_url": given[CERT_URL],
            "transmission_id": given[TRANSMISSION],
            "transmission_sig": given[SIGNATURE],
            "transmission_time": given[TIME],
            "webhook_id": self._webhook_id,
        }
        content = json.dumps(question).encode()[:-1] + b', "webhook_event": ' + body + b"}"
        if self._asked >= MAX_ASKED:
            raise UnavailableError("PayPal is being asked about too many webhooks")
        self._asked += 1
        try:
            async with asyncio.timeout(ASKING_SECONDS):
                answer = await self._api.ask(API, content)
        except (ProviderError, TimeoutError) as error:
            raise UnavailableError("neither PayPal's certificate nor PayPal itself can be reached") from error
        finally:
            self._asked -= 1
        if answer.get("verification_status") != "SUCCESS":
            raise SignatureInvalidError("PayPal says that it has not sent this")


def signed_text(transmission_id: str, time: str, webhook_id: str, body: bytes) -> bytes:
    """Return what PayPal signs: the body takes part by its CRC-32, as an unsigned decimal."""
    return f"{transmission_id}|{time}|{webhook_id}|{zlib.crc32(body)}".encode()


def translate(body: bytes) -> ProviderEvent:
    """Read what the event is about. Raises ValueError when it is not an event.

    The event's own id stands for it: every copy and every redelivery has it, while the id of a transmission need not
    last beyond one delivery.
    """
    event = _parsed(body)
    try:
        told = ProviderEvent(
            event_id=_text(event["id"]),
            type=_text(event["event_type"]),
            reference="",
            payment_id="",
            create_time=datetime.fromisoformat(event["create_time"]).astimezone(UTC),
        )
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"not a PayPal event: {error!r}") from None
    try:
        return _about(told, str(event.get("resource_type")), event.get("resource") or {})
    except (KeyError, TypeError, AttributeError, IndexError):
        # about something without an id, or in a form that we do not know: it points at nothing of ours
        return told


def _about(told: ProviderEvent, kind: str, target: Mapping[str, Any]) -> ProviderEvent:
    if told.type.startswith(DISPUTES):
        capture, label = disputes.capture_of(target)
        owner, dispute = requests.labels_of(label)[0], _text(target["dispute_id"])
        return replace(told, reference=capture, payment_id=owner, dispute_reference=dispute)
    is_refund = kind == "refund"
    payment_id, refund_id = requests.labels_of(_custom_id(target))
    return replace(
        told,
        reference=_payment_of(target, is_order=kind == "checkout-order"),
        payment_id=payment_id,
        refund_id=refund_id if is_refund else "",
        refund_reference=_text(target["id"]) if is_refund else "",
        loss=LOSSES.get(told.type, Loss.NONE),
    )


def _check_form(given: Mapping[str, str]) -> None:
    if not all(given.values()):
        raise SignatureInvalidError("a header of PayPal's is missing")
    if any(len(value) > LONGEST_HEADER or "|" in value for value in given.values()):
        raise SignatureInvalidError("a header of PayPal's is not of its form")
    if given[ALGORITHM] != SHA256_RSA:
        raise SignatureInvalidError("signed in a way that PayPal does not sign")
    _decoded(given[SIGNATURE])


def _check_time(text: str, now: datetime) -> None:
    try:
        at = datetime.fromisoformat(text)
        age = now - at
    except (ValueError, TypeError):
        raise SignatureInvalidError("the time of the transmission is no time") from None
    if not -NEWEST <= age <= OLDEST:
        raise SignatureInvalidError("sent too long ago, or in the future")


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        raise SignatureInvalidError("the signature is not base64") from None


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("not a PayPal event: not JSON") from None
    if not isinstance(event, dict):
        raise ValueError("not a PayPal event: not an object")
    return event


def _custom_id(target: Mapping[str, Any]) -> object:
    """Return our label: on the resource itself, or on the one unit of an order."""
    units = target.get("purchase_units") or [{}]
    return target.get("custom_id") or units[0].get("custom_id")


def _payment_of(target: Mapping[str, Any], *, is_order: bool) -> str:
    """Return the order's id; a refund does not name it, but links to the capture that it gives back.

    What a capture was made of may be an authorization, which is no name of a payment's.
    """
    if is_order:
        return _text(target["id"])
    related = (target.get("supplementary_data") or {}).get("related_ids") or {}
    above = next((_text(link["href"]) for link in target.get("links") or () if link.get("rel") == "up"), "")
    linked = "" if "/authorizations/" in above else above.rpartition("/")[2]
    return _text(target.get("order_id") or related.get("order_id") or linked)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("an id that is no text")
    return value
