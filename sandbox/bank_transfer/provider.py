"""The bank as the shared parts see it."""

import hashlib
import hmac
import time
from collections.abc import Sequence

from starlette.routing import BaseRoute

from sandbox.background.jobs import Job
from sandbox.bank_transfer import refunds, transfers
from sandbox.bank_transfer.account import NAME, REFUND, TRANSFER, Account
from sandbox.bank_transfer.api import Api
from sandbox.bank_transfer.pages import Pages
from sandbox.provider import Refused, World
from sandbox.store.documents import JSON, Document

_OUTCOMES = ("succeeded", "failed", "expired")


class BankTransfer:
    """The provider of push payments."""

    name = NAME

    def __init__(self, world: World) -> None:
        self._settings = world.settings
        self._account = Account(world)
        self._api = Api(world, self._account)
        self._pages = Pages(world, self._account)

    def routes(self) -> Sequence[BaseRoute]:
        """Everything below ``/bank``."""
        return [*self._pages.routes(), *self._api.routes()]

    def webhook_url(self) -> str:
        """Where the account's callbacks go."""
        return self._settings.bank_transfer_webhook_url

    def sign(self, body: bytes) -> dict[str, str]:
        """The `Bank-Signature` header: HMAC-SHA256 over ``{t}.{body}``."""
        at = int(time.time())
        secret = self._settings.bank_transfer_webhook_secret.encode()
        signature = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return {"Bank-Signature": f"t={at},v1={signature}", "User-Agent": "SandboxBank/1.0"}

    def run(self, job: Job) -> None:
        """The end of a transfer or a refund, or of the time that a transfer had."""
        document = self._account.world.documents.get(job.object_id)
        assert document is not None, "jobs are only planned for stored objects"
        self._decide(document, job.outcome)

    def settle(self, object_id: str, outcome: str) -> JSON:
        """Decide a transfer or a refund; one that nobody has sent is sent in full first, or expires."""
        document = self._account.world.documents.get(object_id)
        if document is None:
            raise Refused(f"no object {object_id}")
        if outcome not in _OUTCOMES:
            raise Refused(f"outcome must be one of {', '.join(_OUTCOMES)}")
        self._decide(document, outcome)
        return document.body

    def dispute(self, request: JSON) -> JSON:
        """Who has pushed money cannot claim it back."""
        raise Refused("a bank transfer cannot be disputed")

    def _decide(self, document: Document, outcome: str) -> None:
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
