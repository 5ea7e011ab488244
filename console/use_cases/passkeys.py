"""Passkeys: a key that the person's device keeps, which logs in instead of a password, and is a second factor.

The device asks for a finger, a face or a PIN (user verification is required), so it is two factors by itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from console.domain import AccountError, User
from console.domain import Session as Login
from console.storage.credentials import MAX_PASSKEYS, Credentials, Passkey
from console.storage.people import Accounts as Users
from console.use_cases.accounts import Accounts
from console.use_cases.begun import Begun
from console.use_cases.sessions import Sessions
from mesh.ids import Clock, new_id, utc_now
from mesh.storage.database import Database

if TYPE_CHECKING:
    from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
    from webauthn.registration.verify_registration_response import VerifiedRegistration

MAX_NAME = 40
_REGISTER, _LOG_IN = "passkey", "passkey-login"
_NOT_TAKEN = "The passkey was not taken. Try again."
_LOOPBACK = ("127.0.0.1", "::1")


class Site:
    """What passkeys are bound to: the console's host, as browsers know it."""

    def __init__(self, public_url: str) -> None:
        """Take where people reach the gateway. An address of this machine is no host of a passkey: `localhost` is."""
        split = urlsplit(public_url)
        self.host = "localhost" if split.hostname in _LOOPBACK else split.hostname or ""
        self.origin = f"{split.scheme}://{self.host}" + (f":{split.port}" if split.port else "")


class Passkeys:
    """Registers passkeys, logs people in by them, and removes them."""

    def __init__(
        self,
        database: Database,
        stores: tuple[Credentials, Users],
        begun: Begun,
        accounts: Accounts,
        sessions: Sessions,
        site: Site,
        clock: Clock = utc_now,
    ) -> None:
        self.site = site
        self._database = database
        self._store, self._users = stores
        self._begun = begun
        self._accounts = accounts
        self._sessions = sessions
        self._clock = clock

    async def of(self, user: User) -> list[Passkey]:
        """Return somebody's passkeys, oldest first."""
        async with self._database.session() as session:
            return await self._store.of(session, user.user_id)

    async def owners(self, merchant_id: UUID | None) -> set[UUID]:
        """Return which people of a merchant have one; None: which operators."""
        async with self._database.session() as session:
            return set(await self._store.owners(session, merchant_id))

    async def begin(self, login: tuple[User, Login], password: str) -> tuple[str, str]:
        """Return a token, and as JSON what the browser makes a passkey of. Raises AccountError; it takes the password.

        Whoever has found an open browser cannot leave a key of their own behind.
        """
        from webauthn import generate_registration_options, options_to_json
        from webauthn.helpers import bytes_to_base64url, structs

        user, here = login
        await self._accounts.confirm(user, password, "passkey-password")
        known = await self.of(user)
        if len(known) >= MAX_PASSKEYS:
            raise AccountError("passkey", f"You have {MAX_PASSKEYS} passkeys. Remove one of them.")
        options = generate_registration_options(
            rp_id=self.site.host,
            rp_name="FusionXPay",
            user_name=user.email,
            user_display_name=user.display_name or user.email,
            user_id=user.user_id.bytes,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=one.credential_id) for one in known],
        )
        token = await self._begun.keep(
            _REGISTER,
            challenge=bytes_to_base64url(options.challenge),
            user_id=str(user.user_id),
            session=here.token_sha256.hex(),
        )
        return token, options_to_json(options)

    async def register(self, login: tuple[User, Login], token: str, credential: str, name: str) -> None:
        """Keep a passkey that a browser has made; the person's other sessions end. Raises AccountError."""
        user, here = login
        said = await self._begun.take(_REGISTER, token)
        if said is None or (said["user_id"], said["session"]) != (str(user.user_id), here.token_sha256.hex()):
            raise AccountError("passkey", "That took too long, or was done before. Try again.")
        made = self._verified(credential, said["challenge"])
        now, name = self._clock(), " ".join(name.split())[:MAX_NAME]
        passkey = Passkey(
            new_id(),
            user.user_id,
            made.credential_id,
            made.credential_public_key,
            made.sign_count,
            name or f"Passkey of {now:%d %b %Y}",
            now,
        )
        async with self._database.session() as session, session.begin():
            # whoever does two at once does one after the other
            await self._users.held(session, user.user_id)
            if len(await self._store.of(session, user.user_id)) >= MAX_PASSKEYS:
                raise AccountError("passkey", f"You have {MAX_PASSKEYS} passkeys. Remove one of them.")
            if not await self._store.add(session, passkey):
                raise AccountError("passkey", "This passkey is registered already.")
            ended = await self._users.close_all(session, user.user_id, now, here.token_sha256)
        await self._sessions.bury(ended)

    async def remove(self, login: tuple[User, Login], passkey_id: UUID, password: str) -> None:
        """Remove a passkey; the person's other sessions end. Raises AccountError; it takes the password.

        With the last one gone, and no authenticator, the password alone lets in again.
        """
        user, here = login
        await self._accounts.confirm(user, password, "passkey-password")
        async with self._database.session() as session, session.begin():
            if not await self._store.remove(session, user.user_id, passkey_id):
                raise AccountError("passkey", "There is no such passkey.")
            ended = await self._users.close_all(session, user.user_id, self._clock(), here.token_sha256)
        await self._sessions.bury(ended)

    async def begin_login(self, networks: Sequence[str]) -> tuple[str, str]:
        """Return a token, and as JSON what the browser asks for a passkey with. It names nobody: the device knows.

        The browser is in these networks. Raises AccountError when too much was begun there.
        """
        self._begun.admit(networks)
        from webauthn import generate_authentication_options, options_to_json
        from webauthn.helpers import bytes_to_base64url, structs

        options = generate_authentication_options(
            rp_id=self.site.host, user_verification=structs.UserVerificationRequirement.REQUIRED
        )
        token = await self._begun.keep(_LOG_IN, challenge=bytes_to_base64url(options.challenge))
        return token, options_to_json(options)

    async def log_in(self, token: str, credential: str) -> User:
        """Return whom a passkey belongs to. Raises AccountError.

        A lock after wrong passwords does not hold here: nobody guesses a passkey, and who locks somebody out by wrong
        passwords leaves them this way in.
        """
        said = await self._begun.take(_LOG_IN, token)
        if said is None:
            raise AccountError("passkey", "That took too long, or was done before. Try again.")
        credential_id, handle = _named(credential)
        async with self._database.session() as session:
            passkey = await self._store.by_credential(session, credential_id)
            user = await self._users.by_id(session, passkey.user_id) if passkey else None
        if passkey is None or user is None or user.disable_time or handle != user.user_id.bytes:
            raise AccountError("passkey", "This passkey is not known here. Was it removed?")
        used = self._asserted(credential, said["challenge"], passkey)
        async with self._database.session() as session:
            if not await self._store.use(session, passkey.passkey_id, used.new_sign_count, self._clock()):
                raise AccountError("passkey", "This passkey was copied, or used twice at once. Use another way.")
        return user

    def _verified(self, credential: str, challenge: str) -> VerifiedRegistration:
        from webauthn import verify_registration_response
        from webauthn.helpers import base64url_to_bytes
        from webauthn.helpers.exceptions import WebAuthnException

        try:
            return verify_registration_response(
                credential=credential,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self.site.host,
                expected_origin=self.site.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError):
            raise AccountError("passkey", _NOT_TAKEN) from None

    def _asserted(self, credential: str, challenge: str, passkey: Passkey) -> VerifiedAuthentication:
        from webauthn import verify_authentication_response
        from webauthn.helpers import base64url_to_bytes
        from webauthn.helpers.exceptions import WebAuthnException

        try:
            return verify_authentication_response(
                credential=credential,
                expected_challenge=base64url_to_bytes(challenge),
                expected_rp_id=self.site.host,
                expected_origin=self.site.origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError):
            raise AccountError("passkey", _NOT_TAKEN) from None


def _named(credential: str) -> tuple[bytes, bytes]:
    """Return which key a browser says that it has signed with, and whose that is. Raises AccountError."""
    from webauthn.helpers import base64url_to_bytes

    try:
        said = json.loads(credential)
        return base64url_to_bytes(said["rawId"]), base64url_to_bytes(said["response"]["userHandle"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise AccountError("passkey", _NOT_TAKEN) from None
