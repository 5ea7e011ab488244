"""How the use cases fit together, on whatever database, stream, clock and providers they are given."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from mesh.events.bus import Bus
from mesh.events.relay import Relay
from mesh.events.unit_of_work import UnitsOfWork
from mesh.ids import Clock, NewId, new_id, utc_now
from mesh.service import BackgroundTasks
from mesh.storage import idempotency, retention
from mesh.storage.database import Database
from mesh.storage.lock import Locks
from mesh.storage.resealing import Resealing
from mesh.vault import Envelopes, Vault
from mesh.worker import Worker
from payment_svc.domain.operation import Timing
from payment_svc.domain.provider_call import Keep
from payment_svc.domain.webhook_allowlist import WebhookAllowlist
from payment_svc.order_port import OrderClient
from payment_svc.providers.call_log import CallLog
from payment_svc.providers.registry import Registry
from payment_svc.settings import PaymentSettings
from payment_svc.storage import looks
from payment_svc.storage.accounts import SECRETS, AccountRepository
from payment_svc.storage.disputes import DisputeRepository
from payment_svc.storage.maintenances import MaintenanceRepository
from payment_svc.storage.measures import MeasureRepository
from payment_svc.storage.payments import PaymentRepository
from payment_svc.storage.provider_calls import DELETE_OLD as DELETE_OLD_CALLS
from payment_svc.storage.provider_calls import ProviderCallRepository
from payment_svc.storage.provider_events import DELETE_OLD, WebhookRepository
from payment_svc.storage.routing import RoutingRepository
from payment_svc.storage.test_clocks import TestClockRepository
from payment_svc.use_cases.accounts import Accounts
from payment_svc.use_cases.event_application import EventApplication, Resources
from payment_svc.use_cases.exchanges import Exchanges
from payment_svc.use_cases.ledger import Ledger, PaymentRepositories
from payment_svc.use_cases.measures import Measures
from payment_svc.use_cases.operations import Operations
from payment_svc.use_cases.payment_events import PaymentEvents
from payment_svc.use_cases.payments import Payments, Runtime
from payment_svc.use_cases.reconciliation import Reconciliation, Repositories
from payment_svc.use_cases.recovery.comparisons import DailyComparisons
from payment_svc.use_cases.recovery.disputes import DisputeRecovery
from payment_svc.use_cases.recovery.identities import Identities
from payment_svc.use_cases.recovery.loop import DueWatch, Recovery
from payment_svc.use_cases.recovery.payments import OperationRecovery, PaymentRecovery
from payment_svc.use_cases.recovery.refunds import RefundRecovery
from payment_svc.use_cases.recovery.test_clocks import TestClocks
from payment_svc.use_cases.refunds import Refunds
from payment_svc.use_cases.reviews.consequences import Consequences
from payment_svc.use_cases.reviews.queue import Reviews
from payment_svc.use_cases.reviews.witness import Witness
from payment_svc.use_cases.routing.maintenances import Maintenances
from payment_svc.use_cases.routing.router import Router
from payment_svc.use_cases.settlements import Settlements
from payment_svc.use_cases.taken_back.disputes import Disputes
from payment_svc.use_cases.taken_back.elsewhere import Elsewhere
from payment_svc.use_cases.taken_back.reversals import Reversals
from payment_svc.use_cases.timeline import Timeline
from payment_svc.use_cases.webhooks import WINDOW, Turns, WebhookInbox, WebhookReceiver


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the service stands on."""

    database: Database
    bus: Bus
    orders: OrderClient
    providers: Registry
    locks: Locks
    vault: Vault | None = None
    calls: CallLog = field(default_factory=lambda: CallLog(Keep.NONE))
    clock: Clock = utc_now
    ids: NewId = new_id
    now: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Assembly:
    """The use cases, and the loops that run beside them."""

    payments: Payments
    refunds: Refunds
    elsewhere: Elsewhere
    disputes: Disputes
    reviews: Reviews
    accounts: Accounts
    router: Router
    maintenances: Maintenances
    timeline: Timeline
    exchanges: Exchanges
    test_clocks: TestClocks
    reconciliation: Reconciliation
    webhooks: WebhookReceiver
    relay: Relay
    background: BackgroundTasks
    recoveries: tuple[Recovery[Any], ...]
    dispute_recovery: Recovery[Any]
    identities: Identities
    due_watch: DueWatch
    janitors: tuple[Worker, ...]

    @property
    def workers(self) -> list[Worker]:
        """Every loop."""
        loops = (*self.recoveries, self.dispute_recovery)
        return [*(one.worker for one in loops), self.identities.worker, self.due_watch.worker, *self.janitors]


def assemble(settings: PaymentSettings, on: Surroundings) -> Assembly:
    """Put the use cases together."""
    database, clock, ids = on.database, on.clock, on.ids
    relay = Relay(database, on.bus, clock)
    work = UnitsOfWork(database, relay.carry)
    envelopes = Envelopes(on.vault) if on.vault else None
    accounts = Accounts(database, AccountRepository(), envelopes, on.providers, clock=clock, ids=ids, now=on.now)
    store, event_store = PaymentRepository(), WebhookRepository()
    ledger = Ledger(
        work,
        PaymentRepositories(store),
        authorization=settings.authorization_lifetime,
        give_back=settings.return_surplus,
        clock=clock,
        ids=ids,
    )
    timing = Timing(
        timedelta(seconds=settings.provider_timeout_seconds), timedelta(seconds=settings.provider_patience_seconds)
    )
    operations = Operations(database, ledger, accounts, timing, clock=clock, ids=ids)
    background = BackgroundTasks()
    settlements = Settlements(ledger, on.orders, clock)
    runtime = Runtime(on.locks, background, timedelta(seconds=settings.first_check_seconds), clock, ids)
    maintenances = Maintenances(database, MaintenanceRepository(), ids=ids, now=on.now)
    router = Router(database, RoutingRepository(), accounts, maintenances, clock)
    payments = Payments(ledger, operations, on.orders, accounts, router, database, runtime)
    refunds = Refunds(database, ledger, accounts, runtime)
    disputes = Disputes(database, DisputeRepository(), ledger, clock=clock)
    events = PaymentEvents(ledger, operations)
    losses = refunds.losses
    elsewhere = Elsewhere(ledger, accounts, events, refunds, clock)
    resources = Resources(events, refunds, elsewhere, Reversals(ledger, events, losses), disputes)
    application = EventApplication(database, store, accounts, resources, on.locks, clock)
    inbox = WebhookInbox(database, event_store, application, clock)
    turns = Turns(inbox, Recovery(inbox, WINDOW))
    allowed = WebhookAllowlist(settings.webhook_networks)
    recoveries: tuple[Recovery[Any], ...] = (
        turns.loop,
        Recovery(PaymentRecovery(database, looks.OF_PAYMENTS, ledger, operations, accounts, clock)),
        Recovery(OperationRecovery(database, ledger, operations, payments, settlements, clock)),
        Recovery(RefundRecovery(database, looks.OF_REFUNDS, ledger, refunds, accounts, timing.patient, clock)),
    )
    exchanges = Exchanges(database, store, ProviderCallRepository(), on.calls)
    reconciliation = Reconciliation(
        database, Repositories.usual(), on.providers, timedelta(seconds=settings.settling_seconds), clock, ids
    )
    daily = DailyComparisons(database, on.providers, reconciliation, clock, is_on=settings.reconcile_daily)
    return Assembly(
        payments=payments,
        refunds=refunds,
        elsewhere=elsewhere,
        disputes=disputes,
        reviews=Reviews(
            database,
            ledger,
            Witness(ledger, refunds, accounts),
            Consequences(ledger, refunds, losses, clock),
            settings.second_person_above,
            clock,
        ),
        accounts=accounts,
        router=router,
        maintenances=maintenances,
        timeline=Timeline(database, on.orders),
        exchanges=exchanges,
        test_clocks=TestClocks(database, work, TestClockRepository(), clock),
        reconciliation=reconciliation,
        webhooks=WebhookReceiver(database, event_store, accounts, allowed, turns, background, clock),
        relay=relay,
        background=background,
        recoveries=recoveries,
        # nothing of it is urgent: it looks by itself
        dispute_recovery=Recovery(DisputeRecovery(disputes, accounts)),
        identities=Identities(database, AccountRepository(), accounts),
        due_watch=DueWatch(database, MeasureRepository(), [one.worker for one in recoveries]),
        janitors=(
            Measures(database, MeasureRepository(), on.providers.all()).worker,
            *(relay.janitor, idempotency.janitor(database)),
            *(exchanges.worker, daily.worker),
            retention.janitor(
                "provider-call-janitor",
                database,
                DELETE_OLD_CALLS,
                timedelta(days=settings.provider_call_retention_days),
            ),
            retention.janitor(
                "provider-event-janitor", database, DELETE_OLD, timedelta(days=settings.provider_event_retention_days)
            ),
            *((Resealing(database, on.vault, SECRETS).worker,) if on.vault else ()),
        ),
    )
