"""Access tokens of PayPal, answers of no known form, and the settings of the adapter."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from pydantic import ValidationError

from payment_svc.domain.payment import PaymentStatus
from payment_svc.providers.base import CredentialsRefusedError, OutcomeUnknownError, RejectedError, UnavailableError
from payment_svc.providers.paypal.client import PaypalClient
from payment_svc.providers.paypal.registration import PaypalSettings
from payment_svc.providers.paypal.tokens import Tokens
from tests.support.providers.paypal_api import PAYMENT, Paypal, order, said

S = PaymentStatus


async def test_token_is_fetched_once_for_all() -> None:
    paypal = Paypal(said(200, order("CREATED")))
    adapter = paypal.adapter()
    await asyncio.gather(*(adapter.fetch(PAYMENT) for _ in range(20)))
    assert paypal.tokens == 1
    assert {request.headers["authorization"] for request in paypal.asked} == {"Bearer token-1"}


async def test_refused_token_is_replaced_once() -> None:
    paypal = Paypal(said(401, {}), said(200, order("CREATED")))
    assert (await paypal.adapter().fetch(PAYMENT)).status == S.INITIATED
    assert [request.headers["authorization"] for request in paypal.asked] == ["Bearer token-1", "Bearer token-2"]
    refusing = Paypal(said(401, {}))
    with pytest.raises(UnavailableError):
        await refusing.adapter().fetch(PAYMENT)
    assert len(refusing.asked) == 2


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        *(
            (408, OutcomeUnknownError),
            (409, OutcomeUnknownError),
            (500, OutcomeUnknownError),
            (503, OutcomeUnknownError),
        ),
        *((429, UnavailableError), (401, UnavailableError), (403, UnavailableError)),
        *((400, RejectedError), (422, RejectedError)),
    ],
)
async def test_every_error_has_its_meaning_for_money(status: int, meaning: type[Exception]) -> None:
    """Case 4: a 408 is no refusal."""
    with pytest.raises(meaning):
        await Paypal(said(status, {"name": "SOMETHING"})).adapter().complete(PAYMENT, "key")


async def test_answer_that_is_no_json_object_is_no_answer() -> None:
    for answer in (httpx.Response(201, text="<html>"), httpx.Response(201, json=[])):
        with pytest.raises(OutcomeUnknownError):
            await Paypal(answer).adapter().complete(PAYMENT, "key")


def test_settings_are_all_there_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert PaypalSettings().client_id == ""
    monkeypatch.setenv("FUSIONXPAY_PAYPAL_CLIENT_ID", "client")
    with pytest.raises(ValidationError, match="PAYPAL_CLIENT_SECRET, FUSIONXPAY_PAYPAL_WEBHOOK_ID must be set"):
        PaypalSettings()
    monkeypatch.setenv("FUSIONXPAY_PAYPAL_CLIENT_SECRET", "hush")
    monkeypatch.setenv("FUSIONXPAY_PAYPAL_WEBHOOK_ID", "WH1")
    assert "hush" not in repr(PaypalSettings())


async def test_token_is_replaced_before_it_expires() -> None:
    paypal, now = Paypal(said()), [0.0]
    async with httpx.AsyncClient(transport=httpx.MockTransport(paypal), base_url="https://paypal.example") as http:
        tokens = Tokens(http, "client", "secret", clock=lambda: now[0])
        seen = []
        for now[0] in (0, 89, 90, 179, 181):
            seen.append(await tokens.get())
    assert seen == ["token-1", "token-1", "token-2", "token-2", "token-3"]


@pytest.mark.parametrize(
    "answer", [said(401, {"error": "invalid_client"}), said(500), said(200, {}), httpx.ReadTimeout("slow")]
)
async def test_without_a_token_nothing_was_asked(answer: httpx.Response | Exception) -> None:
    asked: list[str] = []

    async def paypal(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if isinstance(answer, Exception):
            raise answer
        return answer

    client = PaypalClient(
        "https://paypal.example", "client", "hush", timeout=1, max_calls=100, transport=httpx.MockTransport(paypal)
    )
    with pytest.raises(UnavailableError) as raised:
        await client.post("/v2/checkout/orders", {}, "id")
    assert asked == ["/v1/oauth2/token"]
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "error", "identity"),
    [
        (said(401, {"error": "invalid_client"}), CredentialsRefusedError, "client"),
        # not by PayPal itself
        (httpx.Response(401, text="<html>"), UnavailableError, ""),
        (said(500), UnavailableError, ""),
    ],
)
async def test_client_id_is_nobodys_before_paypal_has_taken_its_secret(
    answer: httpx.Response, error: type[Exception], identity: str
) -> None:
    adapter = Paypal(said(), token=answer).adapter()
    with pytest.raises(UnavailableError, match="PayPal") as raised:
        await adapter.identity()
    assert type(raised.value) is error
    assert getattr(raised.value, "identity", "") == identity
    assert await Paypal(said()).adapter().identity() == "client"
