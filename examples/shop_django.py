"""A shop in Django, in one file: it sells one thing, and sends it when the webhook says that it is paid.

    pip install django fusionxpay-client
    export KEY=sk_test_… GATEWAY=http://127.0.0.1:8080 WEBHOOK_SECRET=whsec_…
    python examples/shop_django.py runserver --noreload 3000

The secret is what the gateway showed when the webhook endpoint was registered: http://127.0.0.1:3000/webhooks
"""

from __future__ import annotations

import os
import secrets
import sys

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from fusionxpay_client import FusionXPay, Webhook, WebhookVerificationError

settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY=secrets.token_hex(32),
    ALLOWED_HOSTS=["127.0.0.1"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
)
django.setup()
client = FusionXPay(os.environ["KEY"], os.environ["GATEWAY"])
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
ENDED = ["FAILED", "CANCELLED"]
# Yours belong into your database: an event is noted in the transaction that does what it is for.
seen: set[str] = set()
sent: list[str] = []


@csrf_exempt  # here for curl; in yours the form has its token
@require_POST
def buy(request: HttpRequest, cart: str) -> HttpResponse:
    """Make the order of a cart, once however often the button is pressed, and send the customer to pay it."""
    order = client.orders.create(amount=("12.00", "EUR"), merchant_order_id=cart, idempotency_key=f"order-{cart}")
    # the same page however often the button is pressed, and another one once the payment before has failed
    tries = list(client.payments.list(order_id=order.order_id, statuses=ENDED))
    payment = client.payments.create(
        order_id=order.order_id,
        provider="stripe",
        return_url=request.build_absolute_uri("/orders/") + "{ORDER_ID}",
        idempotency_key=f"payment-{cart}-{len(tries)}",
    )
    return HttpResponse(status=303, headers={"Location": payment.redirect_url})


def order_page(_request: HttpRequest, order_id: str) -> HttpResponse:
    """Show the customer who comes back how it stands: the address proves nothing, so the order is asked for."""
    order = client.orders.get(order_id)
    return HttpResponse("Thank you!" if order.status == "SUCCESS" else f"Your order is {order.status}.")


@csrf_exempt  # it comes from the gateway, and its signature is what it is known by
@require_POST
def hook(request: HttpRequest) -> HttpResponse:
    """Take an event: on the body as it came, each once, answered before long work."""
    try:
        event = webhook.verify(request.body, request.headers)
    except WebhookVerificationError:
        return HttpResponse(status=400)
    if event.event_id not in seen:
        seen.add(event.event_id)
        if event.type == "order.succeeded":
            sent.append(event.data.order.merchant_order_id)
    return HttpResponse(status=204)


def what_was_sent(_request: HttpRequest) -> HttpResponse:
    """Return the carts whose goods are on their way."""
    return JsonResponse(sent, safe=False)


urlpatterns = [
    path("buy/<slug:cart>", buy),
    path("orders/<uuid:order_id>", lambda request, order_id: order_page(request, str(order_id))),
    path("webhooks", hook),
    path("sent", what_was_sent),
]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
