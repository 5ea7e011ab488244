"""What the OpenAPI document holds beside routes and messages: typed errors, servers, examples, and webhooks."""

from __future__ import annotations

import json
from typing import Any

from tools.event_catalogue import descriptions
from tools.event_examples import example

Json = dict[str, Any]
_ORDER = "01a2082a-1f0c-7a51-9f9e-6f6f0a4c2b11"
_ENDPOINT = "01a2082a-2c11-7d03-8a46-5b0e7f1d9c20"

SERVERS = [
    {
        "url": "{gateway}",
        "description": "Your gateway; the default is one that `make up` started on this machine.",
        "variables": {"gateway": {"default": "http://127.0.0.1:8080", "description": "Scheme, host and port."}},
    }
]

EXAMPLES: dict[str, Json] = {
    "CreateOrder": {
        "merchant_order_id": "1001",
        "amount": {"value": "12.00", "currency": "EUR"},
        "description": "A pair of shoes",
        "metadata": {"cart": "7"},
    },
    "CreatePayment": {
        "order_id": _ORDER,
        "provider": "stripe",
        "return_url": "https://shop.example/thanks?order={ORDER_ID}",
        "cancel_url": "https://shop.example/cart",
    },
    "CapturePayment": {"amount": {"value": "10.00", "currency": "EUR"}},
    "CreateRefund": {"amount": {"value": "2.00", "currency": "EUR"}, "reason": "too small"},
    "CreateWebhookEndpoint": {"url": "https://shop.example/hook", "event_types": ["order.*", "refund.*"]},
    "CreatePaymentLink": {
        "amount": {"value": "15.00", "currency": "EUR"},
        "description": "A seat in the workshop",
        "return_url": "https://shop.example/thanks?order={ORDER_ID}",
        "max_uses": 20,
    },
    "UpdatePaymentLink": {"enabled": False},
    "UpdateWebhookEndpoint": {"event_types": ["order.*"], "enabled": True},
    "RotateWebhookEndpointSecret": {"overlap": "3600s"},
    "CreateNotificationChannel": {"email": {"address": "shop@shop.example"}, "event_types": ["order.succeeded"]},
    "UpdateNotificationChannel": {"enabled": False},
    "ConfirmNotificationChannel": {"token": "the token of the link in the mail"},
    "ResendEvent": {"webhook_endpoint_id": _ENDPOINT},
    "ResendEvents": {
        "start_time": "2026-11-23T00:00:00Z",
        "end_time": "2026-11-24T00:00:00Z",
        "event_types": ["order.succeeded"],
    },
    "SetProviderAccount": {"credentials": {"api_key": "sk_test_…", "webhook_secret": "whsec_…"}},
    "AdvanceTestClock": {"by": "90000s"},
    "PreviewRoute": {"amount": {"value": "12.00", "currency": "EUR"}, "customer_country": "DE"},
    "UpdateRoutingPolicy": {
        "rules": [
            {"name": "all", "targets": [{"provider": "stripe", "weight": 1}, {"provider": "paypal", "weight": 0}]}
        ]
    },
}
"""A request of each RPC whose body has fields, by its name."""


def _detail(name: str, description: str, properties: Json) -> Json:
    kind = {"type": "string", "const": f"type.googleapis.com/google.rpc.{name}"}
    return {
        "type": "object",
        "description": description,
        "required": ["@type"],
        "properties": {"@type": kind, **properties},
    }


_TEXT: Json = {"type": "string"}
ERRORS: dict[str, Json] = {
    "Status": {
        "type": "object",
        "description": "google.rpc.Status (AIP-193); the reasons are listed in docs/errors.md.",
        "required": ["code", "message", "details"],
        "properties": {
            "code": {"type": "integer", "description": "The gRPC code."},
            "message": {"type": "string", "description": "For people: all that is wrong, and how to do it right."},
            "details": {
                "type": "array",
                "description": "More of it, each by its `@type`; ignore those that you do not know.",
                "items": {
                    "anyOf": [
                        {"$ref": "#/components/schemas/ErrorInfo"},
                        {"$ref": "#/components/schemas/BadRequest"},
                        {"$ref": "#/components/schemas/RequestInfo"},
                        {"$ref": "#/components/schemas/OtherDetail"},
                    ]
                },
            },
        },
    },
    "ErrorInfo": _detail(
        "ErrorInfo",
        "Why, for programs.",
        {
            "reason": {"type": "string", "description": "Such as ORDER_NOT_PAYABLE."},
            "domain": _TEXT,
            "metadata": {"type": "object", "additionalProperties": _TEXT},
        },
    ),
    "BadRequest": _detail(
        "BadRequest",
        "The fields that are wrong.",
        {
            "field_violations": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "description"],
                    "properties": {
                        "field": {"type": "string", "description": "The path of the field, such as `amount.value`."},
                        "description": _TEXT,
                    },
                },
            }
        },
    ),
    "RequestInfo": _detail(
        "RequestInfo", "What support asks for.", {"request_id": {"type": "string", "description": "As in the headers."}}
    ),
    "OtherDetail": {"type": "object", "required": ["@type"], "properties": {"@type": _TEXT}},
}


def webhooks() -> Json:
    """Return the `webhooks` of the document: what a merchant's server is sent, an entry a type of event."""
    headers = [
        {"name": name, "in": "header", "required": True, "description": words, "schema": _TEXT}
        for name, words in (
            ("webhook-id", "The event's id: the same in every repetition."),
            ("webhook-timestamp", "Seconds since 1970, when this attempt was signed."),
            ("webhook-signature", "By Standard Webhooks, over id, timestamp and body."),
        )
    ]
    return {name: {"post": _webhook(name, words, headers)} for name, words in descriptions().items()}


def _webhook(name: str, words: str, headers: list[Json]) -> Json:
    body: Json = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "id": _TEXT,
            "type": {"type": "string", "const": name},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"$ref": "#/components/schemas/EventData"},
        },
    }
    content = {"application/json": {"schema": body, "example": json.loads(example(name))}}
    return {
        "operationId": "on" + "".join(part.title() for part in name.replace("_", ".").split(".")),
        "tags": ["Webhooks"],
        "summary": words,
        "security": [],
        "parameters": headers,
        "requestBody": {"required": True, "content": content},
        "responses": {"2XX": {"description": "Taken. Anything else, and it is sent again."}},
    }
