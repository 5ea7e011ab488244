"""What the services' metrics say now, and what of it is wrong: the conditions of the alert rules, at one look.

The command line and the console know them from here; Prometheus has them in `deploy/observability/alerts.yaml`, where a
condition may also hold for a while before anybody is told.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Labels = Mapping[str, str]
STARTED = "process_start_time_seconds"
SETTLES_SECONDS = 5
"""A process that has just started is not yet without what it connects to."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a series."""

    name: str
    labels: Labels
    value: float


@dataclass(slots=True)
class Process:
    """A process, and what it says of itself; nothing when it does not answer."""

    component: str
    address: str
    samples: list[Sample] = field(default_factory=list)

    @property
    def answers(self) -> bool:
        """Whether it answered."""
        return bool(self.samples)

    @property
    def age(self) -> float:
        """For how many seconds it has run, NaN when it does not say."""
        return time.time() - self.value(STARTED)

    def value(self, name: str, **labels: str) -> float:
        """Return the one value of a series, NaN when there is none."""
        return next((one.value for one in self.having(name, **labels)), math.nan)

    def having(self, name: str, **labels: str) -> list[Sample]:
        """Return the values of a series that have these labels."""
        return [one for one in self.samples if one.name == name and labels.items() <= one.labels.items()]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong now; the name is the alert's, and so the runbook's."""

    alert: str
    words: str
    page: bool = True
    follows_from: str = ""
    """The part whose absence brings it about."""

    @property
    def runbook(self) -> str:
        """Where its page is."""
        return f"docs/runbooks/{self.alert}.md"


@dataclass(frozen=True, slots=True)
class _Rule:
    """A series that is wrong where its value is: in words, with its labels and `value`."""

    alert: str
    series: str
    is_wrong: Callable[[float], bool]
    words: str
    page: bool = True
    where: tuple[tuple[str, str], ...] = ()
    """The labels that a value has to have."""
    needs: tuple[str, ...] = ()
    """What has to be up for it to mean anything: series that are zero where it is not."""


def _positive(value: float) -> bool:
    return value > 0


def _is_zero(value: float) -> bool:
    return value == 0


def _ends_soon(end: float) -> bool:
    return time.time() <= end < time.time() + 7 * 86400


_DATABASE, _NATS = "fusionxpay_database_up", "fusionxpay_nats_up"
WORKERS = (
    *("measures", "consumer-watch", "due-watch", "outbox-janitor", "outbox-relay"),
    *("audit-intake", "audit-anchoring"),
)
"""Loops that rest for half a minute at most, and whose work nothing else shows to be left undone."""


_RULES = (
    _Rule("CertificateExpiring", "fusionxpay_certificate_expiry_time", lambda v: v < time.time(),
          "its certificate HAS ENDED: nobody talks to it, and nobody is asked by it"),
    _Rule("DatabaseUnreachable", _DATABASE, _is_zero, "its database does not answer"),
    _Rule("NatsUnreachable", _NATS, _is_zero, "no connection to NATS"),
    _Rule("DatabasePoolExhausted", "fusionxpay_database_waiting", lambda v: v > 2, "{value:.0f} requests wait for it",
          needs=(_DATABASE,)),
    _Rule("EventLoopBlocked", "fusionxpay_event_loop_lag_seconds", lambda v: v > 1, "answers {value:.1f} s late"),
    _Rule("ClockSkewed", "fusionxpay_clock_ahead_seconds", lambda v: abs(v) > 2, "its clock is {value:.0f} s ahead"),
    _Rule("CertificateExpiring", "fusionxpay_certificate_expiry_time", _ends_soon,
          "its certificate ends within seven days"),
    _Rule("EventsNotPublished", "fusionxpay_outbox_oldest_seconds", lambda v: v > 60, "an event waits {value:.0f} s"),
    _Rule("EventSetAside", "fusionxpay_outbox_rows_set_aside", _positive, "{value:.0f} events can never be published"),
    _Rule("DeadLetterOpen", "fusionxpay_dead_letters_open", _positive, "{value:.0f} dead letters of {consumer}"),
    _Rule("ProviderFailing", "fusionxpay_provider_circuit_state", lambda v: v == 2, "{provider}: {operation} fails"),
    _Rule("ProviderEventsLate", "fusionxpay_provider_events_oldest_seconds", lambda v: v > 60,
          "an event of {provider} waits {value:.0f} s", where=(("accounts", "platform"),)),
    _Rule("OwnAccountEventsLate", "fusionxpay_provider_events_oldest_seconds", lambda v: v > 3600,
          "an event for a merchant's own account at {provider} waits {value:.0f} s", page=False,
          where=(("accounts", "merchants"),)),
    _Rule("OutcomeUnknown", "fusionxpay_operations_unknown_oldest_seconds", lambda v: v > 900,
          "{provider} has not said for {value:.0f} s whether {kind} was done", where=(("accounts", "platform"),)),
    _Rule("OwnAccountOutcomeUnknown", "fusionxpay_operations_unknown_oldest_seconds", lambda v: v > 3600,
          "{provider} has not said for {value:.0f} s whether {kind} was done for a merchant's own account", page=False,
          where=(("accounts", "merchants"),)),
    _Rule("RefundPending", "fusionxpay_refunds_pending_oldest_seconds", lambda v: v > 10 * 86400,
          "a refund at {provider} has not ended for {value:.0f} s", page=False),
    _Rule("ReviewOpen", "fusionxpay_reviews_open", _positive, "{value:.0f} reviews: {kind}", page=False),
    _Rule("DisputeDue", "fusionxpay_dispute_next_deadline_seconds", lambda v: v < 2 * 86400,
          "an answer to a dispute is due in {value:.0f} s", page=False),
    _Rule("BackupOld", "fusionxpay_backup_age_seconds", lambda v: v > 26 * 3600,
          "the newest backup of the databases is {value:.0f} s old", page=False),
    _Rule("BooksDiffer", "fusionxpay_reconciliation_differences", _positive, "{value:.0f} payments at {provider}",
          page=False),
    _Rule("BooksNotCompared", "fusionxpay_reconciliation_age_seconds", lambda v: v > 36 * 3600,
          "no payment at {provider} of the last {value:.0f} s was compared", page=False),
    _Rule("DeliveriesLate", "fusionxpay_deliveries_due_oldest_seconds", lambda v: v > 60, "{kind}: {value:.0f} s late"),
    _Rule("EndpointFailing", "fusionxpay_endpoints_failing", _positive,
          "{value:.0f} of merchants' endpoints ({kind}) take nothing", page=False),
    *(_Rule("WorkerStuck", "fusionxpay_worker_last_success_time", lambda v: time.time() - v > 180,
            "its loop {worker} has done nothing for three minutes", where=(("worker", worker),),
            needs=(_DATABASE, _NATS))
      for worker in WORKERS),
    _Rule("AuditBehind", "fusionxpay_audit_backlog_bytes", lambda v: v > 10e6, "{value:.0f} bytes are not in it yet"),
)  # fmt: skip


LOOKED_AT = frozenset(rule.series for rule in _RULES) | {STARTED}
"""The series that these rules look at."""


def problems(processes: Sequence[Process], grown: Sequence[Problem] = ()) -> list[Problem]:
    """Return what is wrong, with what was seen to grow, what gets somebody up first. A wait of NaN is none.

    What several say alike is one problem.
    """
    found = _silent(processes)
    alike: dict[tuple[_Rule, str], list[str]] = {}
    for rule in _RULES:
        for process in processes:
            for sample in process.having(rule.series, **dict(rule.where)):
                if not math.isnan(sample.value) and rule.is_wrong(sample.value) and _applies(rule, process):
                    words = rule.words.format(value=sample.value, **sample.labels)
                    components = alike.setdefault((rule, words), [])
                    if process.component not in components:
                        components.append(process.component)
    having = len({one.component for one in processes if one.answers})
    for (rule, words), components in alike.items():
        everyone = len(components) > 2 and len(components) == having
        who = f"all {having} services" if everyone else ", ".join(components)
        found.append(Problem(rule.alert, f"{who}: {words}", rule.page))
    return sorted([*found, *grown], key=lambda one: not one.page)


def _silent(processes: Sequence[Process]) -> list[Problem]:
    silent = [one for one in processes if not one.answers]
    if len(silent) > 1 and len(silent) == len(processes):
        names = ", ".join(one.component for one in silent)
        return [Problem("ServiceDown", f"none of the {len(silent)} services answers: {names}")]
    return [Problem("ServiceDown", f"{one.component} does not answer at {one.address}") for one in silent]


def _applies(rule: _Rule, process: Process) -> bool:
    if rule.series in (_DATABASE, _NATS) and 0 <= process.age < SETTLES_SECONDS:
        return False
    return not any(process.value(needed) == 0 for needed in rule.needs)
