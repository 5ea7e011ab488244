"""Bank transfer: the customer pushes the money from their own bank, and the payment waits for it."""

from payment_svc.providers.bank_transfer.registration import REGISTRATION as REGISTRATION
