"""Webhooks of providers: verified and stored at the edge, applied afterwards, in turns by account.

An event is only a hint. Before anything changes, the provider is asked for the object again, so that events which come
twice, late, reordered or forged (with a stolen secret) cannot move a payment where the provider's records do not.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from mesh import context, tracing
from mesh.errors import ApiError, invalid, permission_denied, unauthenticated, unavailable
from mesh.events.unit_of_work import UnitsOfWork
from mesh.ids import Clock, parse_uuid, utc_now
from mesh.redaction import redacted
from mesh.storage.database import Database
from mesh.telemetry import alert, get_logger
from mesh.tracing import names
from payment_svc.domain.provider_event import Verdict
from payment_svc.domain.webhook_allowlist import WebhookAllowlist
from payment_svc.metrics import EVENT_SECONDS, EVENTS, WEBHOOK_DEAD, WEBHOOK_QUARANTINED, WEBHOOKS
from payment_svc.providers.base import ProviderError, SignatureInvalidError
from payment_svc.storage.provider_events import Key, StoredEvent, WebhookRepository, key_of
from payment_svc.use_cases import history_entries as changes
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.event_application import EventApplication

log = get_logger(__name__)
LEASE = timedelta(seconds=60)
WINDOW = 64
"""How many events are applied at once."""
SHARE = 16
"""How many of one account: one that has thousands leaves room for three more of its kind, and for all others."""
BACKOFF = tuple(timedelta(seconds=s) for s in (0.5, 2, 5, 15, 30, 60, 300, 900, 3600))
"""The waits between attempts to apply an event that fails; after the last it is dead.

One that cannot be applied now, as its provider is away, has not failed: it waits, a quarter of its age each time.
"""
_ALERTS = {"QUARANTINED": WEBHOOK_QUARANTINED, "DEAD": WEBHOOK_DEAD}
MAX_REASON = 200
"""Characters of what went wrong with an event that are kept and told: its words are the sender's."""
CLIENT_KEY = "x-client-address"
"""Where the edge says who the client is, behind the proxies that are trusted; a client's own is taken off."""


class WebhookReceiver:
    """Takes provider events in."""

    def __init__(
        self,
        database: Database,
        store: WebhookRepository,
        accounts: Accounts,
        allowlist: WebhookAllowlist,
        wake: Callable[[], None],
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._store = store
        self._accounts = accounts
        self._allowlist = allowlist
        self._wake = wake
        self._clock = clock

    async def receive(
        self, provider_name: str, account_id: UUID | None, body: bytes, headers: Mapping[str, str]
    ) -> None:
        """Verify a webhook on its raw bytes and store it; one that is here already changes nothing, unless it was dead.

        Raises ApiError PERMISSION_DENIED, reason IP_NOT_ALLOWED; UNAUTHENTICATED, reason WEBHOOK_SIGNATURE_INVALID;
        INVALID_ARGUMENT for a provider that is not on or a body that is not an event; UNAVAILABLE when the signature
        cannot be checked now: it is sent again.
        """
        provider = await self._accounts.of_webhook(provider_name, account_id, headers)
        # what providers send is ASCII, and comparing anything else raises deep inside of their libraries
        headers = {name: value for name, value in headers.items() if value.isascii()}
        if not self._allowlist.allow(provider.name, headers.get(CLIENT_KEY, "")):
            WEBHOOKS.labels(provider.name, "not_allowed").inc()
            raise permission_denied("IP_NOT_ALLOWED", f"{provider.name} does not send from this address")
        try:
            await provider.verify(body, headers, self._clock())
            event = provider.translate(body)
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
            *(provider.name, account_id, event.event_id, event.type, body, call.trace_id, 0, self._clock()),
            traceparent=call.traceparent if tracing.is_on() else None,
        )
        async with self._database.session() as session:
            is_new = await self._store.receive(session, stored)
        WEBHOOKS.labels(provider.name, "accepted" if is_new else "repeated").inc()
        if is_new:
            self._wake()


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
        work: UnitsOfWork,
        store: WebhookRepository,
        application: EventApplication,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._work = work
        self._store = store
        self._application = application
        self._clock = clock
        self._busy: Counter[Key] = Counter()

    async def claim(self, limit: int) -> Sequence[StoredEvent]:
        """Take events that are due: accounts take turns, so that a flood of one delays no other."""
        async with self._database.session() as session:
            due = await self._store.claim_events(session, LEASE, limit, share=SHARE, busy=self._busy)
        self._busy.update(map(key_of, due))
        return due

    def call_of(self, item: StoredEvent) -> context.Call:
        """Return the call that an event is applied in: of the webhook that brought it."""
        trace = context.trace_of(item.traceparent) if item.traceparent else context.TraceContext(item.trace_id)
        return context.call_of(trace, method=f"webhook:{item.provider}:{item.type}")

    async def check(self, item: StoredEvent) -> None:
        """Apply one event."""
        attributes: dict[str, tracing.Value] = {names.PROVIDER: item.provider, names.EVENT_TYPE: item.type}
        span = tracing.start(f"process {item.provider} webhook", tracing.Kind.CONSUMER, attributes)
        span.enter()
        await self._check(item)
        span.end()

    async def _check(self, item: StoredEvent) -> None:
        try:
            verdict = await self._application.apply(item)
        except (ProviderError, ApiError) as error:
            await self._wait(item, _said(error))
        except Exception as error:
            # one line without a traceback: whoever has an account could write them by the thousand
            log.error("webhook failed", event_id=item.event_id, reason=_said(error), at=_place(error))
            await self._try_again(item, _said(error))
        else:
            await self._close(item, verdict)

    async def reschedule(self, item: StoredEvent) -> bool:
        """Give the event's place back, for which others of its account may have waited."""
        key = key_of(item)
        was_full = self._busy[key] >= SHARE
        self._busy[key] -= 1
        if not self._busy[key]:
            del self._busy[key]
        return was_full

    async def _wait(self, item: StoredEvent, reason: str) -> None:
        """Try again when its provider or its payment can be asked: that they cannot is no fault of the event."""
        wait = min(max((self._clock() - item.receive_time) / 4, BACKOFF[0]), BACKOFF[-1])
        async with self._database.session() as session:
            await self._store.postpone(session, replace(item, attempts=item.attempts - 1), reason, wait)

    async def _try_again(self, item: StoredEvent, reason: str) -> None:
        """Try again what failed by itself, until it is dead."""
        if item.attempts > len(BACKOFF):
            await self._close(item, Verdict("DEAD", reason))
            return
        async with self._database.session() as session:
            await self._store.postpone(session, item, reason, BACKOFF[item.attempts - 1])

    async def _close(self, item: StoredEvent, verdict: Verdict) -> None:
        stored, status, reason, payment = item, verdict.status, verdict.reason, verdict.payment
        async with self._work.begin() as unit:
            await self._store.close_event(unit.session, stored, status, reason)
            if payment:
                unit.add(changes=[changes.of_webhook(payment, stored, status, reason, self._clock())])
        EVENTS.labels(stored.provider, status).inc()
        EVENT_SECONDS.labels(stored.provider).observe((self._clock() - stored.receive_time).total_seconds())
        if condition := _ALERTS.get(status):
            alert(condition, log, provider=stored.provider, event_id=stored.event_id, reason=reason)
