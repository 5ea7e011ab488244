"""Links that let somebody in once: people who are new, and those who have lost the password or the second factor."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from console.domain import AccountError, Ticket, User, digest
from console.storage.credentials import Credentials
from console.storage.people import Accounts as Users
from console.storage.tickets import Tickets as Store
from console.use_cases.accounts import address_of
from console.use_cases.passwords import Passwords
from console.use_cases.sessions import Sessions
from mesh.ids import Clock, new_id, utc_now
from mesh.storage.database import Database, Session

INVITATION, RESET = "invitation", "reset"
TAKEN = "Somebody of this account has this address already."
MAX_MAILS = 50
"""Of one person's in a day (UTC): each is a mail to somebody who did not ask for it."""
MAX_OPEN = 200
"""Links of a merchant that hold at once: as many as its page shows."""
LIFETIME = {INVITATION: timedelta(days=7), RESET: timedelta(hours=24)}


class Invitations:
    """Makes and takes links. Of each person the newest holds, once."""

    def __init__(
        self,
        database: Database,
        store: Store,
        users: Users,
        credentials: Credentials,
        sessions: Sessions,
        passwords: Passwords,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._users = users
        self._credentials = credentials
        self._sessions = sessions
        self._passwords = passwords
        self._clock = clock

    async def invite(self, by: User, email: str, display_name: str, role: str, merchant_id: UUID | None) -> str:
        """Return the token of a link that makes somebody a user of a merchant. Raises AccountError.

        Whether the address is a login elsewhere nobody learns: it makes no difference.
        """
        address = address_of(email)
        async with self._database.session() as session:
            if await self._users.at_merchant(session, address, merchant_id):
                raise AccountError("email", TAKEN)
        return await self._issue(INVITATION, by, address, display_name, role, merchant_id)

    async def reset(self, by: User, user_id: UUID) -> str:
        """Return the token of a link to a new password, without a second factor, of a user of the same merchant.

        Raises AccountError for nobody of this merchant, and for oneself.
        """
        async with self._database.session() as session:
            user = await self._users.by_id(session, user_id)
        if user is None or user.merchant_id != by.merchant_id or user.user_id == by.user_id:
            raise AccountError("user", "There is no such user.")
        return await self._issue(RESET, by, user.email, user.display_name, user.role, user.merchant_id)

    async def count_mail(self, by: User) -> None:
        """Count a mail that somebody has sent. Raises AccountError when it would be one too many today."""
        async with self._database.session() as session:
            if not await self._store.count_mail(session, by.user_id, self._clock().date(), MAX_MAILS):
                raise AccountError("email", f"You have sent {MAX_MAILS} mails today. Go on tomorrow.")

    async def find(self, token: str) -> Ticket | None:
        """Return what a link is for; None when it does not hold."""
        async with self._database.session() as session:
            return await self._store.find(session, digest(token), self._clock())

    async def accept(self, token: str, password: str) -> User:
        """Use a link up: somebody is a user with a password now. Raises AccountError."""
        if await self.find(token) is None:
            raise AccountError("token", "This link does not hold any more. Ask for a new one.")
        with self._passwords.place_of(digest(token).hex(), "token"):
            hashed = await self._passwords.hash(password)
        async with self._database.session() as session, session.begin():
            ticket = await self._taken(session, digest(token))
            if ticket.kind == INVITATION:
                return await self._added(session, ticket, hashed)
            known = await self._users.at_merchant(session, ticket.email, ticket.merchant_id)
            if known is None or known.disable_time:
                raise AccountError("token", "This account is closed.")
            await self._users.set_password(session, known.user_id, hashed)
            await self._users.set_totp(session, known.user_id, None, 0)
            await self._credentials.forget(session, known.user_id)
            await self._users.succeeded(session, known.user_id)
            ended = await self._users.close_all(session, known.user_id, self._clock())
            user = await self._users.held(session, known.user_id)
        await self._sessions.bury(ended)
        assert user
        return user

    async def accept_by(self, token: bytes, made: Callable[[Session, Ticket], Awaitable[User]]) -> User:
        """Use an invitation up by its digest, for somebody without a password, whom `made` adds. Raises AccountError.

        What `made` raises leaves the invitation as it was.
        """
        async with self._database.session() as session, session.begin():
            ticket = await self._taken(session, token)
            if ticket.kind != INVITATION:
                raise AccountError("token", "This link is for a new password.")
            return await made(session, ticket)

    async def _taken(self, session: Session, token: bytes) -> Ticket:
        ticket = await self._store.take(session, token, self._clock())
        if ticket is None:
            raise AccountError("token", "This link was used before. Ask for a new one.")
        if not await self._is_of_one_who_may(session, ticket):
            raise AccountError("token", "Who made this link may let nobody in any more. Ask for a new one.")
        return ticket

    async def pending(self, by: User) -> list[Ticket]:
        """Return the links that hold and that somebody may withdraw: of their merchant, or all that operators made."""
        async with self._database.session() as session:
            if by.is_operator:
                return await self._store.by_operators(session, self._clock())
            return await self._store.of_merchant(session, by.merchant_id, self._clock())

    async def withdraw(self, by: User, email: str, merchant_id: UUID | None) -> None:
        """Let a link hold no longer; an operator says of which merchant, if of any. Raises AccountError for none."""
        address, whose = address_of(email), merchant_id if by.is_operator else by.merchant_id
        async with self._database.session() as session:
            if not await self._store.withdraw(session, address, whose):
                raise AccountError("email", "There is no such link any more: it was used, replaced or withdrawn.")

    async def give_up(self, ticket: Ticket) -> None:
        """Let a link hold no longer that came to nobody; one that somebody else has made meanwhile holds on."""
        async with self._database.session() as session:
            await self._store.withdraw_link(session, ticket.token_sha256)

    async def _issue(
        self, kind: str, by: User, email: str, display_name: str, role: str, merchant_id: UUID | None
    ) -> str:
        token, now = secrets.token_urlsafe(32), self._clock()
        ends = now + LIFETIME[kind]
        ticket = Ticket(digest(token), kind, email, display_name, role, merchant_id, by.user_id, now, ends)
        async with self._database.session() as session, session.begin():
            if await self._store.others(session, ticket) >= MAX_OPEN:
                raise AccountError("email", f"{MAX_OPEN} links are open. Withdraw some, or wait until they are used.")
            await self._store.issue(session, ticket)
        return token

    async def _is_of_one_who_may(self, session: Session, ticket: Ticket) -> bool:
        """Whether who made a link may still let people in: it may have been made while that was taken from them."""
        maker = await self._users.by_id(session, ticket.made_by)
        return maker is not None and ticket.may_come_from(maker)

    async def _added(self, session: Session, ticket: Ticket, hashed: str) -> User:
        user = User(
            user_id=new_id(),
            email=ticket.email,
            display_name=ticket.display_name,
            role=ticket.role,
            merchant_id=ticket.merchant_id,
            password_hash=hashed,
            totp_secret=None,
            totp_step=0,
            failures=0,
            locked_until=None,
            create_time=self._clock(),
        )
        if not await self._users.add(session, user):
            raise AccountError("token", TAKEN)
        return user
