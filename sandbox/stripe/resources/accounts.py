"""The account that a key is of: ``GET /v1/account``."""

from sandbox.store.documents import JSON
from sandbox.stripe.account import Account
from sandbox.stripe.params import Call

_BORN = 1_700_000_000


def retrieve(account: Account, call: Call) -> JSON:
    """Retrieve the account of the key."""
    del call
    return {
        "id": account.name_of(account.settings.api_key),
        "object": "account",
        "business_profile": None,
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "DE",
        "created": _BORN,
        "default_currency": "eur",
        "details_submitted": True,
        "email": "account@sandbox.example",
        "metadata": {},
        "payouts_enabled": True,
        "settings": None,
        "type": "standard",
    }
