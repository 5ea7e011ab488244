"""What the contracts must declare beyond what buf looks at."""

from __future__ import annotations

import re
from enum import StrEnum

import pytest
from fusionx.order.v1 import order_events_pb2, order_pb2
from fusionx.payment.v1 import payment_events_pb2, payment_pb2
from fusionx.type.v1 import access_pb2, event_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, MethodOptions
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from mesh.contract.descriptors import contract_services
from mesh.rpc.interceptors import access_of
from order_svc.contract import events as order_facts
from order_svc.domain import OrderStatus
from payment_svc.contract import events as payment_facts
from payment_svc.domain.payment import PaymentStatus

METHODS = [method for service in contract_services() for method in service.methods]
EVENTS = [
    message
    for file in (order_events_pb2.DESCRIPTOR, payment_events_pb2.DESCRIPTOR)
    for message in file.message_types_by_name.values()
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_rpc_declares_who_may_call_it(method: MethodDescriptor) -> None:
    assert method.GetOptions().Extensions[access_pb2.access] != access_pb2.ACCESS_UNSPECIFIED


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_rpc_of_merchants_declares_its_scope_and_no_other_does(method: MethodDescriptor) -> None:
    declared = method.GetOptions().Extensions
    scope = declared[access_pb2.scope]
    if declared[access_pb2.access] == access_pb2.ACCESS_MERCHANT:
        verb = "read" if method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS else "write"
        assert re.fullmatch(r"[a-z]+:(read|write)", scope)
        assert scope.endswith(f":{verb}")
    else:
        assert not scope


@pytest.mark.parametrize(
    ("access", "scope", "problem"),
    [
        (access_pb2.ACCESS_UNSPECIFIED, "", "who may call it"),
        (access_pb2.ACCESS_UNSPECIFIED, "orders:read", "who may call it"),
        (access_pb2.ACCESS_MERCHANT, "", "a scope"),
        (access_pb2.ACCESS_INTERNAL, "orders:read", "a scope"),
        (access_pb2.ACCESS_PROVIDER, "orders:read", "a scope"),
    ],
)
def test_service_does_not_start_with_an_rpc_that_does_not_declare_what_it_must(
    access: access_pb2.Access.ValueType, scope: str, problem: str
) -> None:
    file = FileDescriptorProto(name="wrong.proto", package="wrong", syntax="proto3")
    file.message_type.add(name="Nothing")
    method = file.service.add(name="Wrong").method.add(name="Call", input_type="Nothing", output_type="Nothing")
    method.options.Extensions[access_pb2.access] = access
    method.options.Extensions[access_pb2.scope] = scope
    pool = DescriptorPool()
    pool.Add(file)
    with pytest.raises(TypeError, match=rf"wrong\.Wrong\.Call .*{problem}"):
        access_of(pool.FindServiceByName("wrong.Wrong"))


@pytest.mark.parametrize("message", EVENTS, ids=lambda message: message.name)
def test_event_declares_its_subject_and_its_public_name(message: Descriptor) -> None:
    options = message.GetOptions().Extensions[event_pb2.event]
    aggregate = message.full_name.split(".")[1]
    fact = options.subject.removeprefix(f"fusionx.{aggregate}.v1.")
    assert options.subject != fact
    assert options.public_type == f"{aggregate}.{fact}"
    assert [field.name for field in message.fields] == [aggregate]


def test_no_two_events_share_a_subject() -> None:
    subjects = [message.GetOptions().Extensions[event_pb2.event].subject for message in EVENTS]
    assert len(set(subjects)) == len(subjects)


@pytest.mark.parametrize(
    ("contract", "domain"),
    [
        (order_pb2.Order.DESCRIPTOR.enum_types_by_name["Status"], OrderStatus),
        (payment_pb2.Payment.DESCRIPTOR.enum_types_by_name["Status"], PaymentStatus),
    ],
)
def test_statuses_of_contract_and_domain_are_the_same(contract: EnumDescriptor, domain: type[StrEnum]) -> None:
    assert {value.name for value in contract.values} - {"STATUS_UNSPECIFIED"} == {str(status) for status in domain}


@pytest.mark.parametrize(
    ("facts", "file"),
    [(order_facts._FACTS, order_events_pb2.DESCRIPTOR), (payment_facts._FACTS, payment_events_pb2.DESCRIPTOR)],
)
def test_every_event_of_the_contract_tells_of_a_status_or_of_a_change(
    facts: dict[str, type[Message]], file: FileDescriptor
) -> None:
    told = {kind.DESCRIPTOR.name for kind in facts.values()}
    assert set(file.message_types_by_name) - told <= {
        *("PaymentCreated", "PaymentUpdated", "PaymentRefunded"),
        *("PaymentSurplusCaptured", "PaymentSurplusRefunded", "OrderRefundFailed"),
    }


def test_every_reachable_status_has_its_event() -> None:
    """A payment enters INITIATED only at its creation, which has an event of its own."""
    assert set(OrderStatus) == set(order_facts._FACTS)
    assert set(PaymentStatus) - set(payment_facts._FACTS) == {PaymentStatus.INITIATED}


def test_public_requests_carry_no_merchant() -> None:
    """The merchant comes from the API key alone."""
    public = [m for m in METHODS if m.GetOptions().Extensions[access_pb2.access] == access_pb2.ACCESS_MERCHANT]
    assert public
    assert not [m.full_name for m in public if "merchant_id" in m.input_type.fields_by_name]
