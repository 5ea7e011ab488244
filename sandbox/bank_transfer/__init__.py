"""A bank's API for push payments: the customer is told where to send the money, and sends it in their own time."""

from sandbox.bank_transfer.provider import BankTransfer

PROVIDER = BankTransfer
