"""Logging in by the provider of identities: who was invited, who has connected it, or whom a domain's rule lets in."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from console.clients.identity_provider import Claims, IdentityProvider
from console.domain import AccountError, Role, Ticket, User, digest
from console.domain import Session as Login
from console.storage.credentials import Credentials, Identity
from console.storage.people import Accounts as Users
from console.use_cases.accounts import Accounts, address_of
from console.use_cases.begun import Begun
from console.use_cases.invitations import Invitations
from console.use_cases.sessions import Sessions
from mesh.ids import Clock, new_id, utc_now
from mesh.storage.database import Database
from mesh.storage.database import Session as Work

LOG_IN, JOIN, CONNECT = "login", "join", "connect"
_KIND = "oidc"
_OVER = "This way in took too long, or was used before. Begin again."
_NOT_INVITED = "Nobody has invited you. Ask an owner of your account for an invitation."
_TAKEN = "There is a login of your address already. Log in with its password, and connect the provider under Account."
_CONNECTED = "You are connected with another login already."


@dataclass(frozen=True)
class DomainRule:
    """Who has a verified address of a domain may come in, at a merchant; without one they are operators."""

    domain: str
    merchant_id: UUID | None
    role: str


@dataclass(frozen=True)
class Rules:
    """Whom the operator of the gateway lets in without an invitation, and as what."""

    domains: Sequence[DomainRule] = ()
    claim: str = ""
    """The claim with a person's groups; empty: the rule's role holds."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """By group; the first that somebody has decides."""

    def of(self, claims: Claims) -> DomainRule | None:
        """Return the rule that lets somebody in, with the role that their groups give."""
        domain = claims.email.rpartition("@")[2]
        rule = next((one for one in self.domains if domain and one.domain.lower() == domain), None)
        if rule is None or rule.merchant_id is None:
            return rule
        said = claims.all.get(self.claim) if self.claim else None
        groups = said if isinstance(said, list) else [said]
        role = next(
            (role for group, role in self.roles.items() if group in groups and role != Role.OPERATOR), rule.role
        )
        return DomainRule(rule.domain, rule.merchant_id, role)


@dataclass(frozen=True)
class Arrival:
    """Somebody who has come back from the provider: who, for what, and where they go on to."""

    user: User
    purpose: str
    back: str


class Federation:
    """Ways in by the provider of identities. Its own id of a person is what is known, never the address alone."""

    def __init__(
        self,
        database: Database,
        stores: tuple[Credentials, Users],
        provider: IdentityProvider,
        people: tuple[Accounts, Invitations, Sessions],
        begun: Begun,
        rules: Rules,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store, self._users = stores
        self._provider = provider
        self._accounts, self._invitations, self._sessions = people
        self._begun = begun
        self._rules = rules
        self._clock = clock

    async def begin(
        self,
        purpose: str,
        back: str = "",
        *,
        networks: Sequence[str] = (),
        ticket: str = "",
        login: tuple[User, Login] | None = None,
    ) -> tuple[str, str]:
        """Return the provider's address for somebody, and what their browser has to keep until they are back.

        `networks` are those of who has no login, `ticket` the token of an invitation to join by, `login` who
        connects. Raises AccountError.
        """
        if login is None:
            self._begun.admit(networks)
        nonce, verifier, binder = (secrets.token_urlsafe(32) for _ in range(3))
        said = {"purpose": purpose, "back": back, "nonce": nonce, "verifier": verifier, "binder": digest(binder).hex()}
        if ticket:
            said["ticket"] = digest(ticket).hex()
        if login:
            said["session"] = login[1].token_sha256.hex()
        state = await self._begun.keep(_KIND, **said)
        return await self._provider.address(state, nonce, verifier), binder

    async def connect(self, login: tuple[User, Login], password: str) -> tuple[str, str]:
        """As `begin`, for who has a login already; it takes the password. Raises AccountError."""
        await self._accounts.confirm(login[0], password, "oidc-password")
        return await self.begin(CONNECT, "", login=login)

    async def disconnect(self, login: tuple[User, Login], password: str) -> None:
        """Have somebody log in by the provider no longer; it takes the password. Raises AccountError.

        The person's other sessions end: whoever has the account at the provider may have begun one.
        """
        user, here = login
        await self._accounts.confirm(user, password, "oidc-password")
        async with self._database.session() as session, session.begin():
            await self._store.disconnect(session, user.user_id)
            ended = await self._users.close_all(session, user.user_id, self._clock(), here.token_sha256)
        await self._sessions.bury(ended)

    async def is_connected(self, user: User) -> bool:
        """Whether somebody may log in by the provider."""
        async with self._database.session() as session:
            return any(
                one.issuer == self._provider.issuer for one in await self._store.identities(session, user.user_id)
            )

    async def finish(self, query: Mapping[str, str], binder: str, login: tuple[User, Login] | None) -> Arrival:
        """Take what the provider has sent a browser back with. Raises AccountError; nothing is taken twice."""
        said = await self._begun.take(_KIND, query.get("state", ""))
        if said is None or not hmac.compare_digest(digest(binder).hex(), said["binder"]):
            raise AccountError("oidc", _OVER)
        if query.get("iss", self._provider.issuer) != self._provider.issuer:
            raise AccountError("oidc", _OVER)
        if not (code := query.get("code", "")):
            raise AccountError("oidc", "The provider has not let you in, or you have turned back.")
        claims = await self._provider.claims(code, said["verifier"], said["nonce"])
        return Arrival(await self._arrived(said, claims, login), said["purpose"], said["back"])

    async def _arrived(self, said: dict[str, Any], claims: Claims, login: tuple[User, Login] | None) -> User:
        if said["purpose"] == JOIN:
            return await self._join(bytes.fromhex(said["ticket"]), claims)
        if said["purpose"] == CONNECT:
            if login is None or login[1].token_sha256.hex() != said["session"]:
                raise AccountError("oidc", _OVER)
            async with self._database.session() as session, session.begin():
                await self._connect(session, login[0], claims, by_rule=False)
            return login[0]
        return await self._log_in(claims)

    async def _log_in(self, claims: Claims) -> User:
        async with self._database.session() as session:
            known = await self._store.identity(session, self._provider.issuer, claims.subject)
            user = await self._users.by_id(session, known.user_id) if known else None
        if known is None:
            return await self._let_in(claims)
        if user is None or user.disable_time:
            raise AccountError("oidc", "This account is closed.")
        return await self._as_the_rule_says(user, claims) if known.by_rule else user

    async def _let_in(self, claims: Claims) -> User:
        """Make a login for somebody whom a domain's rule lets in, and nobody else."""
        if (rule := self._rules.of(claims)) is None:
            raise AccountError("oidc", _NOT_INVITED)
        user = self._new(address_of(claims.email), claims.name, rule.role, rule.merchant_id)
        async with self._database.session() as session, session.begin():
            if not await self._users.add(session, user):
                # whose that is the provider's word does not settle
                raise AccountError("oidc", _TAKEN)
            await self._connect(session, user, claims, by_rule=True)
        return user

    async def _as_the_rule_says(self, user: User, claims: Claims) -> User:
        """Hold who came by a rule to it, as it is now: it says the role, and may be gone."""
        rule = self._rules.of(claims)
        if rule is None or rule.merchant_id != user.merchant_id:
            raise AccountError("oidc", "The rule that has let you in does not hold any more.")
        if rule.role != user.role:
            await self._accounts.regrade(user, rule.role)
            async with self._database.session() as session:
                return await self._users.by_id(session, user.user_id) or user
        return user

    async def _join(self, token: bytes, claims: Claims) -> User:
        """Use an invitation up: it has to be for the address that the provider says is the person's."""

        async def made(session: Work, ticket: Ticket) -> User:
            if not claims.email or claims.email != ticket.email:
                raise AccountError("oidc", "This invitation is for another address than the one you have there.")
            user = self._new(ticket.email, ticket.display_name or claims.name, ticket.role, ticket.merchant_id)
            if not await self._users.add(session, user):
                raise AccountError("oidc", _TAKEN)
            await self._connect(session, user, claims, by_rule=False)
            return user

        return await self._invitations.accept_by(token, made)

    async def _connect(self, session: Work, user: User, claims: Claims, *, by_rule: bool) -> None:
        identity = Identity(self._provider.issuer, claims.subject, user.user_id, by_rule, self._clock())
        if not await self._store.connect(session, identity):
            raise AccountError("oidc", _CONNECTED)

    def _new(self, email: str, name: str, role: str, merchant_id: UUID | None) -> User:
        # no password: what there is none of is never right
        return User(new_id(), email, name, role, merchant_id, "", None, 0, 0, None, self._clock())
