"""The simulated bank account: resources, callbacks, the ledger and scheduled outcomes in one place."""

import secrets
import time
from datetime import UTC, datetime

from sandbox.account import BaseAccount
from sandbox.bank_transfer.errors import not_found
from sandbox.bank_transfer.settings import BankTransferSettings
from sandbox.provider import World
from sandbox.store.documents import JSON, Document
from sandbox.store.ledger import Kind

NAME = "bank_transfer"
PATH = "bank"
"""The first part of every path of the bank's."""

TRANSFER = f"{NAME}.transfer"
REFUND = f"{NAME}.refund"


def timestamp(seconds: float | None = None) -> str:
    """RFC 3339 in whole seconds, UTC; now when none are given."""
    at = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Account(BaseAccount):
    """The account at the bank."""

    provider = NAME
    settings: BankTransferSettings

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.settings = BankTransferSettings()

    @property
    def url(self) -> str:
        """Base of the API and of the pages."""
        return f"{self.world.settings.base_url}/{PATH}"

    def load(self, kind: str, object_id: str) -> Document:
        """A resource that must exist; 404 otherwise."""
        document = self.find(kind, object_id)
        if document is None:
            raise not_found(kind.removeprefix(f"{NAME}."))
        return document

    def new(self, kind: str, prefix: str, body: JSON, private: JSON, tags: dict[str, str]) -> Document:
        """A resource that begins now."""
        now = int(time.time())
        stamps = {"created_at": timestamp(now), "updated_at": timestamp(now)}
        whole = {"id": f"{prefix}_{secrets.token_hex(12)}", **body, **stamps}
        return Document(whole, {"object": kind, "created": now, **private}, tags)

    def save(self, document: Document) -> None:
        """Store a resource as it now is."""
        if "updated_at" in document.body:
            document.body["updated_at"] = timestamp()
        super().save(document)

    def emit(self, event_type: str, subject: Document, transfer: Document, about: JSON | None = None) -> None:
        """Queue a callback, in the transaction under way: it names what has changed, and shows nothing of it."""
        self.mark(subject)
        event_id = f"bev_{secrets.token_hex(12)}"
        body: JSON = {
            "event_id": event_id,
            "type": event_type,
            "transfer_id": transfer.id,
            "merchant_reference": transfer.body["merchant_reference"],
            "callback_token": transfer.private["callback_token"],
            "time": timestamp(),
            **(about or {}),
        }
        private: JSON = {"id": event_id, "object": f"{NAME}.event", "created": int(time.time())}
        self.save(Document(body, private, subject.tags))
        self.send(event_type, event_id, subject)

    def record(self, kind: Kind, subject: Document, transfer: Document, amount: int, status: str) -> None:
        """Write a ledger line for a transfer, or a refund of one."""
        self.enter(kind, subject, transfer.id, amount, transfer.body["currency"], status, subject.tags)
