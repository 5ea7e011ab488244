"""The bank's customers: accounts with money, without, and one that takes none back."""

from __future__ import annotations

from cli.prove.customers import Customers, Way

CUSTOMERS = Customers(
    page="/bank/",
    ordinary=Way("send", {"payer": "ordinary"}),
    ways=(
        Way("send", {"payer": "ordinary"}),
        Way("send", {"payer": "no_funds"}),
        Way("send", {"payer": "refund_bounced"}),
    ),
    calls=("transfers.create", "transfers.retrieve", "transfers.cancel", "refunds.create"),
)
