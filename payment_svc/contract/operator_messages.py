"""Between the domain and the messages of routing, timelines and operators."""

from __future__ import annotations

from collections.abc import Sequence

from fusionx.payment.v1 import (
    provider_account_service_pb2,
    provider_service_pb2,
    review_service_pb2,
    routing_service_pb2,
    timeline_service_pb2,
)

from mesh.messages import money, money_message
from mesh.storage.history import Entry
from payment_svc.domain.account import Account
from payment_svc.domain.circuit import Circuit
from payment_svc.domain.comparison import Books, Compared
from payment_svc.domain.maintenance import Maintenance
from payment_svc.domain.provider_call import Exchange, Webhook
from payment_svc.domain.reconciliation import Comparison, Discrepancy
from payment_svc.domain.review import Review
from payment_svc.domain.routing import Candidate, Policy, Rule, Target, Version

_CALLED_BEFORE = {"reconciler": "recovery"}
"""Causes by the words that older entries have for them: what has happened is never written anew."""
_CIRCUITS = {"closed": "CLOSED", "opened": "OPEN", "half-opened": "HALF_OPEN"}


def rules(messages: Sequence[routing_service_pb2.RoutingRule]) -> list[Rule]:
    """Read the rules of a policy. Raises ApiError INVALID_ARGUMENT that names the amount that is wrong."""
    return [_rule(message, f"rules[{number}]") for number, message in enumerate(messages)]


def _rule(message: routing_service_pb2.RoutingRule, field: str) -> Rule:
    return Rule(
        name=message.name,
        currencies=tuple(message.currencies),
        min_amount=money(message.min_amount, f"{field}.min_amount") if message.HasField("min_amount") else None,
        max_amount=money(message.max_amount, f"{field}.max_amount") if message.HasField("max_amount") else None,
        countries=tuple(message.countries),
        targets=tuple(Target(target.provider, target.weight) for target in message.targets),
    )


def policy_message(policy: Policy) -> routing_service_pb2.RoutingPolicy:
    """Return a routing policy as the contract shows it."""
    message = routing_service_pb2.RoutingPolicy(rules=map(_rule_message, policy.rules))
    if policy.update_time:
        message.update_time.FromDatetime(policy.update_time)
    return message


def version_message(version: Version) -> routing_service_pb2.RoutingPolicyVersion:
    """Return a policy that was, as the contract shows it."""
    message = routing_service_pb2.RoutingPolicyVersion(
        rules=map(_rule_message, version.rules), trace_id=version.trace_id
    )
    message.create_time.FromDatetime(version.create_time)
    return message


def preview_message(rule: Rule | None, candidates: Sequence[Candidate]) -> routing_service_pb2.PreviewRouteResponse:
    """Return who would take a payment, as the contract shows it."""
    message = routing_service_pb2.PreviewRouteResponse()
    if rule:
        message.rule, message.condition = rule.name, rule.condition()
    for one in candidates:
        message.candidates.add(provider=one.provider, percent=one.percent, refusal=one.refusal)
    return message


def _rule_message(rule: Rule) -> routing_service_pb2.RoutingRule:
    shown = routing_service_pb2.RoutingRule(name=rule.name, currencies=rule.currencies, countries=rule.countries)
    for target in rule.targets:
        shown.targets.add(provider=target.provider, weight=target.weight)
    if rule.min_amount:
        shown.min_amount.CopyFrom(money_message(rule.min_amount))
    if rule.max_amount:
        shown.max_amount.CopyFrom(money_message(rule.max_amount))
    return shown


def account_message(account: Account) -> provider_account_service_pb2.ProviderAccount:
    """Return a merchant's own account as the contract shows it, without its secrets."""
    message = provider_account_service_pb2.ProviderAccount(
        provider_account_id=str(account.account_id),
        provider=account.provider,
        credentials=account.credentials,
        webhook_path=f"/v1/webhooks/{account.provider}/{account.account_id}",
        identity=account.identity,
    )
    message.create_time.FromDatetime(account.create_time)
    message.update_time.FromDatetime(account.update_time)
    if account.delete_time:
        message.delete_time.FromDatetime(account.delete_time)
    return message


def exchange_message(exchange: Exchange) -> timeline_service_pb2.ProviderExchange:
    """Return what was said to a provider, or by it, as the contract shows it."""
    of, shown = exchange.of, timeline_service_pb2.ProviderExchange(request=exchange.request, answer=exchange.answer)
    shown.time.FromDatetime(exchange.time)
    shown.provider, shown.trace_id = of.provider, of.trace_id
    if isinstance(of, Webhook):
        shown.kind, shown.operation = timeline_service_pb2.ProviderExchange.WEBHOOK, of.type
        shown.provider_request_id, shown.status, shown.error = of.event_id, of.status, of.reason
        return shown
    shown.kind, shown.operation = timeline_service_pb2.ProviderExchange.CALL, of.operation
    shown.method, shown.path, shown.http_status, shown.duration_us = of.method, of.path, of.status, of.duration_us
    shown.provider_request_id, shown.idempotency_key, shown.error = of.request_id, of.idempotency_key, of.error
    return shown


def entry_message(entry: Entry) -> timeline_service_pb2.OrderTimeline.Entry:
    """Return one thing that happened to an order as the contract shows it."""
    change = entry.change
    shown = timeline_service_pb2.OrderTimeline.Entry(
        resource=change.resource,
        resource_id=change.resource_id,
        version=change.version,
        status=change.status,
        detail=change.detail,
        actor=entry.origin.actor,
        cause=_CALLED_BEFORE.get(entry.origin.cause, entry.origin.cause),
        trace_id=entry.origin.trace_id,
    )
    shown.time.FromDatetime(change.time)
    return shown


def review_message(review: Review) -> review_service_pb2.Review:
    """Return a review as the contract shows it."""
    shown = review_service_pb2.Review
    message = shown(
        review_id=str(review.review_id),
        kind=shown.Kind.Value(review.kind),
        payment_id=str(review.payment_id),
        merchant_id=str(review.merchant_id),
        order_id=str(review.order_id),
        refund_id=str(review.refund_id or ""),
        amount=money_message(review.amount),
        provider=review.provider,
        provider_reference=review.provider_reference,
        reason=review.reason,
        resolution=shown.Resolution.Value(review.resolution) if review.resolution else shown.RESOLUTION_UNSPECIFIED,
        resolved_by=review.resolved_by,
        why=review.why,
        confirmed_by=review.confirmed_by,
    )
    message.create_time.FromDatetime(review.create_time)
    if review.resolve_time:
        message.resolve_time.FromDatetime(review.resolve_time)
    return message


def provider_message(
    name: str, calls: int, max_calls: int, circuits: Sequence[Circuit], maintenance: Maintenance | None
) -> provider_service_pb2.Provider:
    """Return a provider and its circuits as the contract shows them."""
    message = provider_service_pb2.Provider(name=name, calls_in_flight=calls, max_calls_in_flight=max_calls)
    if maintenance:
        message.maintenance.CopyFrom(maintenance_message(maintenance))
    for circuit in circuits:
        shown = message.circuits.add(
            operation=circuit.operation,
            state=provider_service_pb2.Circuit.State.Value(_CIRCUITS[circuit.state]),
            failures=circuit.failures,
        )
        if circuit.open_time:
            shown.open_time.FromDatetime(circuit.open_time)
    return message


def maintenance_message(maintenance: Maintenance) -> provider_service_pb2.Maintenance:
    """Return a maintenance as the contract shows it."""
    message = provider_service_pb2.Maintenance(
        maintenance_id=str(maintenance.maintenance_id),
        provider=maintenance.provider,
        operator=maintenance.operator,
        why=maintenance.why,
        ended_by=maintenance.ended_by,
        active=maintenance.active,
    )
    message.create_time.FromDatetime(maintenance.create_time)
    message.until_time.FromDatetime(maintenance.until_time)
    if maintenance.end_time:
        message.end_time.FromDatetime(maintenance.end_time)
    return message


def comparison_message(comparison: Comparison) -> provider_service_pb2.CompareBooksResponse:
    """Return a reconciliation as the contract shows it."""
    message = provider_service_pb2.CompareBooksResponse(
        provider_payments=comparison.provider_payments,
        our_payments=comparison.our_payments,
        discrepancies=[_discrepancy_message(found) for found in comparison.discrepancies],
    )
    message.compared_until_time.FromDatetime(comparison.until)
    return message


def books_message(
    books: Sequence[Books], differing: Sequence[Compared]
) -> provider_service_pb2.ListComparisonsResponse:
    """Return how the books stand as the contract shows it."""
    message = provider_service_pb2.ListComparisonsResponse()
    for one in books:
        shown = message.books.add(provider=one.provider, differences=one.differences)
        if one.last_time:
            shown.compare_time.FromDatetime(one.last_time)
        for span in differing:
            if span.provider == one.provider:
                _span_message(span, shown.spans.add())
    return message


def _span_message(span: Compared, shown: provider_service_pb2.DifferingSpan) -> None:
    shown.differences = span.differences
    shown.from_time.FromDatetime(span.from_time)
    shown.to_time.FromDatetime(span.until_time)
    shown.compare_time.FromDatetime(span.create_time)
    for found in span.found:
        kind = provider_service_pb2.Discrepancy.Kind.Value(found["kind"])
        shown.discrepancies.add(kind=kind, payment_id=found["payment_id"], provider_reference=found["reference"])


def _discrepancy_message(found: Discrepancy) -> provider_service_pb2.Discrepancy:
    payment, record = found.payment, found.record
    message = provider_service_pb2.Discrepancy(kind=provider_service_pb2.Discrepancy.Kind.Value(found.kind))
    message.create_time.FromDatetime(found.create_time)
    if payment:
        message.payment_id, message.order_id = str(payment.payment_id), str(payment.order_id)
        message.our_status = str(payment.status)
    if found.ours and found.ours.captured:
        message.our_amount.CopyFrom(money_message(found.ours.captured))
    message.provider_reference = found.reference
    if record:
        message.claimed_payment_id = record.payment_id
        message.provider_status = str(record.status)
        if record.amount:
            message.provider_amount.CopyFrom(money_message(record.amount))
    if found.given:
        ours, theirs = found.given
        message.our_refunded_amount.CopyFrom(money_message(ours))
        message.provider_refunded_amount.CopyFrom(money_message(theirs))
    return message
