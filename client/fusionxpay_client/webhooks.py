"""Webhooks as they come in: verified, and as typed as what the API returns."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import standardwebhooks
from fusionx.notify.v1 import event_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor

from fusionxpay_client.answers import is_map, number_of_newer
from fusionxpay_client.models import Event

SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{32,}={0,2}")
"""24 bytes at the least, in base64: what is shorter, or no base64, would be a key that anybody can guess."""


class WebhookVerificationError(Exception):
    """The request is not a webhook of the gateway's: its signature is missing or wrong, or it is too old or too new."""


class Webhook:
    """Verifies what comes to one webhook endpoint, by its signing secret (`whsec_…`).

    During a rotation requests carry the signatures of both secrets, and either is enough. Endpoints that sign with
    Ed25519 have no secret, and are verified otherwise (`docs/webhooks.md`). Raises ValueError for what is no secret.
    """

    def __init__(self, secret: str) -> None:
        if not isinstance(secret, str) or not SECRET.fullmatch(secret):
            raise ValueError("a signing secret is whsec_ and 32 letters or more of base64, as the gateway shows it")
        self._verifier = standardwebhooks.Webhook(secret)

    def verify(self, body: bytes, headers: Mapping[str, str]) -> Event:
        """Return the event of a request, from its body as it came and its headers.

        Raises:
            WebhookVerificationError: the request is not genuine, or more than five minutes off.
        """
        if not isinstance(body, (bytes, str)):
            raise WebhookVerificationError("the body has to be as it came, in bytes, not parsed")
        try:
            return event_of(self._verifier.verify(body, dict(headers)))
        except (standardwebhooks.WebhookVerificationError, ValueError) as error:
            # a header or a body of another form is a ValueError of the library's
            raise WebhookVerificationError(str(error)) from None


def event_of(document: Any) -> Event:
    """Return the event in a JSON document of the gateway's, without fields that are newer than this package.

    A word that is newer, such as a status, is kept as it came.

    Raises ValueError when it is none.
    """
    try:
        event = event_pb2.Event(event_id=document["id"], type=document["type"])
        event.create_time.FromJsonString(document["timestamp"])
        data = _numbered(document["data"], event.data.DESCRIPTOR)
        json_format.ParseDict(data, event.data, ignore_unknown_fields=True)
    except (LookupError, TypeError, AttributeError, json_format.ParseError) as error:
        raise ValueError(f"not an event: {error}") from None
    kind = event.data.WhichOneof("resource")
    if kind:
        resource = getattr(event.data, kind)
        # a ping is of an endpoint or of a channel, has no version of its own and belongs to no order
        event.resource_id = (
            getattr(resource, f"{kind}_id", "") or resource.webhook_endpoint_id or resource.notification_channel_id
        )
        event.resource_version = getattr(resource, "version", 1)
        event.order_id = getattr(resource, "order_id", "")
    return Event(event)


def _numbered(document: Any, message: Descriptor) -> Any:
    """Return a document in which each word that the contract does not know here has a number in its place."""
    if not isinstance(document, dict):
        return document
    return {name: _numbers_in(value, message.fields_by_name.get(name)) for name, value in document.items()}


def _numbers_in(value: Any, field: Any) -> Any:
    if field is None or is_map(field):
        return value
    if isinstance(value, list):
        return [_numbers_in(one, field) for one in value]
    if field.enum_type is not None and isinstance(value, str):
        return value if value in field.enum_type.values_by_name else number_of_newer(value)
    if field.message_type is not None and field.message_type.full_name.startswith("fusionx."):
        return _numbered(value, field.message_type)
    return value


def event_of_json(text: str) -> Event:
    """Return the event in a text of JSON."""
    return event_of(json.loads(text))
