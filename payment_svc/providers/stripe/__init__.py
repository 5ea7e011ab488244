"""Stripe, by its official SDK. The only place that imports it."""

from payment_svc.providers.stripe.registration import REGISTRATION as REGISTRATION
