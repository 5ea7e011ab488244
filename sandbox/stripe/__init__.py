"""Stripe, as its official SDKs see it: PaymentIntents, Refunds, Checkout, Disputes, Events."""
