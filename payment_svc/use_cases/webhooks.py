"""Webhooks of providers: verified and stored at the edge, applied afterwards, in turns by account.

An event is only a hint. Before anything changes, the provider is asked for the object again, so that events which come
twice, late, reordered or forged (with a stolen secret) cannot move a payment where the provider's records do not.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from mesh import context, tracing
from mesh.errors import ApiError, invalid, permission_denied, unauthenticated, unavailable
from mesh.ids import Clock, parse_uuid, utc_now
from mesh.redaction import redacted
from mesh.service import BackgroundTasks
from mesh.storage import history
from mesh.storage.batcher import Batcher
from mesh.storage.database import Database
from mesh.telemetry import alert, get_logger
from mesh.tracing import names
from payment_svc.domain.provider_event import Verdict
from payment_svc.domain.webhook_allowlist import WebhookAllowlist
from payment_svc.metrics import EVENT_SECONDS, EVENTS, WEBHOOK_DEAD, WEBHOOK_QUARANTINED, WEBHOOKS
from payment_svc.providers import event_form
from payment_svc.providers.base import ProviderError, ProviderEvent, SignatureInvalidError
from payment_svc.providers.reading_time import ReadingTime
from payment_svc.providers.registry import kept_of
from payment_svc.providers.resilience import ResilientProvider
from payment_svc.storage.provider_events import Key, Note, StoredEvent, WebhookRepository, key_of
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.event_application import EventApplication
from payment_svc.use_cases.recovery.loop import Recovery
from payment_svc.use_cases.taken_back.reversals import UndecidedError

log = get_logger(__name__)
LEASE = timedelta(seconds=60)
ECHOES = 256
"""How many events may wait for what this process has under way, before they are stored."""
ECHOES_SECONDS = 0.03
"""How long the first of them waits to be stored with others: nobody has to do anything for them any more."""
WINDOW = 64
"""How many events are applied at once."""
SHARE = 16
"""How many of one account: one that has thousands leaves room for three more of its kind, and for all others."""
BACKOFF = tuple(timedelta(seconds=s) for s in (0.5, 2, 5, 15, 30, 60, 300, 900, 3600))
"""The waits between attempts to apply an event that fails; after the last it is dead.

One that cannot be applied now, as its provider is away, has not failed: it waits, a quarter of its age each time.
"""
WAITS = timedelta(days=3)
"""For how long an event waits for an account that cannot be asked; from then on that it cannot counts as a failure."""
UNDECIDED = timedelta(days=60)
"""For how long it waits for what its provider has not decided, which may take weeks."""
_ALERTS = {"QUARANTINED": WEBHOOK_QUARANTINED, "DEAD": WEBHOOK_DEAD}
MAX_REASON = 200
"""Characters of what went wrong with an event that are kept and told: its words are the sender's."""
CLIENT_KEY = "x-client-address"
"""Where the edge says who the client is, behind the proxies that are trusted; a client's own is taken off."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Who is next: an event that comes when its account has a turn is begun at once, without being claimed."""

    inbox: WebhookInbox
    loop: Recovery[StoredEvent]

    def keep(self, event: StoredEvent) -> bool:
        """Keep a turn for an event that is about to be stored; False when it has to wait."""
        if not self.loop.keep_place():
            return False
        if not self.inbox.keep(event):
            self.loop.take_place(None)
            return False
        return True

    def take(self, event: StoredEvent, *, begin: bool) -> None:
        """Begin with an event that a turn was kept for, or give the turn back."""
        if not begin:
            self.inbox.give_back(event)
        self.loop.take_place(event if begin else None)

    def wake(self) -> None:
        """Say that an event waits for its turn."""
        self.loop.worker.wake()


class WebhookReceiver:
    """Takes provider events in."""

    def __init__(
        self,
        database: Database,
        store: WebhookRepository,
        accounts: Accounts,
        allowlist: WebhookAllowlist,
        turns: Turns,
        background: BackgroundTasks,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._accounts = accounts
        self._allowlist = allowlist
        self._turns = turns
        self._background = background
        self._clock = clock
        self._receptions: Batcher[Note, bool] = Batcher(self._receive)
        self._known: Batcher[Note, bool] = Batcher(self._receive, patience=ECHOES_SECONDS)
        self._echoes = 0
        self._reading = ReadingTime()

    async def receive(
        self, provider_name: str, account_id: UUID | None, body: bytes, headers: Mapping[str, str]
    ) -> None:
        """Verify a webhook on its raw bytes and store it; one that is here already changes nothing, unless it was dead.

        One that only says what this process is doing itself waits for that, for 2 s at the most.

        Raises ApiError PERMISSION_DENIED, reason IP_NOT_ALLOWED; UNAUTHENTICATED, reason WEBHOOK_SIGNATURE_INVALID;
        INVALID_ARGUMENT for a provider that is not on or a body that is not an event; UNAVAILABLE when the signature
        cannot be checked now, RESOURCE_EXHAUSTED where too much of an account waits to be read: it is sent again.
        """
        provider = await self._accounts.of_webhook(provider_name, account_id, headers)
        # what providers send is ASCII, and comparing anything else raises deep inside of their libraries
        headers = {name: value for name, value in headers.items() if value.isascii()}
        if not self._allowlist.allow(provider.name, headers.get(CLIENT_KEY, "")):
            WEBHOOKS.labels(provider.name, "not_allowed").inc()
            raise permission_denied("IP_NOT_ALLOWED", f"{provider.name} does not send from this address")
        try:
            await provider.verify(body, headers, self._clock())
            event, kept = await self._reading.spent(account_id, lambda: _read(provider, account_id, body))
        except SignatureInvalidError as error:
            WEBHOOKS.labels(provider.name, "signature_invalid").inc()
            raise unauthenticated("WEBHOOK_SIGNATURE_INVALID", str(error)) from None
        except ProviderError as error:
            WEBHOOKS.labels(provider.name, "unverifiable").inc()
            log.warning("webhook not verified", provider=provider.name, error=str(error)[:MAX_REASON])
            raise unavailable(
                "PROVIDER_UNAVAILABLE", "the signature cannot be checked now; send the event again"
            ) from None
        except ValueError as error:
            WEBHOOKS.labels(provider.name, "not_an_event").inc()
            raise invalid("payload", _said(error), "WEBHOOK_NOT_AN_EVENT") from None
        call = context.current()
        payment_id = parse_uuid(event.payment_id)
        call.log.update(
            provider=provider.name, event_type=redacted(event.type), payment_id=str(payment_id) if payment_id else ""
        )
        stored = StoredEvent(
            *(provider.name, account_id, event.event_id, event.type, kept, call.trace_id, 0, self._clock()),
            traceparent=call.traceparent if tracing.is_on() else None,
        )
        # to its end even when the sender is gone, or the process stops: what is stored as taken has to be begun
        is_new = await self._background.shielded(self._take_in(stored, provider, event))
        WEBHOOKS.labels(provider.name, "accepted" if is_new else "repeated").inc()

    async def _take_in(self, event: StoredEvent, provider: ResilientProvider, said: ProviderEvent) -> bool:
        """Store an event, and begin with it at once where its account has a turn; return whether it is new.

        What is known of it already is stored with it: then nobody has to apply it.
        """
        if known := await self._echoed(event, provider, said):
            is_new = await self._known.submit(known)
            if is_new:
                self._turns.inbox.count(known)
            return is_new
        if not self._turns.keep(event):
            is_new = await self._receptions.submit(Note(event, "PENDING", wait=timedelta(0)))
            if is_new:
                self._turns.wake()
            return is_new
        taken, is_new = replace(event, attempts=1), False
        try:
            is_new = await self._receptions.submit(Note(taken, "PENDING", wait=LEASE))
        finally:
            self._turns.take(taken, begin=is_new)
        return is_new

    async def _echoed(self, event: StoredEvent, provider: ResilientProvider, said: ProviderEvent) -> Note | None:
        """Return how an event stands that says what this process has just done; None for any other."""
        if self._echoes >= ECHOES:
            return None
        self._echoes += 1
        try:
            return await self._turns.inbox.echoed(replace(event, attempts=1), provider, said)
        finally:
            self._echoes -= 1

    async def _receive(self, events: Sequence[Note]) -> Sequence[bool]:
        async with self._database.session() as session:
            return await self._store.receive(session, events)


def _read(provider: ResilientProvider, account_id: UUID | None, body: bytes) -> tuple[ProviderEvent, bytes]:
    """Return what a webhook says, and what of it is stored. Raises ValueError."""
    event_form.check_parts(body)
    event = provider.translate(body)
    if account_id is None:
        # signed by the provider alone; so a release before, which reads whole bodies only, can apply it
        return event, body
    return event, event_form.to_keep(body, event, kept_of(provider.name).event)


def _place(error: Exception) -> str:
    """Return the file and line that an error came from."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}"


def _said(error: Exception) -> str:
    """Return what an error says of a body that somebody else wrote: short, in ASCII, and without card numbers."""
    return redacted(f"{error!s:.{MAX_REASON}}".encode("ascii", "backslashreplace").decode())


class WebhookInbox:
    """Applies stored events; whatever fails is tried again, and given up on only with an alert."""

    name = "webhook-inbox"

    def __init__(
        self,
        database: Database,
        store: WebhookRepository,
        application: EventApplication,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._application = application
        self._clock = clock
        self._busy: Counter[Key] = Counter()
        self._notes: Batcher[Note, None] = Batcher(self._note)

    async def claim(self, limit: int) -> Sequence[StoredEvent]:
        """Take events that are due: accounts take turns, so that a flood of one delays no other."""
        async with self._database.session() as session:
            due = await self._store.claim_events(session, LEASE, limit, share=SHARE, busy=self._busy)
        self._busy.update(map(key_of, due))
        return due

    def keep(self, item: StoredEvent) -> bool:
        """Count an event that is claimed by who stores it; False when its account has its share already."""
        has_turn = self._busy[key_of(item)] < SHARE
        if has_turn:
            self._busy[key_of(item)] += 1
        return has_turn

    def call_of(self, item: StoredEvent) -> context.Call:
        """Return the call that an event is applied in: of the webhook that brought it."""
        trace = context.trace_of(item.traceparent) if item.traceparent else context.TraceContext(item.trace_id)
        return context.call_of(trace, method=f"webhook:{item.provider}:{item.type}")

    async def echoed(self, item: StoredEvent, provider: ResilientProvider, event: ProviderEvent) -> Note | None:
        """Return how an event stands that says only what this process has just done; None for any other.

        To be called in a task of its own, as it goes on under the call of the event.
        """
        context.enter(self.call_of(item))
        verdict = await self._application.echoed(provider, event, item)
        if verdict is None:
            return None
        with self._span(item):
            return self._note_of(item, verdict)

    async def check(self, item: StoredEvent) -> None:
        """Apply one event."""
        with self._span(item):
            await self._check(item)

    @contextmanager
    def _span(self, item: StoredEvent) -> Iterator[None]:
        attributes: dict[str, tracing.Value] = {names.PROVIDER: item.provider, names.EVENT_TYPE: item.type}
        span = tracing.start(f"process {item.provider} webhook", tracing.Kind.CONSUMER, attributes)
        span.enter()
        yield
        span.end()

    async def _check(self, item: StoredEvent) -> None:
        try:
            verdict = await self._application.apply(item)
        except UndecidedError as error:
            # it was answered: what had failed before counts no more
            await self._wait(replace(item, attempts=1), _said(error), UNDECIDED)
        except (ProviderError, ApiError) as error:
            # the platform's own is told to who can mend it; what it says of money may take weeks
            await self._wait(item, _said(error), WAITS if item.account_id else UNDECIDED)
        except Exception as error:
            # one line without a traceback: whoever has an account could write them by the thousand
            log.error("webhook failed", event_id=item.event_id, reason=_said(error), at=_place(error))
            await self._try_again(item, _said(error))
        else:
            await self._close(item, verdict)

    async def reschedule(self, item: StoredEvent) -> bool:
        """Give the event's place back, for which others of its account may have waited."""
        return self.give_back(item)

    def give_back(self, item: StoredEvent) -> bool:
        """Count an event no more; return whether others of its account may have waited."""
        key = key_of(item)
        was_full = self._busy[key] >= SHARE
        self._busy[key] -= 1
        if not self._busy[key]:
            del self._busy[key]
        return was_full

    async def _wait(self, item: StoredEvent, reason: str, at_most: timedelta) -> None:
        """Try again when its provider or its payment can be asked: that they cannot is no fault of the event.

        What has waited for long enough is tried as often as what fails, and is dead then: the provider may send it
        again, and then it is tried anew.
        """
        age = self._clock() - item.receive_time
        if age > at_most:
            await self._try_again(item, reason)
            return
        wait = min(max(age / 4, BACKOFF[0]), BACKOFF[-1])
        await self._notes.submit(Note(replace(item, attempts=item.attempts - 1), "PENDING", reason, wait))

    async def _try_again(self, item: StoredEvent, reason: str) -> None:
        """Try again what failed by itself, until it is dead."""
        if item.attempts > len(BACKOFF):
            await self._close(item, Verdict("DEAD", reason))
            return
        await self._notes.submit(Note(item, "PENDING", reason, BACKOFF[item.attempts - 1]))

    async def _close(self, item: StoredEvent, verdict: Verdict) -> None:
        note = self._note_of(item, verdict)
        await self._notes.submit(note)
        self.count(note)

    def _note_of(self, item: StoredEvent, verdict: Verdict) -> Note:
        payment, status, reason = verdict.payment, verdict.status, verdict.reason
        said = [changes.of_webhook(payment, item, status, reason, self._clock())] if payment else []
        return Note(item, status, reason, entries=history.entries(said))

    def count(self, done: Note) -> None:
        """Measure an event that is done with, and tell of one that should not be."""
        item = done.event
        EVENTS.labels(item.provider, done.status).inc()
        if done.status != "DEAD" or not item.account_id:
            # that a merchant's own account could not be asked for days is no lateness of ours
            EVENT_SECONDS.labels(item.provider).observe((self._clock() - item.receive_time).total_seconds())
        if condition := _ALERTS.get(done.status):
            account = str(item.account_id or "the platform's")
            alert(condition, log, provider=item.provider, account=account, event_id=item.event_id, reason=done.reason)

    async def _note(self, notes: Sequence[Note]) -> Sequence[None]:
        async with self._database.session() as session:
            await self._store.note(session, notes)
        return [None] * len(notes)
