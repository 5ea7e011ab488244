"""The bank as the shared parts see it."""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from sandbox.bank_transfer import refunds, transfers
from sandbox.bank_transfer.account import NAME, REFUND, TRANSFER, Account
from sandbox.bank_transfer.api import Api
from sandbox.bank_transfer.pages import Pages
from sandbox.provider import Provider, Refused, World
from sandbox.store.documents import JSON, Document
from sandbox.web.signatures import timestamped


class BankTransfer(Provider):
    """The provider of push payments."""

    name = NAME
    outcomes = ("succeeded", "failed", "expired")

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._account = Account(world)
        self._api = Api(world, self._account)
        self._pages = Pages(world, self._account)

    def routes(self) -> Sequence[BaseRoute]:
        """Everything below ``/bank``."""
        return [*self._pages.routes(), *self._api.routes()]

    def webhook_url(self) -> str:
        """Where the account's callbacks go."""
        return self._account.settings.webhook_url

    def sign(self, body: bytes) -> dict[str, str]:
        """The `Bank-Signature` header: HMAC-SHA256 over ``{t}.{body}``."""
        signature = timestamped(self._account.settings.webhook_secret, body)
        return {"Bank-Signature": signature, "User-Agent": "SandboxBank/1.0"}

    def dispute(self, request: JSON) -> JSON:
        """Who has pushed money cannot claim it back."""
        raise Refused("a bank transfer cannot be disputed")

    def decide(self, document: Document, outcome: str) -> None:
        """Decide a transfer or a refund; one that nobody has sent is sent in full first, or expires."""
        succeeded = outcome == "succeeded"
        match document.kind, document.body["status"], outcome:
            case kind, "awaiting_funds", "expired" if kind == TRANSFER:
                transfers.close(self._account, document, "expired")
            case kind, "awaiting_funds", "succeeded" if kind == TRANSFER:
                transfers.receive(self._account, document, document.body["amount"], "slow")
                transfers.settle(self._account, document, succeeded=True)
            case kind, "received", "succeeded" | "failed" if kind == TRANSFER:
                transfers.settle(self._account, document, succeeded=succeeded)
            case kind, "pending", "succeeded" | "failed" if kind == REFUND:
                refunds.settle(self._account, document, succeeded=succeeded)
            case kind, "settled", "failed" if kind == REFUND:
                refunds.settle(self._account, document, succeeded=False)
            case kind, status, _:
                raise Refused(f"{kind} {document.id} is {status}: it cannot become {outcome}")
