"""PayPal's REST API: Orders v2, Payments v2, OAuth 2.0, webhooks, and the page where payers approve."""

from sandbox.paypal.provider import Paypal

PROVIDER = Paypal
