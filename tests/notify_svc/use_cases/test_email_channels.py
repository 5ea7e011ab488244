"""Mailboxes, by a real mail server: confirmed first, put into words, retried, and given up when they are no more."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from fusionx.order.v1 import order_events_pb2, order_pb2
from fusionx.type.v1.event_pb2 import EventEnvelope
from fusionx.type.v1.money_pb2 import Money

from mesh.errors import ApiError
from mesh.events import envelope as events
from mesh.ids import new_id
from mesh.storage.idempotency import Claim, Record
from notify_svc.contract import events as facts
from notify_svc.contract.messages import channel_message, event_message
from notify_svc.domain import channel as channel_domain
from notify_svc.domain import delivery as domain
from notify_svc.domain.delivery import DeliveryStatus
from notify_svc.domain.endpoint import CHANNELS, DisableReason, Endpoint
from notify_svc.domain.event import PublicEvent
from notify_svc.use_cases.channel_registration import NewChannel, NewEmail
from notify_svc.use_cases.endpoints import Change
from tests.notify_svc.conftest import CONCURRENCY, CONNECTIONS, SENDER, Desk, desk_on
from tests.support.net.mail import PostOffice, post_office, text_of, token_of
from tests.support.net.rogue import OK, answering, rogue
from tests.support.waiting import PATIENCE, come_true

ADDRESS = "till@shop.example"
GONE = b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with post_office() as office:
        yield office


@pytest.fixture
async def desk(notify_url: str, office: PostOffice) -> AsyncIterator[Desk]:
    async with desk_on(notify_url, timeout=5.0, smtp_port=office.port) as desk:
        yield desk


def mailbox(address: str = ADDRESS, types: tuple[str, ...] = (), language: str = "EN") -> NewChannel:
    return NewChannel(NewEmail(address), types, "", language)


async def added(desk: Desk, new: NewChannel) -> Endpoint:
    made = await desk.channels.create(desk.merchant_id, new, None)
    assert isinstance(made, Endpoint)
    return made


async def confirmed(desk: Desk, office: PostOffice, new: NewChannel | None = None) -> Endpoint:
    """Add a mailbox, confirm it by its mail, and forget that mail."""
    made = await added(desk, new or mailbox())
    token = token_of(office.mails.pop())
    return await desk.channels.confirm(desk.merchant_id, made.endpoint_id, token)


def order_event(desk: Desk, merchant_order_id: str = "", description: str = "") -> PublicEvent:
    order_id = new_id()
    order = order_pb2.Order(
        order_id=str(order_id),
        version=1,
        amount=Money(value="12.00", currency="EUR"),
        status=order_pb2.Order.SUCCESS,
        merchant_order_id=merchant_order_id,
        description=description,
    )
    fact = order_events_pb2.OrderSucceeded(order=order)
    made = events.event(fact, aggregate_id=order_id, version=1, merchant_id=desk.merchant_id, time=desk.now)
    event = facts.public_event(EventEnvelope.FromString(made.payload), fact)
    assert event
    return event


async def test_mailbox_gets_nothing_until_it_is_confirmed(desk: Desk, office: PostOffice) -> None:
    made = await added(desk, mailbox())
    assert (made.enabled, made.disable_reason) == (False, DisableReason.UNCONFIRMED)
    asked = await office.mail(1)
    assert office.recipients == [ADDRESS]
    (unheard,) = await desk.publish()
    assert await desk.log.deliveries(desk.merchant_id, unheard.event_id) == []
    with pytest.raises(ApiError) as refused:
        await desk.endpoints.ping(desk.merchant_id, made.endpoint_id, None, CHANNELS)
    assert refused.value.reason == "ENDPOINT_DISABLED"
    with pytest.raises(ApiError) as refused:
        await desk.endpoints.update(desk.merchant_id, made.endpoint_id, Change(enabled=True), CHANNELS)
    assert refused.value.reason == "CHANNEL_UNCONFIRMED"
    with pytest.raises(ApiError) as refused:
        await desk.channels.confirm(desk.merchant_id, made.endpoint_id, "guessed")
    assert refused.value.reason == "TOKEN_INVALID"
    assert (await desk.channels.confirm(desk.merchant_id, made.endpoint_id, token_of(asked))).enabled
    (event,) = await desk.publish()
    assert (await desk.tried(event, 1)).status is DeliveryStatus.DELIVERED
    assert len(office.mails) == 2


async def test_token_counts_for_a_day_and_for_its_channel_and_merchant_alone(desk: Desk, office: PostOffice) -> None:
    first, second = await added(desk, mailbox()), await added(desk, mailbox("other@shop.example"))
    token = token_of(office.mails[0])
    for merchant, channel, reason in (
        (desk.merchant_id, second, "TOKEN_INVALID"),
        (uuid.uuid4(), first, "NOTIFICATION_CHANNEL_NOT_FOUND"),
    ):
        with pytest.raises(ApiError) as refused:
            await desk.channels.confirm(merchant, channel.endpoint_id, token)
        assert refused.value.reason == reason
    desk.later(hours=24)
    with pytest.raises(ApiError) as refused:
        await desk.channels.confirm(desk.merchant_id, first.endpoint_id, token)
    assert refused.value.reason == "TOKEN_INVALID"


async def test_mail_tells_of_the_event_in_words_and_can_be_absorbed(desk: Desk, office: PostOffice) -> None:
    channel = await confirmed(desk, office)
    (event,) = await desk.fan_out(order_event(desk, merchant_order_id="A-1"))
    mail = await office.mail(1)
    assert mail["From"] == f"FusionXPay <{SENDER}>"
    assert (mail["To"], mail["Subject"]) == (ADDRESS, "Order A-1 was paid")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-FusionXPay-Event-Id"] == str(event.event_id)
    assert mail["X-FusionXPay-Event-Type"] == "order.succeeded"
    assert mail["Message-ID"] == f"<{event.event_id}.{channel.endpoint_id}@gateway.example>"
    for kind in ("plain", "html"):
        assert "12.00 EUR" in text_of(mail, kind)
        assert event.order_id in text_of(mail, kind)
    delivery = await desk.tried(event, 1)
    assert delivery.attempts[0].attempt.status == 250
    assert delivery.attempts[0].attempt.answer == "OK"
    await desk.log.resend(desk.merchant_id, event.event_id, {channel.endpoint_id: CHANNELS})
    assert (await office.mail(2))["Message-ID"] == mail["Message-ID"]


async def test_what_somebody_wrote_is_text_and_makes_no_headers(desk: Desk, office: PostOffice) -> None:
    await confirmed(desk, office, mailbox(language="DE"))
    await desk.fan_out(
        order_event(
            desk,
            merchant_order_id="A\r\nBcc: all@shop.example\r\n\r\n$amount é",
            description='<script>alert("1")</script><a href="http://evil.example">',
        )
    )
    mail = await office.mail(1)
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Bestellung A Bcc: all@shop.example $amount é wurde bezahlt"
    page = text_of(mail, "html")
    assert '<html lang="de">' in page
    assert "<script" not in page
    assert "<a " not in page
    assert "&lt;script&gt;alert(&quot;1&quot;)" in page
    assert office.recipients[-1] == ADDRESS


async def test_what_the_server_refuses_for_now_is_tried_again(desk: Desk, office: PostOffice) -> None:
    channel = await confirmed(desk, office)
    for to_recipient, to_mail, status in (
        ("451 4.3.0 later", "250 OK", 451),
        ("250 OK", "452 4.3.1 full", 452),
        # for good, but it is not the mailbox
        ("250 OK", "554 5.6.0 no such words", 554),
        ("554 5.7.1 relaying denied", "250 OK", 554),
    ):
        office.to_recipient, office.to_mail = to_recipient, to_mail
        (event,) = await desk.publish()
        delivery = await desk.tried(event, 1)
        assert (delivery.status, delivery.attempts[0].attempt.status) == (DeliveryStatus.PENDING, status)
        assert delivery.next_attempt_time == desk.now + domain.RETRIES[0]
    office.to_recipient = office.to_mail = "250 OK"
    desk.later(seconds=5)
    assert (await desk.tried(event, 2)).status is DeliveryStatus.DELIVERED
    # it would be disabled after the attempt was noted
    await desk.mails.close()
    assert (await desk.endpoints.get(desk.merchant_id, channel.endpoint_id, CHANNELS)).enabled


async def test_mailbox_that_is_no_more_is_disabled_and_can_be_enabled_again(desk: Desk, office: PostOffice) -> None:
    channel = await confirmed(desk, office)
    office.to_recipient = "550 5.1.1 no such user"
    (event,) = await desk.publish()
    disabled = await desk.endpoint_is(channel.endpoint_id, lambda found: not found.enabled)
    assert disabled.disable_reason is DisableReason.GONE
    delivery = await desk.tried(event, 1)
    assert (delivery.status, delivery.attempts[0].attempt.status) == (DeliveryStatus.FAILED, 550)
    assert "no such user" in delivery.attempts[0].attempt.answer
    assert (await desk.endpoints.update(desk.merchant_id, channel.endpoint_id, Change(enabled=True), CHANNELS)).enabled


async def test_server_that_is_away_or_hangs_is_logged_and_tried_again(notify_url: str, office: PostOffice) -> None:
    async with desk_on(notify_url, timeout=2.0, smtp_port=office.port) as desk:
        await confirmed(desk, office)
        office.released.clear()
        (event,) = await desk.publish()
        delivery = await desk.tried(event, 1)
        assert (delivery.status, delivery.attempts[0].attempt.status) == (DeliveryStatus.PENDING, 0)
        assert "TIMEOUT: " in delivery.attempts[0].attempt.answer


async def test_few_mails_are_handed_over_at_once(desk: Desk, office: PostOffice) -> None:
    await confirmed(desk, office)
    office.released.clear()
    published = await desk.publish(6)
    await come_true(lambda: office.open == CONNECTIONS, "all connections in use")
    office.released.set()
    for event in published:
        assert (await desk.tried(event, 1)).status is DeliveryStatus.DELIVERED
    assert office.most_open == CONNECTIONS


async def test_mail_server_that_hangs_holds_up_no_webhook(desk: Desk, office: PostOffice) -> None:
    await confirmed(desk, office)
    office.released.clear()
    await desk.publish(CONCURRENCY + CONNECTIONS)
    await come_true(lambda: office.open == CONNECTIONS, "all connections in use")
    async with rogue(answering(OK)) as server:
        await desk.endpoint(server.url)
        events = await desk.publish(2 * CONCURRENCY)
        await come_true(lambda: len(server.ids) == len(events), "all webhooks")
        assert office.open == CONNECTIONS


async def test_filters_are_the_merchants_preferences(desk: Desk, office: PostOffice) -> None:
    await confirmed(desk, office, mailbox("paid@shop.example", ("order.succeeded",)))
    await confirmed(desk, office, mailbox("all@shop.example"))
    office.recipients.clear()
    created = await desk.publish()
    paid = await desk.fan_out(order_event(desk))
    await come_true(lambda: len(office.mails) == 3, "three mails")
    assert len(await desk.log.deliveries(desk.merchant_id, created[0].event_id)) == 1
    assert len(await desk.log.deliveries(desk.merchant_id, paid[0].event_id)) == 2
    assert sorted(office.recipients) == ["all@shop.example", "all@shop.example", "paid@shop.example"]


async def test_owner_of_a_disabled_endpoint_is_told_by_mail(desk: Desk, office: PostOffice) -> None:
    await confirmed(desk, office, mailbox(types=("endpoint.*",)))
    async with rogue(answering(GONE)) as server:
        endpoint = await desk.endpoint(server.url)
        await desk.publish()
        mail = await office.mail(1)
        assert mail["X-FusionXPay-Event-Type"] == "endpoint.disabled"
        assert str(endpoint.endpoint_id) in text_of(mail)
        assert "GONE" in text_of(mail)
        assert server.url not in text_of(mail)
        event = await desk.log.get(desk.merchant_id, uuid.UUID(str(mail["X-FusionXPay-Event-Id"])))
        assert (event.type, event.aggregate_id) == ("endpoint.disabled", endpoint.endpoint_id)
        assert event_message(event).data.endpoint.kind == 1
        (delivery,) = await desk.log.deliveries(desk.merchant_id, event.event_id)
        assert delivery.endpoint_id != endpoint.endpoint_id


@pytest.mark.parametrize(
    ("answer", "reason"), [("550 5.1.1 nobody", "EMAIL_REFUSED"), ("451 4.3.0 later", "EMAIL_NOT_SENT")]
)
async def test_without_its_mail_there_is_no_channel(answer: str, reason: str, desk: Desk, office: PostOffice) -> None:
    office.to_recipient = answer
    with pytest.raises(ApiError) as refused:
        await added(desk, mailbox())
    assert refused.value.reason == reason
    assert await desk.endpoints.all_of(desk.merchant_id, CHANNELS) == []


@pytest.mark.parametrize(
    "address", ["till", "a@b", "a@b.example\r\nBcc: c@d.example", "a b@c.example", '"a"@b.example', "a@[10.0.0.1]"]
)
async def test_address_that_is_none_is_refused_by_the_fields_name(address: str, desk: Desk, office: PostOffice) -> None:
    with pytest.raises(ApiError) as refused:
        await added(desk, mailbox(address))
    assert [violation.field for violation in refused.value.violations] == ["email.address"]
    assert office.mails == []


async def test_same_request_again_mails_once(desk: Desk, office: PostOffice) -> None:
    claim = Claim(desk.merchant_id, "create", "key", b"body", channel_message)
    assert isinstance(await desk.channels.create(desk.merchant_id, mailbox(), claim), Endpoint)
    assert isinstance(await desk.channels.create(desk.merchant_id, mailbox(), claim), Record)
    assert len(office.mails) == 1


async def test_merchant_adds_few_mailboxes_in_a_day_also_when_it_deletes_them(desk: Desk, office: PostOffice) -> None:
    for number in range(channel_domain.MAX_CONFIRMATIONS):
        made = await added(desk, mailbox(f"n{number}@shop.example"))
        await desk.endpoints.delete(desk.merchant_id, made.endpoint_id, CHANNELS)
    with pytest.raises(ApiError) as refused:
        await added(desk, mailbox())
    assert refused.value.reason == "TOO_MANY_CONFIRMATIONS"
    assert len(office.mails) == channel_domain.MAX_CONFIRMATIONS
    desk.later(seconds=timedelta(days=1).total_seconds())
    await added(desk, mailbox())


async def test_mailbox_counts_though_its_merchant_hangs_up_while_it_is_mailed(desk: Desk, office: PostOffice) -> None:
    office.released.clear()
    asking = asyncio.ensure_future(added(desk, mailbox()))
    await come_true(lambda: office.open, "the mail")
    asking.cancel()
    office.released.set()
    await office.mail(1)
    await desk.channels.background.finish(PATIENCE)
    (there,) = await desk.endpoints.all_of(desk.merchant_id, CHANNELS)
    assert there.disable_reason is DisableReason.UNCONFIRMED


async def test_without_a_mail_server_there_are_no_mailboxes(notify_url: str) -> None:
    async with desk_on(notify_url) as desk:
        with pytest.raises(ApiError) as refused:
            await added(desk, mailbox())
        assert refused.value.reason == "EMAIL_NOT_CONFIGURED"
