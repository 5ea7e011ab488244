"""A device that keeps passkeys, as Chromium simulates one: its owner is there, and shows finger or face."""

from __future__ import annotations

from typing import Any

OPTIONS = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Authenticator:
    """The device of a page."""

    def __init__(self, page: Any) -> None:
        self._protocol = page.context.new_cdp_session(page)
        self._protocol.send("WebAuthn.enable")
        said = self._protocol.send("WebAuthn.addVirtualAuthenticator", {"options": OPTIONS})
        self._id = said["authenticatorId"]

    def is_owner_there(self, *, verified: bool) -> None:
        """Have the owner show who they are, or not."""
        self._protocol.send("WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": verified})

    def keys(self) -> list[dict[str, Any]]:
        """Return what it keeps, with the private keys."""
        said = self._protocol.send("WebAuthn.getCredentials", {"authenticatorId": self._id})
        kept: list[dict[str, Any]] = said["credentials"]
        return kept

    def keep(self, key: dict[str, Any]) -> None:
        """Keep a key that was copied from elsewhere."""
        self._protocol.send("WebAuthn.clearCredentials", {"authenticatorId": self._id})
        self._protocol.send("WebAuthn.addCredential", {"authenticatorId": self._id, "credential": key})


def at_localhost(url: str) -> str:
    """Return an address of this machine by the name that a passkey may belong to."""
    return url.replace("127.0.0.1", "localhost", 1)
