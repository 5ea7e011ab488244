"""Several accounts at one provider: a key opens one, and none sees what is another's.

The key of the settings opens the account that webhooks are sent for. Further keys name theirs: `{prefix}acct_{name}`,
and with `_` and anything behind it another key of the same account.
"""

import hashlib
import re

from sandbox.store.documents import ACCOUNT, Document

_FURTHER = re.compile(r"acct_([A-Za-z0-9]+)(?:_\w+)?")


def owner_of(key: str, prefix: str) -> str:
    """The name of the further account that a key opens; empty for any other key."""
    named = _FURTHER.fullmatch(key.removeprefix(prefix)) if key.startswith(prefix) else None
    return named[1] if named else ""


class Owned:
    """What belongs to the account whose request is under way."""

    owner: str | None = None
    """Empty: the account of the settings. None: nobody asks, such as a customer or a job."""

    def sees(self, document: Document) -> bool:
        """Whether an object is the account's."""
        return self.owner is None or document.tags.get(ACCOUNT, "") == self.owner

    def mark(self, document: Document) -> None:
        """Note whose an object is; what is made of it later is the same account's."""
        if self.owner:
            document.tags[ACCOUNT] = self.owner

    def name_of(self, key: str) -> str:
        """The provider's own name of the account that asks; `key` is that of the settings."""
        return f"acct_{self.owner or hashlib.sha256(key.encode()).hexdigest()[:16]}"


def own_key(owner: str, idempotency_key: str | None) -> str | None:
    """A key as it is remembered: every account has its own."""
    return f"{owner}/{idempotency_key}" if owner and idempotency_key else idempotency_key


def tags_of(owner: str) -> dict[str, str]:
    """What faults are aimed by at the calls of a further account."""
    return {ACCOUNT: owner} if owner else {}


def hears(document: Document) -> bool:
    """Whether somebody listens to what happens to an object: webhooks are the first account's."""
    return ACCOUNT not in document.tags
