"""What it means that a field is not there: of some fields "all", so that a value that is missing does too much."""

from __future__ import annotations

from google.protobuf.descriptor import FieldDescriptor

from mesh.contract.descriptors import is_map

PAGING = frozenset({"page_size", "page_token", "order_by", "format", "last_event_id"})
"""What says how a list comes, and not what is in it."""

DEFAULTED = frozenset(
    {
        "CreateOrderRequest.expire_time",
        "CreateOrderRequest.merchant_order_id",
        "CreatePaymentLinkRequest.merchant_order_id",
    }
)
"""What is said only to have something else than a default that does no harm: programs may write it as null, as they do
with every field that they have no value for. A link without an end, or an old secret for a day longer, does harm."""


def widens(verb: str, field: FieldDescriptor) -> bool:
    """Whether a call does another, mostly a greater thing without the field than its caller meant who sends nothing.

    A list without a filter is of all. PUT replaces by what is there, and PATCH leaves as it was what is not. Elsewhere
    an amount, a time, a list and an id say how much, until when and which ones. A text, a number or a word is there or
    is not, and nothing else comes of it.
    """
    if verb == "GET":
        return field.name not in PAGING
    if verb in ("PUT", "PATCH"):
        return True
    # of several that exclude each other all but one are absent
    is_one_of = field.containing_oneof is not None and len(field.containing_oneof.fields) > 1
    if is_map(field) or is_one_of or field.full_name.split(".", 3)[-1] in DEFAULTED:
        return False
    return bool(field.is_repeated or field.message_type is not None or field.name.endswith("_id"))
