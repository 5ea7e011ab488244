"""Vouchers as the shared parts see them."""

from collections.abc import Sequence

from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.account import BaseAccount
from sandbox.faults import Fault
from sandbox.provider import Provider, World
from sandbox.store.documents import JSON, Document
from sandbox.web import gate
from sandbox.web.replies import Reply
from sandbox.web.signatures import timestamped


class VoucherSettings(BaseSettings):
    """Settings of vouchers."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_VOUCHERS_")

    webhook_url: str = ""
    webhook_secret: str = ""


class Account(BaseAccount):
    """Whose vouchers they are."""

    provider = "vouchers"
    settings = VoucherSettings()

    @property
    def webhook_url(self) -> str:
        """Where events go."""
        return self.settings.webhook_url


class Vouchers(Provider):
    """The provider of vouchers."""

    name = "vouchers"
    outcomes = ("spent",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._account = Account(world)

    def routes(self) -> Sequence[BaseRoute]:
        """One call."""
        return [Route("/vouchers/{id}", self._issue, methods=["POST"])]

    def webhook_url(self) -> str:
        """Where events go."""
        return self._account.webhook_url

    def sign(self, body: bytes) -> dict[str, str]:
        """The `Voucher-Signature` header."""
        return {"Voucher-Signature": timestamped(self._account.settings.webhook_secret, body)}

    def decide(self, document: Document, outcome: str) -> None:
        """Spend a voucher."""
        document.body["status"] = outcome
        self._account.save(document)
        self._account.send("voucher.spent", document.id, document)

    def dispute(self, request: JSON) -> JSON:
        """Not here."""
        raise NotImplementedError

    async def _issue(self, request: Request) -> Response:
        voucher = Document({"id": request.path_params["id"], "object": "voucher", "status": "issued", "created": 1})

        def answer(fault: Fault | None) -> Reply:
            if gate.skips_work(fault):
                return Reply.of({}, 500)
            with self.world.database.transaction():
                self._account.save(voucher)
                self._account.schedule("end", voucher, "spent")
            return Reply.of(voucher.body)

        subject = gate.Subject(self.name, "issue")
        claim = self.world.idempotency(self.name).claim(None)
        return (await gate.meet(request, self.world.faults, subject, claim, answer)).response()
