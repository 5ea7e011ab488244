"""What is wrong by how counters have grown between two looks: the alert rules that one look cannot tell."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mesh.alerts.rules import Labels, Problem, Process

SLOW_SECONDS = "2.5"
SLOW_PART = 0.1
PROVIDER_PART = 0.25
PROVIDER_AT_LEAST = 5
JUST_STARTED_SECONDS = 10
_OF_THE_PROVIDER = ("UnavailableError", "CredentialsRefusedError", "OutcomeUnknownError", "UnreadableAnswerError")
"""How calls end that the provider has failed."""
KEYS_PER_SECOND = 10
FAILING_PART = 0.2
FAILING_AT_LEAST = 2
ENDPOINTS_AT_LEAST = 3
"""As many endpoints that fail, and none that takes anything, are no merchant's doing."""
_ON_OUR_SIDE = ("INTERNAL", "UNAVAILABLE", "UNKNOWN", "DEADLINE_EXCEEDED", "DATA_LOSS")
_OUR_METHODS = ("/fusionx.", "/envoy.")
LOOKED_AT = frozenset(
    {
        *("fusionxpay_authorizations_total", "fusionxpay_database_failures_total", "fusionxpay_rpc_overloaded_total"),
        *("fusionxpay_locks_total", "fusionxpay_global_limit_total", "fusionxpay_rpc_server_total"),
        *("fusionxpay_provider_webhooks_total", "fusionxpay_provider_calls_total", "fusionxpay_database_up"),
        *("fusionxpay_provider_call_seconds_count", "fusionxpay_provider_call_seconds_bucket"),
        *("fusionxpay_alerts_total", "fusionxpay_deliveries_total", "fusionxpay_endpoints_failing"),
        *("fusionxpay_consumer_waiting", "fusionxpay_consumer_unacknowledged", "fusionxpay_events_consumed_total"),
    }
)
"""The series that are looked at here."""
_TOLD = (
    Problem("DeliveryFailedHere", "notify_svc: deliveries failed on our side"),
    Problem("AuditNotAnchored", "audit_svc: an anchor of the audit cannot be written", page=False),
    Problem("AuditLineUnreadable", "audit_svc: lines of Envoy's log cannot be read", page=False),
)
"""What is told by a count of its own name alone."""
_REDIS = ("fusionxpay_locks_total", "fusionxpay_global_limit_total")


class Growth:
    """Two looks at the same processes, `seconds` apart."""

    def __init__(self, before: Sequence[Process], now: Sequence[Process], seconds: float) -> None:
        self._before = {(one.component, one.address): one for one in before if one.answers}
        self._now = [one for one in now if one.answers]
        self._seconds = seconds

    def of(self, series: str, labels: Labels, component: str = "") -> float:
        """Return by how much a counter has grown, in all processes or in those of a component."""
        total = 0.0
        for process in self._now:
            before = self._before.get((process.component, process.address))
            # who has started in between counts from zero, and so does who was not seen before
            if before and component in ("", process.component):
                growth = self._sum(process, series, labels) - self._sum(before, series, labels)
                total += max(growth, 0.0)
        return total

    @staticmethod
    def _sum(process: Process, series: str, labels: Labels) -> float:
        return sum(one.value for one in process.having(series, **labels))

    def values(self, series: str, label: str) -> list[str]:
        """Return the values that a label of a series has."""
        return sorted({one.labels[label] for process in self._now for one in process.having(series)})

    def problems(self) -> list[Problem]:
        """Return what is wrong, under the names of the alerts."""
        found = [problem for process in self._now for problem in self._of_process(process.component)]
        for provider in self.values("fusionxpay_provider_webhooks_total", "provider"):
            found += self._of_provider(provider)
        keys = "fusionxpay_authorizations_total"
        refused = self.of(keys, {"outcome": "key_invalid"})
        if refused > max(self._seconds * KEYS_PER_SECOND, self.of(keys, {"outcome": "allowed"})):
            found.append(Problem("KeysRefused", f"edge: {refused:.0f} requests came without a valid key", page=False))
        found += [one for one in _TOLD if self.of("fusionxpay_alerts_total", {"alert": _told_as(one.alert)})]
        found += self._undelivered()
        found += self._stuck()
        found += self._started()
        return sorted(set(found), key=lambda one: (not one.page, one.alert, one.words))

    def _of_process(self, component: str) -> list[Problem]:
        found = [
            Problem("DatabaseNotWritable", f"{component}: its database cannot be written to: {reason}")
            for reason in ("read_only", "full")
            if self.of("fusionxpay_database_failures_total", {"reason": reason}, component)
        ]
        if self.of("fusionxpay_rpc_overloaded_total", {}, component):
            found.append(Problem("Overloaded", f"{component}: refuses requests, as too many are in flight"))
        found += self._failing(component)
        away = {"outcome": "away"}
        if any(self.of(series, away, component) for series in _REDIS):
            found.append(Problem("RedisAway", f"{component}: does not reach Redis", page=False))
        return found

    def _failing(self, component: str) -> list[Problem]:
        answers = {
            code: sum(
                self.of("fusionxpay_rpc_server_total", {"method": method, "code": code}, component)
                for method in self.values("fusionxpay_rpc_server_total", "method")
                if method.startswith(_OUR_METHODS)
            )
            for code in self.values("fusionxpay_rpc_server_total", "code")
        }
        failed = {code: count for code, count in answers.items() if code in _ON_OUR_SIDE and count}
        if sum(failed.values()) < max(FAILING_AT_LEAST, sum(answers.values()) * FAILING_PART):
            return []
        codes = ", ".join(failed)
        words = f"{component}: {sum(failed.values()):.0f} of {sum(answers.values()):.0f} requests failed ({codes})"
        failures = "fusionxpay_database_failures_total"
        reasons = (
            reason for reason in self.values(failures, "reason") if self.of(failures, {"reason": reason}, component)
        )
        if told := ", ".join(reasons):
            words += f"; its database: {told}"
        return [Problem("RequestsFailing", words)]

    def _of_provider(self, provider: str) -> list[Problem]:
        found, webhooks = [], "fusionxpay_provider_webhooks_total"
        wrong, *right = (
            self.of(webhooks, {"provider": provider, "result": result})
            for result in ("signature_invalid", "accepted", "repeated")
        )
        if wrong > sum(right):
            found.append(Problem("WebhooksRejected", f"payment_svc: {wrong:.0f} webhooks of {provider} are not signed"))
        # a merchant's own account that fails is the merchant's business
        ours = {"provider": provider, "accounts": "platform"}
        ended = "fusionxpay_provider_calls_total"
        all_of_them = self.of(ended, ours)
        failed = {outcome: self.of(ended, ours | {"outcome": outcome}) for outcome in _OF_THE_PROVIDER}
        if all_of_them >= PROVIDER_AT_LEAST and sum(failed.values()) > all_of_them * PROVIDER_PART:
            words = f"payment_svc: {sum(failed.values()):.0f} of {all_of_them:.0f} calls to {provider} failed"
            if refused := failed["CredentialsRefusedError"]:
                words += f", {refused:.0f} of them as it refuses our credentials: is the key revoked?"
            found.append(Problem("ProviderFailing", words))
        calls = "fusionxpay_provider_call_seconds"
        answered = self.of(f"{calls}_count", ours)
        slow = answered - self.of(f"{calls}_bucket", ours | {"le": SLOW_SECONDS})
        if slow > answered * SLOW_PART:
            words = f"payment_svc: {slow:.0f} of {answered:.0f} calls to {provider} took more than {SLOW_SECONDS} s"
            found.append(Problem("ProviderSlow", words))
        return found

    def _undelivered(self) -> list[Problem]:
        found, attempts = [], "fusionxpay_deliveries_total"
        for kind in self.values(attempts, "kind"):
            failing = max(
                (one.value for each in self._now for one in each.having("fusionxpay_endpoints_failing", kind=kind)),
                default=0,
            )
            delivered, *failed = (
                self.of(attempts, {"kind": kind, "outcome": outcome}) for outcome in ("DELIVERED", "PENDING", "FAILED")
            )
            if failing >= ENDPOINTS_AT_LEAST <= sum(failed) and not delivered:
                words = f"notify_svc: nothing by {kind} is delivered, and {failing:.0f} endpoints fail"
                found.append(Problem("NothingDelivered", words))
        return found

    def _stuck(self) -> list[Problem]:
        found = []
        for process in self._now:
            before = self._before.get((process.component, process.address))
            for one in process.having("fusionxpay_consumer_waiting"):
                mine = {"consumer": one.labels["consumer"]}
                looks = [self._behind(look, mine) for look in (before, process) if look]
                applied = self.of("fusionxpay_events_consumed_total", mine | {"outcome": "applied"})
                if before and all(looks) and not applied and process.value("fusionxpay_database_up") == 1:
                    words = (
                        f"{process.component}: {mine['consumer']} has {looks[-1]:.0f} events before it, applies none"
                    )
                    found.append(Problem("ConsumerStuck", words))
        return found

    def _started(self) -> list[Problem]:
        recent = [one for one in self._now if 0 <= one.age < min(self._seconds, JUST_STARTED_SECONDS)]
        words = "{} started {:.0f} s ago: unless it is being rolled out, it had ended"
        return [Problem("ServiceDown", words.format(f"{one.component}:", one.age), page=False) for one in recent]

    @staticmethod
    def _behind(process: Process, consumer: Labels) -> float:
        both = ("fusionxpay_consumer_waiting", "fusionxpay_consumer_unacknowledged")
        known = [value for name in both if (value := process.value(name, **consumer)) == value]
        return sum(known)


def _told_as(alert: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", alert).lower()
