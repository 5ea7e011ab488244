"""The table of endpoints: what exists, its operation name for faults, and the fields it knows."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.bank_transfer import lists, refunds, transfers
from sandbox.bank_transfer.account import PATH, REFUND, TRANSFER, Account
from sandbox.bank_transfer.fields import Call
from sandbox.store.documents import JSON

Handler = Callable[[Account, Call], JSON]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one URL; `operation` is what faults are aimed at."""

    method: str
    path: str
    operation: str
    handler: Handler
    fields: frozenset[str] = frozenset()
    status: int = 200


def _lister(kind: str) -> Handler:
    return lambda account, call: lists.listing(account, call, kind)


def _account(account: Account, call: Call) -> JSON:
    del call
    return {
        "id": account.name_of(account.settings.api_key),
        "currencies": list(transfers.CURRENCIES),
    }


_TRANSFERS = f"/{PATH}/v1/transfers"
_REFUNDS = f"/{PATH}/v1/refunds"
_NEW_TRANSFER = frozenset(
    [
        "merchant_reference",
        "amount",
        "currency",
        "description",
        "metadata",
        "callback_token",
        "return_url",
        "cancel_url",
    ]
)
_NEW_REFUND = frozenset(["merchant_reference", "amount"])

ENDPOINTS = (
    Endpoint("GET", f"/{PATH}/v1/account", "account.retrieve", _account),
    Endpoint("POST", _TRANSFERS, "transfers.create", transfers.create, _NEW_TRANSFER, 201),
    Endpoint("GET", _TRANSFERS, "transfers.list", _lister(TRANSFER), lists.FILTERS),
    Endpoint("GET", f"{_TRANSFERS}/{{id}}", "transfers.retrieve", transfers.retrieve),
    Endpoint("POST", f"{_TRANSFERS}/{{id}}/cancel", "transfers.cancel", transfers.cancel),
    Endpoint("POST", f"{_TRANSFERS}/{{id}}/refunds", "refunds.create", refunds.create, _NEW_REFUND, 201),
    Endpoint("GET", _REFUNDS, "refunds.list", _lister(REFUND), lists.FILTERS),
    Endpoint("GET", f"{_REFUNDS}/{{id}}", "refunds.retrieve", refunds.retrieve),
)
