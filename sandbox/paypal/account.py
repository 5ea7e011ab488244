"""The simulated PayPal account: resources, events, the ledger and scheduled outcomes in one place."""

import secrets
import string
import time
from datetime import UTC, datetime

from sandbox.account import BaseAccount
from sandbox.paypal.errors import not_found
from sandbox.paypal.money import Amount
from sandbox.paypal.settings import PaypalSettings
from sandbox.provider import World
from sandbox.store.documents import JSON, Document
from sandbox.store.ledger import Kind

NAME = "paypal"
_ALPHABET = string.ascii_uppercase + string.digits
_ID_LENGTH = 17


def new_id() -> str:
    """An id in PayPal's style."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


def timestamp() -> str:
    """PayPal's timestamps are RFC 3339 in whole seconds, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def kind_of(document: Document) -> str:
    """The type of a resource; the store also knows which provider's it is."""
    return document.kind.removeprefix(f"{NAME}.")


class Account(BaseAccount):
    """The account of PayPal, which all apps share."""

    provider = NAME
    settings: PaypalSettings

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.settings = PaypalSettings()

    @property
    def url(self) -> str:
        """Base of the API and of the pages."""
        return f"{self.world.settings.base_url}/{NAME}"

    def link(self, path: str, rel: str, method: str = "GET") -> JSON:
        """A HATEOAS link."""
        return {"href": f"{self.url}/{path}", "rel": rel, "method": method}

    def find(self, kind: str, object_id: str) -> Document | None:
        """A resource of one type."""
        return super().find(f"{NAME}.{kind}", object_id)

    def load(self, kind: str, object_id: str) -> Document:
        """A resource that must exist; RESOURCE_NOT_FOUND otherwise."""
        document = self.find(kind, object_id)
        if document is None:
            raise not_found()
        return document

    def new(self, kind: str, body: JSON, private: JSON, tags: dict[str, str]) -> Document:
        """A resource that begins now."""
        now = timestamp()
        whole = {"id": new_id(), **body, "create_time": now, "update_time": now}
        return Document(whole, {"created": int(time.time()), **private, "object": f"{NAME}.{kind}"}, tags)

    def save(self, document: Document) -> None:
        """Store a resource as it now is."""
        if "update_time" in document.body:
            document.body["update_time"] = timestamp()
        super().save(document)

    def emit(self, event_type: str, subject: Document, resource: JSON, resource_type: str, summary: str) -> None:
        """Record a webhook event about a resource and queue it, in the transaction under way."""
        event_id = f"WH-{new_id()}-{new_id()}"
        own = f"v1/notifications/webhooks-events/{event_id}"
        body: JSON = {
            "id": event_id,
            "event_version": "1.0",
            "create_time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "resource_type": resource_type,
            "resource_version": "2.0",
            "event_type": event_type,
            "summary": summary,
            "resource": resource,
            "links": [self.link(own, "self"), self.link(f"{own}/resend", "resend", "POST")],
        }
        private: JSON = {"object": f"{NAME}.event", "created": int(time.time())}
        self.save(Document(body, private, subject.tags))
        self.send(event_type, event_id, subject)

    def record(self, kind: Kind, subject: Document, order_id: str, amount: Amount, status: str) -> None:
        """Write a ledger line for a capture or refund of an order."""
        self.enter(kind, subject, order_id, amount.minor, amount.currency, status, subject.tags)
