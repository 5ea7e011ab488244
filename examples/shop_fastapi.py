"""A shop in FastAPI: it sells one thing, has it paid on the provider's page, and sends it when the webhook says paid.

    pip install fastapi uvicorn fusionxpay-client
    export KEY=sk_test_… GATEWAY=http://127.0.0.1:8080 WEBHOOK_SECRET=whsec_…
    uvicorn --app-dir examples shop_fastapi:app --port 3000

The secret is what the gateway showed when the webhook endpoint was registered: http://127.0.0.1:3000/webhooks
"""

from __future__ import annotations

import os

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from fusionxpay_client import AsyncFusionXPay, Webhook, WebhookVerificationError

app = FastAPI()
client = AsyncFusionXPay(os.environ["KEY"], os.environ["GATEWAY"])
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
ENDED = ["FAILED", "CANCELLED"]
# Yours belong into your database: an event is noted in the transaction that does what it is for.
seen: set[str] = set()
sent: list[str] = []


@app.post("/buy/{cart}")
async def buy(cart: str, request: Request) -> Response:
    """Make the order of a cart, once however often the button is pressed, and send the customer to pay it."""
    order = await client.orders.create(amount=("12.00", "EUR"), merchant_order_id=cart, idempotency_key=f"order-{cart}")
    # the same page however often the button is pressed, and another one once the payment before has failed
    tries = [payment async for payment in client.payments.list(order_id=order.order_id, statuses=ENDED)]
    payment = await client.payments.create(
        order_id=order.order_id,
        provider="stripe",
        return_url=f"{request.base_url}orders/{{ORDER_ID}}",
        idempotency_key=f"payment-{cart}-{len(tries)}",
    )
    return RedirectResponse(payment.redirect_url, status_code=303)


@app.get("/orders/{order_id}")
async def order_page(order_id: str) -> Response:
    """Show the customer who comes back how it stands: the address proves nothing, so the order is asked for."""
    order = await client.orders.get(order_id)
    return PlainTextResponse("Thank you!" if order.status == "SUCCESS" else f"Your order is {order.status}.")


@app.post("/webhooks", status_code=204)
async def hook(request: Request) -> None:
    """Take an event: on the body as it came, each once, answered before long work."""
    try:
        event = webhook.verify(await request.body(), request.headers)
    except WebhookVerificationError:
        raise HTTPException(400) from None
    if event.event_id not in seen:
        seen.add(event.event_id)
        if event.type == "order.succeeded":
            sent.append(event.data.order.merchant_order_id)


@app.get("/sent")
async def what_was_sent() -> list[str]:
    """Return the carts whose goods are on their way."""
    return sent
