"""Stripe, as its official SDKs see it: PaymentIntents, Refunds, Checkout, Disputes, Events."""

from sandbox.stripe.provider import Stripe

PROVIDER = Stripe
