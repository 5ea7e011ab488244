"""PayPal: Orders v2, Payments v2 and Transaction Search v1, spoken over plain HTTP."""

from payment_svc.providers.paypal.registration import REGISTRATION as REGISTRATION
