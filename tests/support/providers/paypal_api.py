"""PayPal's API in a test's hands: what it may answer, and what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from payment_svc.providers.paypal.adapter import Access, PaypalProvider
from tests.support.providers.payments import NOW as NOW
from tests.support.providers.payments import payment_at

PAYMENT = payment_at("paypal", "ORDER1", redirect_url="https://paypal.example/approve")
EUR12 = {"currency_code": "EUR", "value": "12.00"}


def order(status: str = "COMPLETED", **payments: Any) -> dict[str, Any]:
    unit = {"custom_id": str(PAYMENT.payment_id), "amount": EUR12, "payments": payments}
    links = [{"href": "https://paypal.example/approve", "rel": "approve"}] if status == "CREATED" else []
    return {"id": "ORDER1", "status": status, "purchase_units": [unit], "links": links}


def paid(status: str, value: str = "12.00", **more: Any) -> dict[str, Any]:
    return {"id": "PAID1", "status": status, "amount": {"currency_code": "EUR", "value": value}, **more}


def refusal(issue: str) -> dict[str, Any]:
    return {"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": issue, "description": "no"}]}


def said(status: int = 200, body: Any = None) -> httpx.Response:
    return httpx.Response(status, json=body)


class Paypal:
    """PayPal's API in the test's hands: answers what it is told, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception, token: httpx.Response | None = None) -> None:
        self._token = token
        self.asked: list[httpx.Request] = []
        self.tokens = 0
        self._answers = list(answers)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        if request.url.path == "/v1/oauth2/token":
            self.tokens += 1
            if self._token:
                return self._token
            return httpx.Response(200, json={"access_token": f"token-{self.tokens}", "expires_in": 100})
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def adapter(self, clock: Callable[[], datetime] = lambda: NOW) -> PaypalProvider:
        access = Access("client", "secret", "WH-1", api_base="https://paypal.example")
        return PaypalProvider(access, timeout=1, max_calls=100, clock=clock, transport=httpx.MockTransport(self))

    def sent(self, index: int = -1) -> tuple[str, dict[str, Any], str]:
        """Return path, body and request id of one call."""
        request = self.asked[index]
        return request.url.path, json.loads(request.content or b"{}"), request.headers.get("paypal-request-id", "")
