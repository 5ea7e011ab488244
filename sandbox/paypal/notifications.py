"""Webhooks: how PayPal signs them, where its certificates are, and asking PayPal whether one is genuine."""

import base64
import binascii
import json
import uuid
import zlib
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.paypal import tokens
from sandbox.paypal.account import NAME, Account, new_id
from sandbox.paypal.certificates import Certificates
from sandbox.paypal.errors import PaypalError, invalid, not_found
from sandbox.paypal.fields import Fields, decode
from sandbox.web.replies import Reply, pretty

_ALGORITHM = "SHA256withRSA"
_USER_AGENT = "PayPal/AUHD-214.0-58843307"


class Notifications:
    """Signs what leaves, and serves ``/v1/notifications``."""

    def __init__(self, account: Account) -> None:
        settings = account.settings
        self._account = account
        self._webhook_id = settings.webhook_id
        folder = Path(account.world.settings.database).parent
        ca_file = Path(settings.ca_file) if settings.ca_file else folder / "paypal-ca.pem"
        self._certificates = Certificates.open(folder / "paypal-webhooks.pem", ca_file)
        base = settings.cert_url_base.rstrip("/") or account.url
        self._cert_url = f"{base}/v1/notifications/certs/{self._certificates.id}"

    def routes(self) -> list[Route]:
        """Certificates need no token: whoever receives a webhook may fetch them."""
        base = f"/{NAME}/v1/notifications"
        return [
            Route(f"{base}/certs/{{id}}", self._certificate),
            Route(f"{base}/webhooks-events/{{id}}", self._event),
            Route(f"{base}/verify-webhook-signature", self._verify, methods=["POST"]),
        ]

    def sign(self, body: bytes) -> dict[str, str]:
        """The headers of one delivery. Every copy and retry of an event has the same transmission id."""
        try:
            event_id = str(json.loads(body)["id"])
        except (ValueError, TypeError, LookupError, RecursionError):
            # signed for a test, as the control API may ask for: no event of ours
            event_id = str(uuid.uuid4())
        transmission_id = str(uuid.uuid5(uuid.NAMESPACE_OID, event_id.encode("utf-8", "replace").decode()))
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        message = _message(transmission_id, at, self._webhook_id, body)
        signature = self._certificates.key.sign(message, PKCS1v15(), hashes.SHA256())
        return {
            "PAYPAL-AUTH-ALGO": _ALGORITHM,
            "PAYPAL-AUTH-VERSION": "v2",
            "PAYPAL-CERT-URL": self._cert_url,
            "PAYPAL-TRANSMISSION-ID": transmission_id,
            "PAYPAL-TRANSMISSION-SIG": base64.b64encode(signature).decode(),
            "PAYPAL-TRANSMISSION-TIME": at,
            "User-Agent": _USER_AGENT,
        }

    async def _certificate(self, request: Request) -> Response:
        if request.path_params["id"] != self._certificates.id:
            return not_found().reply(new_id()).response()
        return Response(self._certificates.pem, media_type="application/x-pem-file")

    async def _event(self, request: Request) -> Response:
        """Show event notification details."""
        try:
            tokens.check(self._account, request.headers.get("authorization", ""))
            return Reply.of(self._account.load("event", request.path_params["id"]).body).response()
        except PaypalError as error:
            return error.reply(new_id()).response()

    async def _verify(self, request: Request) -> Response:
        """Verify webhook signature."""
        try:
            tokens.check(self._account, request.headers.get("authorization", ""))
            genuine = self._is_genuine(decode(await request.body()))
        except PaypalError as error:
            return error.reply(new_id()).response()
        return Reply.of({"verification_status": "SUCCESS" if genuine else "FAILURE"}).response()

    def _is_genuine(self, fields: Fields) -> bool:
        if "webhook_event" not in fields:
            raise invalid("MISSING_REQUIRED_PARAMETER", "/webhook_event")
        names = ("transmission_id", "transmission_time", "webhook_id")
        transmission_id, at, webhook_id = (fields.required(name) for name in names)
        signature, cert_url = fields.required("transmission_sig", 500), fields.required("cert_url", 500)
        # The event comes parsed; written as it was sent, it has the same bytes again.
        message = _message(transmission_id, at, webhook_id, pretty(fields.nested("webhook_event").values))
        ours = (webhook_id, cert_url, fields.required("auth_algo")) == (self._webhook_id, self._cert_url, _ALGORITHM)
        return ours and self._has_signed(message, signature)

    def _has_signed(self, message: bytes, signature: str) -> bool:
        try:
            raw = base64.b64decode(signature, validate=True)
            self._certificates.key.public_key().verify(raw, message, PKCS1v15(), hashes.SHA256())
        except (binascii.Error, InvalidSignature):
            return False
        return True


def _message(transmission_id: str, at: str, webhook_id: str, body: bytes) -> bytes:
    """What is signed: the body takes part by its CRC-32, as an unsigned decimal."""
    return f"{transmission_id}|{at}|{webhook_id}|{zlib.crc32(body)}".encode()
