"""PaymentMethods: test tokens, and the objects they turn into."""

from sandbox.store.documents import JSON, Document
from sandbox.stripe.account import Account, new_id, now
from sandbox.stripe.errors import StripeError, missing
from sandbox.stripe.params import Params
from sandbox.stripe.resources import cards
from sandbox.stripe.resources.cards import Instrument


def from_params(account: Account, params: Params) -> Document | None:
    """The payment method a request names: `payment_method` or `payment_method_data`."""
    if "payment_method" in params:
        return obtain(account, params.required("payment_method"), params.name("payment_method"))
    if "payment_method_data" in params:
        return create(account, params.nested("payment_method_data"))
    return None


def create(account: Account, params: Params) -> Document:
    """A PaymentMethod of `type` card from a token, as Stripe.js would make one."""
    card = params.nested("card")
    if "number" in card:
        raise _raw_card(card.name("number"))
    token = card.required("token")
    if not token.startswith("tok_"):
        raise missing("token", token, card.name("token"), 400)
    return obtain(account, f"pm_card_{token.removeprefix('tok_')}", card.name("token"))


def obtain(account: Account, token: str, param: str) -> Document:
    """The PaymentMethod of this id, or a new one that a test id stands for. A token (`tok_…`) is no payment method."""
    known = account.find("payment_method", token)
    if known is not None:
        return known
    instrument = cards.resolve(token)
    if instrument is None:
        raise missing("PaymentMethod", token, param, 400)
    method = Document(_body(instrument), {"token": token})
    account.save(method)
    return method


def instrument_of(document: Document) -> Instrument:
    """How the test method behind a PaymentMethod or a Charge behaves."""
    instrument = cards.resolve(document.private["token"])
    assert instrument is not None, "only resolvable tokens are ever stored"
    return instrument


def _body(instrument: Instrument) -> JSON:
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {"address": None, "email": None, "name": None, "phone": None},
        "created": now(),
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": instrument.type,
        instrument.type: cards.details(instrument),
    }


def _raw_card(param: str) -> StripeError:
    message = (
        "Sending credit card numbers directly to the Stripe API is generally unsafe."
        " We suggest you use test tokens that map to the test card you are using,"
        " see https://stripe.com/docs/testing."
    )
    return StripeError(402, {"type": "invalid_request_error", "message": message, "param": param})
