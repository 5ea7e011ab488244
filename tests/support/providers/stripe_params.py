"""Parameters of Stripe's API, as its SDK wants them."""

from __future__ import annotations

from typing import Any, cast

from stripe.params import PaymentIntentCreateParams


def intent_params(**fields: Any) -> PaymentIntentCreateParams:
    """A card payment of ten euros, but for the fields that are named."""
    # the API takes `payment_method_types`, which the types of its SDK leave out
    params = {"amount": 1000, "currency": "eur", "payment_method_types": ["card"], **fields}
    return cast(PaymentIntentCreateParams, params)
