"""The simulated provider's own books: the truth that the gateway is measured by.

One class for two ways of working. At a *direct* one (as Stripe) the page or the token moves the money; at an
*approving* one (as PayPal) the customer agrees on a page, and the money moves by a further call of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from mesh.money import Money
from payment_svc.domain.payment import Action, ActionKind, CaptureMethod, Failure, Payment, PaymentStatus, Snapshot
from payment_svc.domain.refund import RefundSnapshot, RefundStatus
from payment_svc.providers.base import Capabilities, ObjectNotFoundError, RejectedError

S = PaymentStatus
DECLINED = Failure("card_declined", "the card was declined", "do_not_honor")
EXPIRED = Failure("expired", "the customer did not pay in time")
CANCELLED = Failure("cancelled", "the merchant cancelled the payment")


class StrangerError(ObjectNotFoundError):
    """Another account was asked, which remembers no key of ours either."""


class State(StrEnum):
    """Where an object stands at the provider."""

    PAGE = "PAGE"
    """Open to the customer."""
    ACTION = "ACTION"
    """The customer has to authenticate."""
    APPROVED = "APPROVED"
    PROCESSING = "PROCESSING"
    HELD = "HELD"
    CAPTURED = "CAPTURED"
    FAILED = "FAILED"
    CLOSED = "CLOSED"


SHOWN = {
    State.PAGE: S.INITIATED,
    State.ACTION: S.REQUIRES_ACTION,
    State.APPROVED: S.PROCESSING,
    State.PROCESSING: S.PROCESSING,
    State.HELD: S.AUTHORIZED,
    State.CAPTURED: S.SUCCESS,
    State.FAILED: S.FAILED,
    State.CLOSED: S.CANCELLED,
}


@dataclass
class Returned:
    """A refund in the books."""

    reference: str
    amount: int
    status: RefundStatus


@dataclass
class Thing:
    """An object that a payment is made with."""

    reference: str
    intent: str
    """The name that events give it: not the page's."""
    payment_id: str
    order_id: str
    amount: Money
    is_held: bool
    is_page: bool
    token: str
    create_time: float
    state: State = State.PAGE
    captured: int = 0
    failure: Failure | None = None
    refunds: dict[str, Returned] = field(default_factory=dict)
    reversed: int = 0
    """Minor units that the provider has taken back by itself."""
    shown_as_reversed: Money | None = None
    """What it says that is, where that is something else than all that was left."""
    refused: set[str] = field(default_factory=set)
    """Refunds that were refused."""
    has_relented: bool = False
    """Whether money was taken on it after it had failed."""

    @property
    def kept(self) -> int:
        """Minor units that the customer has paid and not got back."""
        on_the_way = sum(r.amount for r in self.refunds.values() if r.status != RefundStatus.FAILED)
        return self.captured - self.reversed - on_the_way

    @property
    def given(self) -> int:
        """Minor units that have come back to the customer."""
        return self.reversed + sum(r.amount for r in self.refunds.values() if r.status == RefundStatus.SUCCESS)


Notify = Callable[[Thing, str, str], None]
"""Tells the gateway that something happened to an object; the last argument is a refund of ours, or nothing."""


class Book:
    """What a provider knows. Its methods are what its servers do, each at once or not at all."""

    def __init__(
        self,
        name: str,
        capabilities: Capabilities,
        *,
        approving: bool,
        now: Callable[[], float],
        notify: Notify,
        account: str = "",
    ) -> None:
        self.name = name
        self.account = account or name
        """Whose book it is; that of the platform's account is called as the provider."""
        self.capabilities = capabilities
        self.is_approving = approving
        self.things: dict[str, Thing] = {}
        self.has_forgotten_account = False
        """Whether it answers as if the credentials were another account's."""
        self._made = 0
        self._now = now
        self._notify = notify

    # what the gateway asks

    def create(self, payment: Payment) -> Snapshot:
        """Make the object of a payment; a token is charged at once."""
        number = self._made = self._made + 1
        prefix = "or" if self.is_approving else "cs" if payment.is_hosted else "pi"
        mark = f"{number}" if self.account == self.name else f"{self.account}_{number}"
        reference = f"{prefix}_{mark}"
        intent = reference if self.is_approving or not payment.is_hosted else f"pi_{mark}"
        thing = Thing(
            *(reference, intent, str(payment.payment_id), str(payment.order_id), payment.amount),
            is_held=payment.capture_method == CaptureMethod.MANUAL,
            is_page=payment.is_hosted,
            token=payment.payment_method,
            create_time=self._now(),
        )
        self.things[reference] = self.things[intent] = thing
        self._notify(thing, "opened", "")
        if thing.token:
            self._charge(thing)
        return self.show(thing)

    def fetch(self, reference: str) -> Snapshot:
        """Show an object. Raises ObjectNotFoundError."""
        return self.show(self.find(reference))

    def find(self, reference: str) -> Thing:
        """Return an object. Raises ObjectNotFoundError."""
        thing = self.things.get(reference)
        if self.has_forgotten_account:
            raise StrangerError(f"{self.name} knows no {reference}")
        if thing is None or self._is_forgotten(thing):
            raise ObjectNotFoundError(f"{self.name} knows no {reference}")
        return thing

    def complete(self, reference: str) -> Snapshot:
        """Take or hold what the customer has approved."""
        thing = self.find(reference)
        if not self.is_approving or thing.state in (State.CAPTURED, State.HELD, State.PROCESSING, State.CLOSED):
            return self.show(thing)
        if thing.state != State.APPROVED:
            raise _refusal("the customer has not approved the order")
        if thing.token == "declines":
            thing.token, thing.state, thing.failure = "", State.PAGE, DECLINED
            return self.show(thing)
        if thing.token == "slow":
            thing.state = State.PROCESSING
        else:
            self._take(thing)
        return self.show(thing)

    def capture(self, reference: str, amount: Money) -> Snapshot:
        """Take what is held, or a part of it; the rest is free."""
        thing = self.find(reference)
        if thing.state != State.HELD:
            raise _refusal(f"nothing is held: {thing.state}")
        thing.state, thing.captured = State.CAPTURED, amount.minor
        self._notify(thing, "captured", "")
        return self.show(thing)

    def cancel(self, reference: str) -> Snapshot:
        """Close the page, or free what is held."""
        thing = self.find(reference)
        if thing.state == State.CLOSED:
            return self.show(thing)
        if thing.state not in (State.PAGE, State.ACTION, State.HELD):
            raise _refusal(f"cannot be cancelled: {thing.state}")
        if self.is_approving and thing.state == State.PAGE:
            # there is no call for it: nobody will take the money
            return Snapshot(thing.reference, S.CANCELLED, failure=CANCELLED)
        thing.state, thing.failure = State.CLOSED, CANCELLED
        self._notify(thing, "closed", "")
        return self.show(thing)

    def refund(self, reference: str, refund_id: str, amount: int, *, slow: bool) -> RefundSnapshot:
        """Give money back."""
        thing = self.find(reference)
        if thing.state != State.CAPTURED or amount > thing.kept:
            thing.refused.add(refund_id)
            raise _refusal("there is not so much to give back")
        made = Returned(f"re_{thing.reference}_{len(thing.refunds)}", amount, RefundStatus.SUCCESS)
        if slow:
            made.status = RefundStatus.PENDING
        # a request whose key was forgotten is another one
        name = f"{refund_id} again" if refund_id in thing.refunds else refund_id
        thing.refunds[name] = made
        self._notify(thing, "refunded", name)
        return self.show_refund(thing, name)

    def show_refund(self, thing: Thing, refund_id: str) -> RefundSnapshot:
        """Show a refund."""
        made = thing.refunds[refund_id]
        failure = Failure("processing_error", "the bank sent it back") if made.status == RefundStatus.FAILED else None
        return RefundSnapshot(made.reference, made.status, Money(made.amount, thing.amount.currency), failure)

    def show(self, thing: Thing) -> Snapshot:
        """Show an object as it stands."""
        status = SHOWN[thing.state]
        amount = None
        if thing.state in (State.HELD, State.APPROVED):
            amount = thing.amount
        if thing.state == State.CAPTURED:
            amount = Money(thing.captured, thing.amount.currency)
        if self.is_approving and thing.state == State.PAGE and thing.failure:
            status = S.REQUIRES_ACTION
        waits = thing.state in (State.PAGE, State.ACTION)
        url = f"https://{self.account}.test/{thing.reference}" if waits else ""
        return Snapshot(
            thing.reference,
            status,
            amount=amount,
            redirect_url=url,
            failure=thing.failure if thing.state != State.CAPTURED else None,
            approved=thing.state == State.APPROVED,
            action=Action(ActionKind.REDIRECT, "redirect_to_url", url) if status == S.REQUIRES_ACTION else None,
        )

    # what customers and banks do

    def approve(self, thing: Thing, then: str = "") -> None:
        """Have the customer pay on the page; `then` is what their bank says: nothing, `declines` or `slow`."""
        if thing.state not in (State.PAGE, State.ACTION) or self._is_forgotten(thing):
            return
        if self.is_approving:
            thing.state, thing.token = State.APPROVED, then
            self._notify(thing, "approved", "")
        elif then == "declines":
            thing.failure = DECLINED
            if not thing.is_page:
                thing.state = State.FAILED
            self._notify(thing, "declined", "")
        elif then == "slow":
            thing.state = State.PROCESSING
        else:
            self._take(thing)
            self._notify(thing, "paid", "")

    def settle(self, thing: Thing, well: bool) -> None:
        """Have the bank say how a slow payment ended."""
        if thing.state != State.PROCESSING:
            return
        if well:
            self._take(thing)
        else:
            thing.state, thing.failure = State.FAILED, DECLINED
        self._notify(thing, "settled", "")

    def expire(self, thing: Thing) -> None:
        """Close a page that nobody has paid on."""
        if thing.state in (State.PAGE, State.ACTION) and not self.is_approving:
            thing.state, thing.failure = State.CLOSED, EXPIRED
            self._notify(thing, "expired", "")

    def end_refund(self, thing: Thing, refund_id: str, well: bool) -> None:
        """Have the bank say how a slow refund ended."""
        thing.refunds[refund_id].status = RefundStatus.SUCCESS if well else RefundStatus.FAILED
        self._notify(thing, "refund_ended", refund_id)

    def reverse(self, thing: Thing) -> None:
        """Take back by itself all that is left, as PayPal does when a buyer complains."""
        if self.is_approving and thing.kept > 0:
            thing.reversed += thing.kept
            self._notify(thing, "reversed", "")

    def deny(self, thing: Thing) -> None:
        """Have the bank refuse a capture after it was confirmed."""
        if thing.state == State.CAPTURED:
            thing.state, thing.captured, thing.failure = State.FAILED, 0, DECLINED
            self._notify(thing, "denied", "")

    def relent(self, thing: Thing) -> None:
        """Take the money after all of what was said to have failed."""
        if thing.state == State.FAILED and not thing.is_held:
            thing.has_relented = True
            self._take(thing)
            self._notify(thing, "relented", "")

    def _charge(self, thing: Thing) -> None:
        match thing.token:
            case "pm_declined":
                thing.state, thing.failure = State.FAILED, DECLINED
            case "pm_action":
                thing.state = State.ACTION
            case "pm_slow":
                thing.state = State.PROCESSING
            case _:
                self._take(thing)
        self._notify(thing, "charged", "")

    def _take(self, thing: Thing) -> None:
        if thing.is_held:
            thing.state = State.HELD
        else:
            thing.state, thing.captured = State.CAPTURED, thing.amount.minor

    def _is_forgotten(self, thing: Thing) -> bool:
        lifetime = self.capabilities.page_lifetime
        is_open = thing.state in (State.PAGE, State.APPROVED)
        return lifetime is not None and is_open and self._now() - thing.create_time > lifetime.total_seconds()


def _refusal(words: str) -> RejectedError:
    return RejectedError(Failure("provider_rejected", words))
