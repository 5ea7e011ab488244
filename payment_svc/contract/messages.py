"""Between the contract's messages and the domain."""

from __future__ import annotations

from dataclasses import replace

from fusionx.payment.v1 import dispute_pb2, payment_pb2, refund_pb2, test_clock_pb2

from mesh.messages import money_message, shown_once, timestamp
from payment_svc.domain.dispute import Dispute
from payment_svc.domain.payment import Attempt, Failure, Payment, PaymentStatus
from payment_svc.domain.refund import Refund
from payment_svc.domain.test_clock import TestClock


def _failure_message(failure: Failure | None) -> payment_pb2.Payment.Failure | None:
    if failure is None:
        return None
    return payment_pb2.Payment.Failure(code=failure.code, message=failure.message, provider_code=failure.provider_code)


@shown_once
def payment_message(payment: Payment) -> payment_pb2.Payment:
    """Return the payment as the contract shows it."""
    message = payment_pb2.Payment(
        payment_id=str(payment.payment_id),
        order_id=str(payment.order_id),
        provider=payment.provider,
        provider_reference=payment.provider_reference,
        amount=money_message(payment.amount),
        status=payment_pb2.Payment.Status.Value(payment.status),
        payment_method=payment.payment_method,
        return_url=payment.return_url,
        cancel_url=payment.cancel_url,
        merchant_order_id=payment.merchant_order_id,
        redirect_url=payment.redirect_url,
        version=payment.version,
        capture_method=payment_pb2.Payment.CaptureMethod.Value(payment.capture_method),
        failure=_failure_message(payment.failure),
        create_time=timestamp(payment.create_time),
        update_time=timestamp(payment.update_time),
    )
    for minor, field in (
        (payment.captured, message.captured_amount),
        (payment.refunded, message.refunded_amount),
        (sum(attempt.surplus for attempt in payment.attempts), message.surplus_amount),
    ):
        if minor:
            field.CopyFrom(money_message(payment.money(minor)))
    if payment.capture_time:
        message.capture_time.CopyFrom(timestamp(payment.capture_time))
    message.attempts.extend(_attempt_message(attempt) for attempt in payment.attempts)
    message.surplus = payment.surplus
    if action := _next_action(payment):
        message.next_action.CopyFrom(action)
    if payment.route:
        message.routing.rule, message.routing.reason = payment.route.rule, payment.route.reason
    if payment.capture_before and payment.status == PaymentStatus.AUTHORIZED:
        message.capture_before.FromDatetime(payment.capture_before)
    return message


def _next_action(payment: Payment) -> payment_pb2.Payment.NextAction | None:
    """Return what the customer has to do: what the provider says, or a visit to its page."""
    made = payment_pb2.Payment.NextAction
    if payment.action:
        kind = made.Type.Value(payment.action.kind)
        secret = payment.action.client_secret
        return made(type=kind, url=payment.action.url, client_secret=secret, provider_type=payment.action.type)
    return made(type=made.REDIRECT, url=payment.redirect_url) if payment.redirect_url else None


def _attempt_message(attempt: Attempt) -> payment_pb2.Payment.Attempt:
    return payment_pb2.Payment.Attempt(
        number=attempt.number,
        provider=attempt.provider,
        provider_reference=attempt.provider_reference,
        status=payment_pb2.Payment.Attempt.Status.Value(attempt.status),
        failure=_failure_message(attempt.failure),
        create_time=timestamp(attempt.create_time),
        end_time=timestamp(attempt.end_time) if attempt.end_time else None,
    )


def refund_message(refund: Refund) -> refund_pb2.Refund:
    """Return the refund as the contract shows it."""
    message = refund_pb2.Refund(
        refund_id=str(refund.refund_id),
        payment_id=str(refund.payment_id),
        order_id=str(refund.order_id),
        amount=money_message(refund.amount),
        status=refund_pb2.Refund.Status.Value(refund.status),
        reason=refund.reason,
        provider_reference=refund.provider_reference,
        failure=_failure_message(refund.failure),
        version=refund.version,
        merchant_order_id=refund.merchant_order_id,
        of_surplus=bool(refund.attempt),
    )
    if refund.success_time:
        message.success_time.FromDatetime(refund.success_time)
    if refund.reverse_time:
        message.reverse_time.FromDatetime(refund.reverse_time)
    message.create_time.FromDatetime(refund.create_time)
    message.update_time.FromDatetime(refund.update_time)
    return message


def dispute_message(dispute: Dispute) -> dispute_pb2.Dispute:
    """Return the dispute as the contract shows it."""
    message = dispute_pb2.Dispute(
        dispute_id=str(dispute.dispute_id),
        payment_id=str(dispute.payment_id),
        order_id=str(dispute.order_id),
        amount=money_message(dispute.amount),
        status=dispute_pb2.Dispute.Status.Value(dispute.status),
        reason=dispute.reason,
        provider_reference=dispute.provider_reference,
        version=dispute.version,
        merchant_order_id=dispute.merchant_order_id,
        in_refunds=dispute.in_refunds,
    )
    if dispute.withdraw_time:
        message.withdrawn_amount.CopyFrom(money_message(replace(dispute.amount, minor=dispute.withdrawn)))
        message.withdraw_time.FromDatetime(dispute.withdraw_time)
    if dispute.reinstate_time:
        message.reinstate_time.FromDatetime(dispute.reinstate_time)
    if dispute.respond_before:
        message.respond_before.FromDatetime(dispute.respond_before)
    message.create_time.FromDatetime(dispute.create_time)
    message.update_time.FromDatetime(dispute.update_time)
    return message


def clock_message(clock: TestClock) -> test_clock_pb2.TestClock:
    """Return the test clock as the contract shows it."""
    message = test_clock_pb2.TestClock()
    message.advanced.FromTimedelta(clock.advanced)
    if clock.update_time:
        message.update_time.FromDatetime(clock.update_time)
    return message
