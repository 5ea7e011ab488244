"""The use cases of notification channels that webhook endpoints do not have: add and confirm them, and the push key.

All else is in `endpoints.py`, and is the same for every kind.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID

import grpc

from mesh.errors import ApiError, failed_precondition, invalid, unavailable
from mesh.ids import Clock, new_id, utc_now
from mesh.mail.addresses import AddressRefusedError, check_address
from mesh.service import BackgroundTasks
from mesh.storage import idempotency
from mesh.storage.database import Database, Session
from mesh.storage.idempotency import Claim, Record
from mesh.telemetry import get_logger
from mesh.vault import Vault
from notify_svc.channels import email_messages as emails
from notify_svc.channels.email import Mailer
from notify_svc.contract.event_types import check_filters
from notify_svc.domain import channel as channel_domain
from notify_svc.domain import endpoint as endpoint_domain
from notify_svc.domain.channel import KeyRefusedError
from notify_svc.domain.endpoint import CHANNELS, DisableReason, Endpoint, Kind
from notify_svc.storage.endpoints import EndpointRepository, Token
from notify_svc.use_cases.endpoints import Reach, require_found

log = get_logger(__name__)
CONFIRMING = 2
"""How many mails ask for a confirmation at once: each holds a connection to the database while it is sent."""


@dataclass(frozen=True, slots=True)
class NewEmail:
    """A mailbox to be added."""

    address: str


@dataclass(frozen=True, slots=True)
class NewPush:
    """A browser to be added: what its subscription says."""

    url: str
    p256dh: str
    auth: str


@dataclass(frozen=True, slots=True)
class NewChannel:
    """What a merchant says of a new channel."""

    destination: NewEmail | NewPush
    event_types: tuple[str, ...]
    description: str
    language: str


class Channels:
    """Notification channels of merchants; `mailer` and `push_key` are None where the operator set up neither."""

    def __init__(
        self,
        database: Database,
        store: EndpointRepository,
        vault: Vault,
        reach: Reach,
        mailer: Mailer | None,
        push_key: str | None,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._vault = vault
        self._reach = reach
        self._mailer = mailer
        self._push_key = push_key
        self.background = BackgroundTasks()
        self._clock = clock
        self._confirming = asyncio.Semaphore(CONFIRMING)

    def push_key(self) -> str:
        """Return what browsers subscribe with. Raises ApiError FAILED_PRECONDITION, reason PUSH_NOT_CONFIGURED."""
        if self._push_key is None:
            raise failed_precondition("PUSH_NOT_CONFIGURED", "this gateway sends no push messages")
        return self._push_key

    async def create(self, merchant_id: UUID, new: NewChannel, claim: Claim | None) -> Endpoint | Record:
        """Add a channel and return it, or the record of the same request made before.

        A mailbox is mailed a token first; without that mail there is no channel. Raises ApiError INVALID_ARGUMENT,
        FAILED_PRECONDITION, RESOURCE_EXHAUSTED and UNAVAILABLE, as the contract says.
        """
        check_filters(new.event_types)
        if isinstance(new.destination, NewPush):
            return await self._create_push(merchant_id, new, new.destination, claim)
        return await self._create_email(merchant_id, new, new.destination, claim)

    async def confirm(self, merchant_id: UUID, channel_id: UUID, token: str) -> Endpoint:
        """Enable a mailbox by the token that was mailed to it, and return it; one that waits for none as it is.

        Raises ApiError NOT_FOUND, and INVALID_ARGUMENT, reason TOKEN_INVALID.
        """
        async with self._database.transaction() as session:
            channel = await self._found(session, merchant_id, channel_id)
            if channel.disable_reason is not DisableReason.UNCONFIRMED:
                return channel
            if not await self._store.confirm(session, channel_id, channel_domain.digest(token), self._clock()):
                raise invalid("token", "is not the one that was mailed, or is older than 24 hours", "TOKEN_INVALID")
            return await self._found(session, merchant_id, channel_id)

    async def _create_push(
        self, merchant_id: UUID, new: NewChannel, push: NewPush, claim: Claim | None
    ) -> Endpoint | Record:
        self.push_key()
        keys = _keys_of(push)
        self._reach.check_push(push.url, "push.endpoint")
        channel = self._new(merchant_id, new, Kind.PUSH, push.url)
        async with self._database.session() as session:
            # a repetition has its answer without a look, and nobody looks for one too many
            if claim and (record := await idempotency.find(session, claim)):
                return record
            await self._require_few(session, merchant_id)
        await self._reach.check(push.url, "push.endpoint")
        async with self._store.alone(self._database, merchant_id) as session:
            if record := await self._admit(session, channel, claim):
                return record
            await self._store.add(session, channel, self._vault.seal(json.dumps(keys).encode(), channel.vault_owner))
        return channel

    async def _create_email(
        self, merchant_id: UUID, new: NewChannel, email: NewEmail, claim: Claim | None
    ) -> Endpoint | Record:
        if self._mailer is None:
            raise failed_precondition("EMAIL_NOT_CONFIGURED", "this gateway sends no mail")
        try:
            address = check_address(email.address)
        except AddressRefusedError as error:
            raise invalid("email.address", str(error)) from None
        channel = self._new(merchant_id, new, Kind.EMAIL, address)
        async with AsyncExitStack() as waited:
            await waited.enter_async_context(self._store.turn(merchant_id))
            await waited.enter_async_context(self._confirming)
            # a caller who is gone from here on gets a mail that counts
            return await self.background.shielded(self._add_mailbox(waited.pop_all(), self._mailer, channel, claim))

    async def _add_mailbox(
        self, turn: AsyncExitStack, mailer: Mailer, channel: Endpoint, claim: Claim | None
    ) -> Endpoint | Record:
        token = secrets.token_urlsafe()
        proof = Token(channel_domain.digest(token), channel.create_time + channel_domain.TOKEN_LIFE)
        # sent before the commit: a refused request leaves nothing behind, and of two with one key only one mails
        async with turn, self._store.locked(self._database, channel.merchant_id) as session:
            if record := await self._admit(session, channel, claim):
                return record
            await self._require_few_mailboxes(session, channel)
            await self._store.add(session, channel, None, proof)
            await self._ask(mailer, channel, token)
        return channel

    def _new(self, merchant_id: UUID, new: NewChannel, kind: Kind, destination: str) -> Endpoint:
        now = self._clock()
        return Endpoint(
            endpoint_id=new_id(),
            merchant_id=merchant_id,
            destination=destination,
            event_types=new.event_types or (endpoint_domain.ALL,),
            description=new.description,
            disable_reason=DisableReason.UNCONFIRMED if kind is Kind.EMAIL else DisableReason.NONE,
            create_time=now,
            update_time=now,
            kind=kind,
            language=new.language,
        )

    async def _admit(self, session: Session, channel: Endpoint, claim: Claim | None) -> Record | None:
        """Claim the key, and refuse one channel too many; return the record of whoever was first."""
        if claim:
            answer = claim.answer(channel)
            record = await idempotency.store(session, claim, channel.endpoint_id, answer)
            if record:
                return record
        await self._require_few(session, channel.merchant_id)
        return None

    async def _require_few(self, session: Session, merchant_id: UUID) -> None:
        if len(await self._store.all_of(session, merchant_id, CHANNELS)) >= channel_domain.MAX_CHANNELS:
            most = f"a merchant has {channel_domain.MAX_CHANNELS} notification channels at the most"
            raise failed_precondition("TOO_MANY_CHANNELS", most)

    async def _require_few_mailboxes(self, session: Session, channel: Endpoint) -> None:
        since = channel.create_time - channel_domain.CONFIRMATIONS_SPAN
        if await self._store.mailboxes_since(session, channel.merchant_id, since) >= channel_domain.MAX_CONFIRMATIONS:
            most = f"a merchant may add {channel_domain.MAX_CONFIRMATIONS} mailboxes in a day"
            raise ApiError(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CONFIRMATIONS", most)

    async def _ask(self, mailer: Mailer, channel: Endpoint, token: str) -> None:
        """Mail the token. Raises ApiError when the server did not take it."""
        mail = emails.confirmation_mail(
            channel.destination, token, channel.language, mailer.sender, channel.create_time, str(channel.endpoint_id)
        )
        attempt = await mailer.send(mail, channel.destination)
        log.info(
            "confirmation mail",
            endpoint_id=channel.endpoint_id,
            smtp_status=attempt.status,
            duration_ms=round(attempt.duration_ms, 3),
        )
        if attempt.gone:
            raise invalid("email.address", f"the mail server refuses it ({attempt.status})", "EMAIL_REFUSED")
        if not attempt.succeeded:
            raise unavailable("EMAIL_NOT_SENT", "the mail that asks for a confirmation could not be sent, try again")

    async def _found(self, session: Session, merchant_id: UUID, channel_id: UUID) -> Endpoint:
        found = await self._store.get(session, merchant_id, channel_id, lock=True, kinds=CHANNELS)
        return require_found(found, channel_id, CHANNELS)


def _keys_of(push: NewPush) -> dict[str, str]:
    """Return the keys of a subscription as they are stored. Raises ApiError INVALID_ARGUMENT for the wrong one."""
    try:
        p256dh = channel_domain.check_public_key(push.p256dh)
    except KeyRefusedError as error:
        raise _wrong_key("p256dh", error) from None
    try:
        return {"p256dh": p256dh, "auth": channel_domain.check_auth(push.auth)}
    except KeyRefusedError as error:
        raise _wrong_key("auth", error) from None


def _wrong_key(name: str, error: KeyRefusedError) -> ApiError:
    return invalid(f"push.keys.{name}", str(error))
