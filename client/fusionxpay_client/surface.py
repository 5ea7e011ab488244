"""What merchants can do, a class a resource. Made from the contract by `make gen`, never edited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from fusionx.notify.v1 import (
    event_pb2,
    event_service_pb2,
    notification_channel_pb2,
    notification_channel_service_pb2,
    notify_service_pb2,
    push_key_service_pb2,
    webhook_endpoint_pb2,
)
from fusionx.order.v1 import order_pb2, order_service_pb2, payment_link_pb2, payment_link_service_pb2
from fusionx.payment.v1 import (
    dispute_pb2,
    dispute_service_pb2,
    payment_pb2,
    payment_service_pb2,
    provider_account_service_pb2,
    refund_pb2,
    refund_service_pb2,
    routing_service_pb2,
    test_clock_pb2,
    test_clock_service_pb2,
    timeline_service_pb2,
)

from fusionxpay_client import models
from fusionxpay_client.calls import Call, Export, Listing, Stream
from fusionxpay_client.pages import AsyncPages, Pages
from fusionxpay_client.transport import AsyncTransport, Transport
from fusionxpay_client.values import OMITTED, Amount, Moment, Omitted, Span, made, mask, moment, money, span
from fusionxpay_client.waiting import AsyncWaits, Waits

_GET_EVENT = Call("/fusionx.notify.v1.EventService/GetEvent", event_pb2.Event, writes=False)
_LIST_EVENTS = Listing(
    "/fusionx.notify.v1.EventService/ListEvents", event_service_pb2.ListEventsResponse, "events", event_pb2.Event
)
_LIST_EVENT_DELIVERIES = Listing(
    "/fusionx.notify.v1.EventService/ListEventDeliveries",
    event_service_pb2.ListEventDeliveriesResponse,
    "deliveries",
    event_pb2.Delivery,
)
_RESEND_EVENT = Call(
    "/fusionx.notify.v1.EventService/ResendEvent", event_service_pb2.ListEventDeliveriesResponse, writes=True
)
_RESEND_EVENTS = Call(
    "/fusionx.notify.v1.EventService/ResendEvents", event_service_pb2.ResendEventsResponse, writes=True
)
_STREAM_EVENTS = Stream("/fusionx.notify.v1.EventService/StreamEvents")
_CREATE_NOTIFICATION_CHANNEL = Call(
    "/fusionx.notify.v1.NotificationChannelService/CreateNotificationChannel",
    notification_channel_pb2.NotificationChannel,
    writes=True,
)
_GET_NOTIFICATION_CHANNEL = Call(
    "/fusionx.notify.v1.NotificationChannelService/GetNotificationChannel",
    notification_channel_pb2.NotificationChannel,
    writes=False,
)
_LIST_NOTIFICATION_CHANNELS = Listing(
    "/fusionx.notify.v1.NotificationChannelService/ListNotificationChannels",
    notification_channel_service_pb2.ListNotificationChannelsResponse,
    "notification_channels",
    notification_channel_pb2.NotificationChannel,
)
_UPDATE_NOTIFICATION_CHANNEL = Call(
    "/fusionx.notify.v1.NotificationChannelService/UpdateNotificationChannel",
    notification_channel_pb2.NotificationChannel,
    writes=True,
)
_DELETE_NOTIFICATION_CHANNEL = Call(
    "/fusionx.notify.v1.NotificationChannelService/DeleteNotificationChannel",
    notification_channel_pb2.NotificationChannel,
    writes=True,
)
_PING_NOTIFICATION_CHANNEL = Call(
    "/fusionx.notify.v1.NotificationChannelService/PingNotificationChannel", event_pb2.Event, writes=True
)
_CONFIRM_NOTIFICATION_CHANNEL = Call(
    "/fusionx.notify.v1.NotificationChannelService/ConfirmNotificationChannel",
    notification_channel_pb2.NotificationChannel,
    writes=True,
)
_CREATE_WEBHOOK_ENDPOINT = Call(
    "/fusionx.notify.v1.NotifyService/CreateWebhookEndpoint", webhook_endpoint_pb2.WebhookEndpoint, writes=True
)
_GET_WEBHOOK_ENDPOINT = Call(
    "/fusionx.notify.v1.NotifyService/GetWebhookEndpoint", webhook_endpoint_pb2.WebhookEndpoint, writes=False
)
_LIST_WEBHOOK_ENDPOINTS = Listing(
    "/fusionx.notify.v1.NotifyService/ListWebhookEndpoints",
    notify_service_pb2.ListWebhookEndpointsResponse,
    "webhook_endpoints",
    webhook_endpoint_pb2.WebhookEndpoint,
)
_UPDATE_WEBHOOK_ENDPOINT = Call(
    "/fusionx.notify.v1.NotifyService/UpdateWebhookEndpoint", webhook_endpoint_pb2.WebhookEndpoint, writes=True
)
_DELETE_WEBHOOK_ENDPOINT = Call(
    "/fusionx.notify.v1.NotifyService/DeleteWebhookEndpoint", webhook_endpoint_pb2.WebhookEndpoint, writes=True
)
_PING_WEBHOOK_ENDPOINT = Call("/fusionx.notify.v1.NotifyService/PingWebhookEndpoint", event_pb2.Event, writes=True)
_ROTATE_WEBHOOK_ENDPOINT_SECRET = Call(
    "/fusionx.notify.v1.NotifyService/RotateWebhookEndpointSecret", webhook_endpoint_pb2.WebhookEndpoint, writes=True
)
_LIST_WEBHOOK_ENDPOINT_DELIVERIES = Listing(
    "/fusionx.notify.v1.NotifyService/ListWebhookEndpointDeliveries",
    notify_service_pb2.ListWebhookEndpointDeliveriesResponse,
    "deliveries",
    event_pb2.Delivery,
)
_GET_PUSH_KEY = Call("/fusionx.notify.v1.PushKeyService/GetPushKey", push_key_service_pb2.PushKey, writes=False)
_CREATE_ORDER = Call("/fusionx.order.v1.OrderService/CreateOrder", order_pb2.Order, writes=True)
_GET_ORDER = Call("/fusionx.order.v1.OrderService/GetOrder", order_pb2.Order, writes=False)
_LIST_ORDERS = Listing(
    "/fusionx.order.v1.OrderService/ListOrders", order_service_pb2.ListOrdersResponse, "orders", order_pb2.Order
)
_CANCEL_ORDER = Call("/fusionx.order.v1.OrderService/CancelOrder", order_pb2.Order, writes=True)
_EXPORT_ORDERS = Export("/fusionx.order.v1.OrderService/ExportOrders")
_CREATE_PAYMENT_LINK = Call(
    "/fusionx.order.v1.PaymentLinkService/CreatePaymentLink", payment_link_pb2.PaymentLink, writes=True
)
_GET_PAYMENT_LINK = Call(
    "/fusionx.order.v1.PaymentLinkService/GetPaymentLink", payment_link_pb2.PaymentLink, writes=False
)
_LIST_PAYMENT_LINKS = Listing(
    "/fusionx.order.v1.PaymentLinkService/ListPaymentLinks",
    payment_link_service_pb2.ListPaymentLinksResponse,
    "payment_links",
    payment_link_pb2.PaymentLink,
)
_UPDATE_PAYMENT_LINK = Call(
    "/fusionx.order.v1.PaymentLinkService/UpdatePaymentLink", payment_link_pb2.PaymentLink, writes=True
)
_GET_DISPUTE = Call("/fusionx.payment.v1.DisputeService/GetDispute", dispute_pb2.Dispute, writes=False)
_LIST_DISPUTES = Listing(
    "/fusionx.payment.v1.DisputeService/ListDisputes",
    dispute_service_pb2.ListDisputesResponse,
    "disputes",
    dispute_pb2.Dispute,
)
_EXPORT_DISPUTES = Export("/fusionx.payment.v1.DisputeService/ExportDisputes")
_CREATE_PAYMENT = Call("/fusionx.payment.v1.PaymentService/CreatePayment", payment_pb2.Payment, writes=True)
_GET_PAYMENT = Call("/fusionx.payment.v1.PaymentService/GetPayment", payment_pb2.Payment, writes=False)
_CAPTURE_PAYMENT = Call("/fusionx.payment.v1.PaymentService/CapturePayment", payment_pb2.Payment, writes=True)
_CANCEL_PAYMENT = Call("/fusionx.payment.v1.PaymentService/CancelPayment", payment_pb2.Payment, writes=True)
_LIST_PAYMENTS = Listing(
    "/fusionx.payment.v1.PaymentService/ListPayments",
    payment_service_pb2.ListPaymentsResponse,
    "payments",
    payment_pb2.Payment,
)
_EXPORT_PAYMENTS = Export("/fusionx.payment.v1.PaymentService/ExportPayments")
_SET_PROVIDER_ACCOUNT = Call(
    "/fusionx.payment.v1.ProviderAccountService/SetProviderAccount",
    provider_account_service_pb2.ProviderAccount,
    writes=True,
)
_GET_PROVIDER_ACCOUNT = Call(
    "/fusionx.payment.v1.ProviderAccountService/GetProviderAccount",
    provider_account_service_pb2.ProviderAccount,
    writes=False,
)
_LIST_PROVIDER_ACCOUNTS = Listing(
    "/fusionx.payment.v1.ProviderAccountService/ListProviderAccounts",
    provider_account_service_pb2.ListProviderAccountsResponse,
    "provider_accounts",
    provider_account_service_pb2.ProviderAccount,
)
_DELETE_PROVIDER_ACCOUNT = Call(
    "/fusionx.payment.v1.ProviderAccountService/DeleteProviderAccount",
    provider_account_service_pb2.ProviderAccount,
    writes=True,
)
_CHECK_PROVIDER_ACCOUNT = Call(
    "/fusionx.payment.v1.ProviderAccountService/CheckProviderAccount",
    provider_account_service_pb2.CheckProviderAccountResponse,
    writes=False,
)
_CREATE_REFUND = Call("/fusionx.payment.v1.RefundService/CreateRefund", refund_pb2.Refund, writes=True)
_GET_REFUND = Call("/fusionx.payment.v1.RefundService/GetRefund", refund_pb2.Refund, writes=False)
_LIST_REFUNDS = Listing(
    "/fusionx.payment.v1.RefundService/ListRefunds",
    refund_service_pb2.ListRefundsResponse,
    "refunds",
    refund_pb2.Refund,
)
_EXPORT_REFUNDS = Export("/fusionx.payment.v1.RefundService/ExportRefunds")
_GET_ROUTING_POLICY = Call(
    "/fusionx.payment.v1.RoutingService/GetRoutingPolicy", routing_service_pb2.RoutingPolicy, writes=False
)
_UPDATE_ROUTING_POLICY = Call(
    "/fusionx.payment.v1.RoutingService/UpdateRoutingPolicy", routing_service_pb2.RoutingPolicy, writes=True
)
_PREVIEW_ROUTE = Call(
    "/fusionx.payment.v1.RoutingService/PreviewRoute", routing_service_pb2.PreviewRouteResponse, writes=False
)
_LIST_ROUTING_POLICY_VERSIONS = Listing(
    "/fusionx.payment.v1.RoutingService/ListRoutingPolicyVersions",
    routing_service_pb2.ListRoutingPolicyVersionsResponse,
    "routing_policy_versions",
    routing_service_pb2.RoutingPolicyVersion,
)
_GET_TEST_CLOCK = Call("/fusionx.payment.v1.TestClockService/GetTestClock", test_clock_pb2.TestClock, writes=False)
_ADVANCE_TEST_CLOCK = Call(
    "/fusionx.payment.v1.TestClockService/AdvanceTestClock", test_clock_pb2.TestClock, writes=True
)
_GET_ORDER_TIMELINE = Call(
    "/fusionx.payment.v1.TimelineService/GetOrderTimeline", timeline_service_pb2.OrderTimeline, writes=False
)
_LIST_PROVIDER_EXCHANGES = Listing(
    "/fusionx.payment.v1.TimelineService/ListProviderExchanges",
    timeline_service_pb2.ListProviderExchangesResponse,
    "exchanges",
    timeline_service_pb2.ProviderExchange,
)


class Events:
    """The merchant's log of events, and how each was delivered. Another merchant's event is NOT_FOUND."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, event_id: str, *, timeout: float | None = None) -> models.Event:
        """Returns one event. Errors: NOT_FOUND, reason EVENT_NOT_FOUND.

        Args:
            event_id: The event's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(event_service_pb2.GetEventRequest, event_id=event_id)
        return self._transport.call(_GET_EVENT, request, models.Event, timeout)

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        type: str | Omitted = OMITTED,
        resource_id: str | Omitted = OMITTED,
        order_id: str | Omitted = OMITTED,
        order_by: str | None = None,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        timeout: float | None = None,
    ) -> Pages[models.Event]:
        """Lists the merchant's events, newest first unless `order_by` says otherwise. Pages follow AIP-158.

        Errors: INVALID_ARGUMENT when the type is not one that there is; the nearest names are listed.

        Args:
            page_size: How many events at the most, up to 100. Left out or 0: 20.
            page_token: `next_page_token` of the page before; empty for the first page.
            type: Only events of this type: a name such as `order.succeeded`, or a family such as `order.*`.
            resource_id: Only events of this resource: the id of an order, a payment, a refund or a dispute.
            order_id: Only events of this order and of what belongs to it.
            order_by: `create_time desc`, which is the default: the newest first; or `create_time asc`.
            create_time_from: Only events that happened at this time or later (RFC 3339).
            create_time_to: Only events that happened before this time: a span includes its start and not its end.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            event_service_pb2.ListEventsRequest,
            ("type", "resource_id", "order_id", "create_time_from", "create_time_to"),
            page_size=page_size,
            page_token=page_token,
            type=type,
            resource_id=resource_id,
            order_id=order_id,
            order_by=order_by,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
        )
        return self._transport.pages(_LIST_EVENTS, request, models.Event, timeout)

    def list_deliveries(self, event_id: str, *, timeout: float | None = None) -> Pages[models.Delivery]:
        """Lists an event's deliveries, one an endpoint or channel, each with all of its attempts; of more than 200 the
        newest.

        Errors: NOT_FOUND, reason EVENT_NOT_FOUND.

        Args:
            event_id: The event's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(event_service_pb2.ListEventDeliveriesRequest, event_id=event_id)
        return self._transport.pages(_LIST_EVENT_DELIVERIES, request, models.Delivery, timeout)

    def resend(
        self,
        event_id: str,
        *,
        webhook_endpoint_id: str | Omitted = OMITTED,
        notification_channel_id: str | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.ListEventDeliveriesResponse:
        """Sends an event again, now and by a schedule of its own, whether it was delivered or not. An endpoint or
        channel that is named gets it whatever its filters; otherwise all do that are enabled and whose filters take
        the event.

        Errors: NOT_FOUND, reasons EVENT_NOT_FOUND, WEBHOOK_ENDPOINT_NOT_FOUND and NOTIFICATION_CHANNEL_NOT_FOUND;
        FAILED_PRECONDITION, reason ENDPOINT_DISABLED; RESOURCE_EXHAUSTED, reason TOO_MANY_CALLS, for a merchant who
        has had 30,000 deliveries sent again lately: 100 more may be with each second.

        Args:
            event_id: The event's id.
            webhook_endpoint_id: Only to this webhook endpoint. Without it, and without a channel: to all that the event
                is for.
            notification_channel_id: To this notification channel, whatever its filters; to both when a webhook endpoint
                is named as well.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            event_service_pb2.ResendEventRequest,
            ("webhook_endpoint_id", "notification_channel_id"),
            event_id=event_id,
            webhook_endpoint_id=webhook_endpoint_id,
            notification_channel_id=notification_channel_id,
        )
        return self._transport.call(
            _RESEND_EVENT, request, models.ListEventDeliveriesResponse, timeout, idempotency_key
        )

    def resend_many(
        self,
        *,
        start_time: Moment,
        end_time: Moment,
        event_types: Sequence[str] | Omitted = OMITTED,
        webhook_endpoint_id: str | Omitted = OMITTED,
        notification_channel_id: str | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.ResendEventsResponse:
        """Sends all events of a span of time again, each as `ResendEvent` does.

        Errors: INVALID_ARGUMENT when the span is empty or longer than 30 days, reason EVENT_TYPE_UNKNOWN, and reason
        TOO_MANY_EVENTS when it holds more than 10,000 events, or makes more than 30,000 deliveries; NOT_FOUND,
        reasons WEBHOOK_ENDPOINT_NOT_FOUND and NOTIFICATION_CHANNEL_NOT_FOUND; FAILED_PRECONDITION, reason
        ENDPOINT_DISABLED. Nothing is sent then.

        Args:
            start_time: Only events that happened at this time or later.
            end_time: Only events that happened before this time: later than the start, by 30 days at the most.
            event_types: Only events of these types: names such as `order.succeeded`, families such as `order.*`. Left
                out: all.
            webhook_endpoint_id: Only to this webhook endpoint, whatever its filters. Without it, and without a channel:
                to all that an event is for.
            notification_channel_id: To this notification channel, whatever its filters; to both when a webhook endpoint
                is named as well.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            event_service_pb2.ResendEventsRequest,
            ("event_types", "webhook_endpoint_id", "notification_channel_id"),
            start_time=moment(start_time),
            end_time=moment(end_time),
            event_types=event_types,
            webhook_endpoint_id=webhook_endpoint_id,
            notification_channel_id=notification_channel_id,
        )
        return self._transport.call(_RESEND_EVENTS, request, models.ResendEventsResponse, timeout, idempotency_key)

    def stream(
        self, *, last_event_id: str | None = None, event_types: Sequence[str] | Omitted = OMITTED
    ) -> Iterator[models.Event]:
        """Streams events as they come into the log, as Server-Sent Events (WHATWG HTML): `id` is the event's, `event`
        its type, and `data` the JSON document that a webhook of it carries.

        It goes on after the event that the header `Last-Event-ID` names, or else `last_event_id`; without both it
        begins now. It ends by itself after 15 minutes, whenever the service restarts, and within a second when its
        key has ended: connect again with the last id, and nothing is missed and nothing comes twice. A comment every
        15 seconds keeps it open.

        Errors: NOT_FOUND, reason EVENT_NOT_FOUND, when there is no event to go on after; INVALID_ARGUMENT, reason
        EVENT_TYPE_UNKNOWN; RESOURCE_EXHAUSTED, reason TOO_MANY_STREAMS.

        The iteration opens it, and opens it again by itself whenever it ends or breaks, after the last event that it
        had.

        Args:
            last_event_id: Go on after this event. `00000000-0000-0000-0000-000000000000` is before the first one. Left
                out: from now on. The header `Last-Event-ID`, which clients of such streams send when they connect
                again, goes before it.
            event_types: Only events of these types: names such as `order.succeeded`, families such as `order.*`. Left
                out: all.
        """
        request = made(
            event_service_pb2.StreamEventsRequest,
            ("event_types",),
            last_event_id=last_event_id,
            event_types=event_types,
        )
        return self._transport.events(_STREAM_EVENTS, request)


class AsyncEvents:
    """The merchant's log of events, and how each was delivered. Another merchant's event is NOT_FOUND."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(self, event_id: str, *, timeout: float | None = None) -> models.Event:
        """Returns one event. Errors: NOT_FOUND, reason EVENT_NOT_FOUND.

        Args:
            event_id: The event's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(event_service_pb2.GetEventRequest, event_id=event_id)
        return await self._transport.call(_GET_EVENT, request, models.Event, timeout)

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        type: str | Omitted = OMITTED,
        resource_id: str | Omitted = OMITTED,
        order_id: str | Omitted = OMITTED,
        order_by: str | None = None,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        timeout: float | None = None,
    ) -> AsyncPages[models.Event]:
        """Lists the merchant's events, newest first unless `order_by` says otherwise. Pages follow AIP-158.

        Errors: INVALID_ARGUMENT when the type is not one that there is; the nearest names are listed.

        Args:
            page_size: How many events at the most, up to 100. Left out or 0: 20.
            page_token: `next_page_token` of the page before; empty for the first page.
            type: Only events of this type: a name such as `order.succeeded`, or a family such as `order.*`.
            resource_id: Only events of this resource: the id of an order, a payment, a refund or a dispute.
            order_id: Only events of this order and of what belongs to it.
            order_by: `create_time desc`, which is the default: the newest first; or `create_time asc`.
            create_time_from: Only events that happened at this time or later (RFC 3339).
            create_time_to: Only events that happened before this time: a span includes its start and not its end.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            event_service_pb2.ListEventsRequest,
            ("type", "resource_id", "order_id", "create_time_from", "create_time_to"),
            page_size=page_size,
            page_token=page_token,
            type=type,
            resource_id=resource_id,
            order_id=order_id,
            order_by=order_by,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
        )
        return self._transport.pages(_LIST_EVENTS, request, models.Event, timeout)

    def list_deliveries(self, event_id: str, *, timeout: float | None = None) -> AsyncPages[models.Delivery]:
        """Lists an event's deliveries, one an endpoint or channel, each with all of its attempts; of more than 200 the
        newest.

        Errors: NOT_FOUND, reason EVENT_NOT_FOUND.

        Args:
            event_id: The event's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(event_service_pb2.ListEventDeliveriesRequest, event_id=event_id)
        return self._transport.pages(_LIST_EVENT_DELIVERIES, request, models.Delivery, timeout)

    async def resend(
        self,
        event_id: str,
        *,
        webhook_endpoint_id: str | Omitted = OMITTED,
        notification_channel_id: str | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.ListEventDeliveriesResponse:
        """Sends an event again, now and by a schedule of its own, whether it was delivered or not. An endpoint or
        channel that is named gets it whatever its filters; otherwise all do that are enabled and whose filters take
        the event.

        Errors: NOT_FOUND, reasons EVENT_NOT_FOUND, WEBHOOK_ENDPOINT_NOT_FOUND and NOTIFICATION_CHANNEL_NOT_FOUND;
        FAILED_PRECONDITION, reason ENDPOINT_DISABLED; RESOURCE_EXHAUSTED, reason TOO_MANY_CALLS, for a merchant who
        has had 30,000 deliveries sent again lately: 100 more may be with each second.

        Args:
            event_id: The event's id.
            webhook_endpoint_id: Only to this webhook endpoint. Without it, and without a channel: to all that the event
                is for.
            notification_channel_id: To this notification channel, whatever its filters; to both when a webhook endpoint
                is named as well.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            event_service_pb2.ResendEventRequest,
            ("webhook_endpoint_id", "notification_channel_id"),
            event_id=event_id,
            webhook_endpoint_id=webhook_endpoint_id,
            notification_channel_id=notification_channel_id,
        )
        return await self._transport.call(
            _RESEND_EVENT, request, models.ListEventDeliveriesResponse, timeout, idempotency_key
        )

    async def resend_many(
        self,
        *,
        start_time: Moment,
        end_time: Moment,
        event_types: Sequence[str] | Omitted = OMITTED,
        webhook_endpoint_id: str | Omitted = OMITTED,
        notification_channel_id: str | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.ResendEventsResponse:
        """Sends all events of a span of time again, each as `ResendEvent` does.

        Errors: INVALID_ARGUMENT when the span is empty or longer than 30 days, reason EVENT_TYPE_UNKNOWN, and reason
        TOO_MANY_EVENTS when it holds more than 10,000 events, or makes more than 30,000 deliveries; NOT_FOUND,
        reasons WEBHOOK_ENDPOINT_NOT_FOUND and NOTIFICATION_CHANNEL_NOT_FOUND; FAILED_PRECONDITION, reason
        ENDPOINT_DISABLED. Nothing is sent then.

        Args:
            start_time: Only events that happened at this time or later.
            end_time: Only events that happened before this time: later than the start, by 30 days at the most.
            event_types: Only events of these types: names such as `order.succeeded`, families such as `order.*`. Left
                out: all.
            webhook_endpoint_id: Only to this webhook endpoint, whatever its filters. Without it, and without a channel:
                to all that an event is for.
            notification_channel_id: To this notification channel, whatever its filters; to both when a webhook endpoint
                is named as well.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            event_service_pb2.ResendEventsRequest,
            ("event_types", "webhook_endpoint_id", "notification_channel_id"),
            start_time=moment(start_time),
            end_time=moment(end_time),
            event_types=event_types,
            webhook_endpoint_id=webhook_endpoint_id,
            notification_channel_id=notification_channel_id,
        )
        return await self._transport.call(
            _RESEND_EVENTS, request, models.ResendEventsResponse, timeout, idempotency_key
        )

    def stream(
        self, *, last_event_id: str | None = None, event_types: Sequence[str] | Omitted = OMITTED
    ) -> AsyncIterator[models.Event]:
        """Streams events as they come into the log, as Server-Sent Events (WHATWG HTML): `id` is the event's, `event`
        its type, and `data` the JSON document that a webhook of it carries.

        It goes on after the event that the header `Last-Event-ID` names, or else `last_event_id`; without both it
        begins now. It ends by itself after 15 minutes, whenever the service restarts, and within a second when its
        key has ended: connect again with the last id, and nothing is missed and nothing comes twice. A comment every
        15 seconds keeps it open.

        Errors: NOT_FOUND, reason EVENT_NOT_FOUND, when there is no event to go on after; INVALID_ARGUMENT, reason
        EVENT_TYPE_UNKNOWN; RESOURCE_EXHAUSTED, reason TOO_MANY_STREAMS.

        The iteration opens it, and opens it again by itself whenever it ends or breaks, after the last event that it
        had.

        Args:
            last_event_id: Go on after this event. `00000000-0000-0000-0000-000000000000` is before the first one. Left
                out: from now on. The header `Last-Event-ID`, which clients of such streams send when they connect
                again, goes before it.
            event_types: Only events of these types: names such as `order.succeeded`, families such as `order.*`. Left
                out: all.
        """
        request = made(
            event_service_pb2.StreamEventsRequest,
            ("event_types",),
            last_event_id=last_event_id,
            event_types=event_types,
        )
        return self._transport.events(_STREAM_EVENTS, request)


class NotificationChannels:
    """Where a merchant's people are notified of events: mailboxes and browsers. What is sent to them is queued,
    filtered, retried and logged as webhooks are. Another merchant's channel is NOT_FOUND.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        email: notification_channel_pb2.Email | None = None,
        push: notification_channel_pb2.PushSubscription | None = None,
        event_types: Sequence[str] | Omitted = OMITTED,
        description: str | None = None,
        language: notification_channel_pb2.NotificationChannel.Language.ValueType | str | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.NotificationChannel:
        """Adds a mailbox or a browser. A merchant has up to 20. Idempotent with an `Idempotency-Key` header.

        A mailbox is sent a token at once, and nothing else until it is confirmed (`ConfirmNotificationChannel`).
        When the mail cannot be sent, there is no channel.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest` for an address that is none or that the mail server
        refuses (reason EMAIL_REFUSED), for keys that are none, for a URL that may not be called (reason
        URL_REFUSED), and for types of events that there are none of (reason EVENT_TYPE_UNKNOWN);
        FAILED_PRECONDITION, reasons TOO_MANY_CHANNELS, EMAIL_NOT_CONFIGURED and PUSH_NOT_CONFIGURED;
        RESOURCE_EXHAUSTED, reason TOO_MANY_CONFIRMATIONS; UNAVAILABLE, reason EMAIL_NOT_SENT.

        Args:
            email: By e-mail.
            push: By Web Push: the browser's `PushSubscription.toJSON()` as it is.
            event_types: The types of events that it gets: names such as `order.succeeded`, families such as `order.*`,
                or `*` for all. Left out: all.
            description: The merchant's own words for it.
            language: The language of the words that it gets. Left out: English.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notification_channel_service_pb2.CreateNotificationChannelRequest,
            ("event_types",),
            email=email,
            push=push,
            event_types=event_types,
            description=description,
            language=language,
        )
        return self._transport.call(
            _CREATE_NOTIFICATION_CHANNEL, request, models.NotificationChannel, timeout, idempotency_key
        )

    def get(self, notification_channel_id: str, *, timeout: float | None = None) -> models.NotificationChannel:
        """Returns one channel. Errors: NOT_FOUND, reason NOTIFICATION_CHANNEL_NOT_FOUND.

        Args:
            notification_channel_id: The channel's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            notification_channel_service_pb2.GetNotificationChannelRequest,
            notification_channel_id=notification_channel_id,
        )
        return self._transport.call(_GET_NOTIFICATION_CHANNEL, request, models.NotificationChannel, timeout)

    def list(self, *, timeout: float | None = None) -> Pages[models.NotificationChannel]:
        """Lists the merchant's channels, oldest first: 20 at the most, so there are no pages.

        Args:
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(notification_channel_service_pb2.ListNotificationChannelsRequest)
        return self._transport.pages(_LIST_NOTIFICATION_CHANNELS, request, models.NotificationChannel, timeout)

    def update(
        self,
        notification_channel_id: str,
        *,
        event_types: Sequence[str] | Omitted = OMITTED,
        description: str | Omitted = OMITTED,
        enabled: bool | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.NotificationChannel:
        """Changes what is given and leaves the rest as it is. Enabling a channel forgets its failures; disabling it
        cancels what is on its way to it. Where it leads cannot be changed: make another one.

        Errors: NOT_FOUND, reason NOTIFICATION_CHANNEL_NOT_FOUND; INVALID_ARGUMENT, reason EVENT_TYPE_UNKNOWN;
        FAILED_PRECONDITION, reason CHANNEL_UNCONFIRMED, when a mailbox is enabled that is not confirmed.

        Args:
            notification_channel_id: The channel's id.
            event_types: The types of events that it gets: names such as `order.succeeded`, families such as `order.*`,
                or `*` for all. Left out or empty: as they were.
            description: The merchant's own words for it.
            enabled: Whether events are sent to it.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notification_channel_service_pb2.UpdateNotificationChannelRequest,
            ("event_types", "description", "enabled"),
            notification_channel_id=notification_channel_id,
            event_types=event_types,
            description=description,
            enabled=enabled,
        )
        return self._transport.call(
            _UPDATE_NOTIFICATION_CHANNEL, request, models.NotificationChannel, timeout, idempotency_key
        )

    def delete(
        self, notification_channel_id: str, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.NotificationChannel:
        """Deletes a channel and cancels what is on its way to it. Returns it as it was, disabled.

        Errors: NOT_FOUND, reason NOTIFICATION_CHANNEL_NOT_FOUND.

        Args:
            notification_channel_id: The channel's id.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notification_channel_service_pb2.DeleteNotificationChannelRequest,
            notification_channel_id=notification_channel_id,
        )
        return self._transport.call(
            _DELETE_NOTIFICATION_CHANNEL, request, models.NotificationChannel, timeout, idempotency_key
        )

    def ping(
        self, notification_channel_id: str, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.Event:
        """Sends a `ping` event to the channel, logged and retried as any other. Returns the event.

        Errors: NOT_FOUND, reason NOTIFICATION_CHANNEL_NOT_FOUND; FAILED_PRECONDITION, reason ENDPOINT_DISABLED.

        Args:
            notification_channel_id: The channel's id.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notification_channel_service_pb2.PingNotificationChannelRequest,
            notification_channel_id=notification_channel_id,
        )
        return self._transport.call(_PING_NOTIFICATION_CHANNEL, request, models.Event, timeout, idempotency_key)

    def confirm(
        self,
        notification_channel_id: str,
        *,
        token: str | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.NotificationChannel:
        """Confirms a mailbox by the token that was mailed to it: events are sent there from now on. A channel that
        waits for no confirmation is returned as it is, whatever the token.

        Errors: NOT_FOUND, reason NOTIFICATION_CHANNEL_NOT_FOUND; INVALID_ARGUMENT, reason TOKEN_INVALID, when the
        token is not the channel's, or older than 24 hours.

        Args:
            notification_channel_id: The channel's id.
            token: The token that was mailed.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notification_channel_service_pb2.ConfirmNotificationChannelRequest,
            notification_channel_id=notification_channel_id,
            token=token,
        )
        return self._transport.call(
            _CONFIRM_NOTIFICATION_CHANNEL, request, models.NotificationChannel, timeout, idempotency_key
        )


class AsyncNotificationChannels:
    """Where a merchant's people are notified of events: mailboxes and browsers. What is sent to them is queued,
    filtered, retried and logged as webhooks are. Another merchant's channel is NOT_FOUND.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        *,
        email: notification_channel_pb2.Email | None = None,
        push: notification_channel_pb2.PushSubscription | None = None,
        event_types: Sequence[str] | Omitted = OMITTED,
        description: str | None = None,
        language: notification_channel_pb2.NotificationChannel.Language.ValueType | str | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.NotificationChannel:
        """Adds a mailbox or a browser. A merchant has up to 20. Idempotent with an `Idempotency-Key` header.

        A mailbox is sent a token at once, and nothing else until it is confirmed (`ConfirmNotificationChannel`).
        When the mail cannot be sent, there is no channel.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest` for an address that is none or that the mail server
        refuses (reason EMAIL_REFUSED), for keys that are none, for a URL that may not be called (reason
        URL_REFUSED), and for types of events that there are none of (reason EVENT_TYPE_UNKNOWN);
        FAILED_PRECONDITION, reasons TOO_MANY_CHANNELS, EMAIL_NOT_CONFIGURED and PUSH_NOT_CONFIGURED;
        RESOURCE_EXHAUSTED, reason TOO_MANY_CONFIRMATIONS; UNAVAILABLE, reason EMAIL_NOT_SENT.

        Args:
            email: By e-mail.
            push: By Web Push: the browser's `PushSubscription.toJSON()` as it is.
            event_types: The types of events that it gets: names such as `order.succeeded`, families such as `order.*`,
                or `*` for all. Left out: all.
            description: The merchant's own words for it.
            language: The language of the words that it gets. Left out: English.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notification_channel_service_pb2.CreateNotificationChannelRequest,
            ("event_types",),
            email=email,
            push=push,
            event_types=event_types,
            description=description,
            language=language,
        )
        return await self._transport.call(
            _CREATE_NOTIFICATION_CHANNEL, request, models.NotificationChannel, timeout, idempotency_key
        )

    async def get(self, notification_channel_id: str, *, timeout: float | None = None) -> models.NotificationChannel:
        """Returns one channel. Errors: NOT_FOUND, reason NOTIFICATION_CHANNEL_NOT_FOUND.

        Args:
            notification_channel_id: The channel's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            notification_channel_service_pb2.GetNotificationChannelRequest,
            notification_channel_id=notification_channel_id,
        )
        return await self._transport.call(_GET_NOTIFICATION_CHANNEL, request, models.NotificationChannel, timeout)

    def list(self, *, timeout: float | None = None) -> AsyncPages[models.NotificationChannel]:
        """Lists the merchant's channels, oldest first: 20 at the most, so there are no pages.

        Args:
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(notification_channel_service_pb2.ListNotificationChannelsRequest)
        return self._transport.pages(_LIST_NOTIFICATION_CHANNELS, request, models.NotificationChannel, timeout)

    async def update(
        self,
        notification_channel_id: str,
        *,
        event_types: Sequence[str] | Omitted = OMITTED,
        description: str | Omitted = OMITTED,
        enabled: bool | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.NotificationChannel:
        """Changes what is given and leaves the rest as it is. Enabling a channel forgets its failures; disabling it
        cancels what is on its way to it. Where it leads cannot be changed: make another one.

        Errors: NOT_FOUND, reason NOTIFICATION_CHANNEL_NOT_FOUND; INVALID_ARGUMENT, reason EVENT_TYPE_UNKNOWN;
        FAILED_PRECONDITION, reason CHANNEL_UNCONFIRMED, when a mailbox is enabled that is not confirmed.

        Args:
            notification_channel_id: The channel's id.
            event_types: The types of events that it gets: names such as `order.succeeded`, families such as `order.*`,
                or `*` for all. Left out or empty: as they were.
            description: The merchant's own words for it.
            enabled: Whether events are sent to it.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notification_channel_service_pb2.UpdateNotificationChannelRequest,
            ("event_types", "description", "enabled"),
            notification_channel_id=notification_channel_id,
            event_types=event_types,
            description=description,
            enabled=enabled,
        )
        return await self._transport.call(
            _UPDATE_NOTIFICATION_CHANNEL, request, models.NotificationChannel, timeout, idempotency_key
        )

    async def delete(
        self, notification_channel_id: str, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.NotificationChannel:
        """Deletes a channel and cancels what is on its way to it. Returns it as it was, disabled.

        Errors: NOT_FOUND, reason NOTIFICATION_CHANNEL_NOT_FOUND.

        Args:
            notification_channel_id: The channel's id.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notification_channel_service_pb2.DeleteNotificationChannelRequest,
            notification_channel_id=notification_channel_id,
        )
        return await self._transport.call(
            _DELETE_NOTIFICATION_CHANNEL, request, models.NotificationChannel, timeout, idempotency_key
        )

    async def ping(
        self, notification_channel_id: str, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.Event:
        """Sends a `ping` event to the channel, logged and retried as any other. Returns the event.

        Errors: NOT_FOUND, reason NOTIFICATION_CHANNEL_NOT_FOUND; FAILED_PRECONDITION, reason ENDPOINT_DISABLED.

        Args:
            notification_channel_id: The channel's id.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notification_channel_service_pb2.PingNotificationChannelRequest,
            notification_channel_id=notification_channel_id,
        )
        return await self._transport.call(_PING_NOTIFICATION_CHANNEL, request, models.Event, timeout, idempotency_key)

    async def confirm(
        self,
        notification_channel_id: str,
        *,
        token: str | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.NotificationChannel:
        """Confirms a mailbox by the token that was mailed to it: events are sent there from now on. A channel that
        waits for no confirmation is returned as it is, whatever the token.

        Errors: NOT_FOUND, reason NOTIFICATION_CHANNEL_NOT_FOUND; INVALID_ARGUMENT, reason TOKEN_INVALID, when the
        token is not the channel's, or older than 24 hours.

        Args:
            notification_channel_id: The channel's id.
            token: The token that was mailed.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notification_channel_service_pb2.ConfirmNotificationChannelRequest,
            notification_channel_id=notification_channel_id,
            token=token,
        )
        return await self._transport.call(
            _CONFIRM_NOTIFICATION_CHANNEL, request, models.NotificationChannel, timeout, idempotency_key
        )


class WebhookEndpoints:
    """Where a merchant's server is notified of events. Another merchant's endpoint is NOT_FOUND."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        url: str,
        event_types: Sequence[str] | Omitted = OMITTED,
        description: str | None = None,
        signature_scheme: webhook_endpoint_pb2.SignatureScheme.ValueType | str | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.WebhookEndpoint:
        """Registers a URL that the merchant's events are posted to from now on. A merchant has up to 20.

        Deliveries are signed by Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`) with the
        secret in the answer, which is shown only here. Idempotent with an `Idempotency-Key` header, as CreateOrder
        is.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest` when the URL is not one that may be called (reason
        URL_REFUSED), or when there is no such type of events (reason EVENT_TYPE_UNKNOWN, with the nearest names);
        ALREADY_EXISTS, reason ENDPOINT_EXISTS, when an enabled endpoint of the merchant sends the same types of
        events to the same URL, which `webhook_endpoint_id` in its metadata names; FAILED_PRECONDITION, reason
        TOO_MANY_ENDPOINTS.

        Args:
            url: An absolute https URL without credentials, up to 2,048 characters, that leads to a public address. http
                is taken only where the operator allows it, for development.
            event_types: The types of events that it gets: names such as `order.succeeded`, families such as `order.*`,
                or `*` for all. Left out: all.
            description: The merchant's own words for it.
            signature_scheme: How its events are signed; it cannot be changed. Left out: HMAC_SHA256.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notify_service_pb2.CreateWebhookEndpointRequest,
            ("event_types",),
            url=url,
            event_types=event_types,
            description=description,
            signature_scheme=signature_scheme,
        )
        return self._transport.call(_CREATE_WEBHOOK_ENDPOINT, request, models.WebhookEndpoint, timeout, idempotency_key)

    def get(self, webhook_endpoint_id: str, *, timeout: float | None = None) -> models.WebhookEndpoint:
        """Returns one endpoint, without its secret. Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND.

        Args:
            webhook_endpoint_id: The endpoint's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(notify_service_pb2.GetWebhookEndpointRequest, webhook_endpoint_id=webhook_endpoint_id)
        return self._transport.call(_GET_WEBHOOK_ENDPOINT, request, models.WebhookEndpoint, timeout)

    def list(self, *, timeout: float | None = None) -> Pages[models.WebhookEndpoint]:
        """Lists the merchant's endpoints, oldest first, without their secrets: 20 at the most, so there are no pages.

        Args:
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(notify_service_pb2.ListWebhookEndpointsRequest)
        return self._transport.pages(_LIST_WEBHOOK_ENDPOINTS, request, models.WebhookEndpoint, timeout)

    def update(
        self,
        webhook_endpoint_id: str,
        *,
        url: str | Omitted = OMITTED,
        event_types: Sequence[str] | Omitted = OMITTED,
        description: str | Omitted = OMITTED,
        enabled: bool | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.WebhookEndpoint:
        """Changes what is given and leaves the rest as it is. Enabling an endpoint forgets its failures; disabling it
        cancels what is on its way to it.

        Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND; INVALID_ARGUMENT and ALREADY_EXISTS as at the creation.

        Args:
            webhook_endpoint_id: The endpoint's id.
            url: Where events are posted to from now on, also those on their way.
            event_types: The types of events that it gets: names such as `order.succeeded`, families such as `order.*`,
                or `*` for all. Left out or empty: as they were.
            description: The merchant's own words for it.
            enabled: Whether events are sent to it.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notify_service_pb2.UpdateWebhookEndpointRequest,
            ("url", "event_types", "description", "enabled"),
            webhook_endpoint_id=webhook_endpoint_id,
            url=url,
            event_types=event_types,
            description=description,
            enabled=enabled,
        )
        return self._transport.call(_UPDATE_WEBHOOK_ENDPOINT, request, models.WebhookEndpoint, timeout, idempotency_key)

    def delete(
        self, webhook_endpoint_id: str, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.WebhookEndpoint:
        """Deletes an endpoint and cancels what is on its way to it. Returns it as it was, disabled.

        Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND.

        Args:
            webhook_endpoint_id: The endpoint's id.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(notify_service_pb2.DeleteWebhookEndpointRequest, webhook_endpoint_id=webhook_endpoint_id)
        return self._transport.call(_DELETE_WEBHOOK_ENDPOINT, request, models.WebhookEndpoint, timeout, idempotency_key)

    def ping(
        self, webhook_endpoint_id: str, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.Event:
        """Sends a `ping` event to the endpoint, signed, logged and retried as any other. Returns the event.

        Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND; FAILED_PRECONDITION, reason ENDPOINT_DISABLED.

        Args:
            webhook_endpoint_id: The endpoint's id.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(notify_service_pb2.PingWebhookEndpointRequest, webhook_endpoint_id=webhook_endpoint_id)
        return self._transport.call(_PING_WEBHOOK_ENDPOINT, request, models.Event, timeout, idempotency_key)

    def rotate_secret(
        self,
        webhook_endpoint_id: str,
        *,
        overlap: Span | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.WebhookEndpoint:
        """Gives the endpoint a new secret, which is shown only in this answer.

        During the overlap deliveries carry the signatures of both secrets, separated by a space (Standard Webhooks),
        so a receiver may hold either; afterwards only that of the new one. A secret that an earlier rotation was
        replacing ends at once. Idempotent with an `Idempotency-Key` header.

        Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND.

        Args:
            webhook_endpoint_id: The endpoint's id.
            overlap: How long the old secret signs too, up to 7 days; `0s` ends it at once. Left out: 24 hours.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notify_service_pb2.RotateWebhookEndpointSecretRequest,
            ("overlap",),
            webhook_endpoint_id=webhook_endpoint_id,
            overlap=span(overlap),
        )
        return self._transport.call(
            _ROTATE_WEBHOOK_ENDPOINT_SECRET, request, models.WebhookEndpoint, timeout, idempotency_key
        )

    def list_deliveries(
        self,
        webhook_endpoint_id: str | Omitted = OMITTED,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        statuses: Sequence[event_pb2.Delivery.Status.ValueType | str] | Omitted = OMITTED,
        order_by: str | None = None,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        timeout: float | None = None,
    ) -> Pages[models.Delivery]:
        """Lists what was put on its way to an endpoint, or at `/v1/deliveries` to all that there are, the newest event
        first, each delivery with all of its attempts: with `statuses=FAILED` what was never taken. Pages follow
        AIP-158.

        Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND.

        Args:
            webhook_endpoint_id: Only deliveries to this endpoint. Left out: to all.
            page_size: How many deliveries at the most, up to 100. Left out or 0: 20.
            page_token: `next_page_token` of the page before; empty for the first page.
            statuses: Only deliveries in one of these statuses.
            order_by: `create_time desc`, which is the default: the newest event first; or `create_time asc`.
            create_time_from: Only deliveries of events that happened at this time or later (RFC 3339).
            create_time_to: Only deliveries of events that happened before this time: a span includes its start and not
                its end.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            notify_service_pb2.ListWebhookEndpointDeliveriesRequest,
            ("webhook_endpoint_id", "statuses", "create_time_from", "create_time_to"),
            webhook_endpoint_id=webhook_endpoint_id,
            page_size=page_size,
            page_token=page_token,
            statuses=statuses,
            order_by=order_by,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
        )
        return self._transport.pages(_LIST_WEBHOOK_ENDPOINT_DELIVERIES, request, models.Delivery, timeout)


class AsyncWebhookEndpoints:
    """Where a merchant's server is notified of events. Another merchant's endpoint is NOT_FOUND."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        *,
        url: str,
        event_types: Sequence[str] | Omitted = OMITTED,
        description: str | None = None,
        signature_scheme: webhook_endpoint_pb2.SignatureScheme.ValueType | str | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.WebhookEndpoint:
        """Registers a URL that the merchant's events are posted to from now on. A merchant has up to 20.

        Deliveries are signed by Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`) with the
        secret in the answer, which is shown only here. Idempotent with an `Idempotency-Key` header, as CreateOrder
        is.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest` when the URL is not one that may be called (reason
        URL_REFUSED), or when there is no such type of events (reason EVENT_TYPE_UNKNOWN, with the nearest names);
        ALREADY_EXISTS, reason ENDPOINT_EXISTS, when an enabled endpoint of the merchant sends the same types of
        events to the same URL, which `webhook_endpoint_id` in its metadata names; FAILED_PRECONDITION, reason
        TOO_MANY_ENDPOINTS.

        Args:
            url: An absolute https URL without credentials, up to 2,048 characters, that leads to a public address. http
                is taken only where the operator allows it, for development.
            event_types: The types of events that it gets: names such as `order.succeeded`, families such as `order.*`,
                or `*` for all. Left out: all.
            description: The merchant's own words for it.
            signature_scheme: How its events are signed; it cannot be changed. Left out: HMAC_SHA256.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notify_service_pb2.CreateWebhookEndpointRequest,
            ("event_types",),
            url=url,
            event_types=event_types,
            description=description,
            signature_scheme=signature_scheme,
        )
        return await self._transport.call(
            _CREATE_WEBHOOK_ENDPOINT, request, models.WebhookEndpoint, timeout, idempotency_key
        )

    async def get(self, webhook_endpoint_id: str, *, timeout: float | None = None) -> models.WebhookEndpoint:
        """Returns one endpoint, without its secret. Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND.

        Args:
            webhook_endpoint_id: The endpoint's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(notify_service_pb2.GetWebhookEndpointRequest, webhook_endpoint_id=webhook_endpoint_id)
        return await self._transport.call(_GET_WEBHOOK_ENDPOINT, request, models.WebhookEndpoint, timeout)

    def list(self, *, timeout: float | None = None) -> AsyncPages[models.WebhookEndpoint]:
        """Lists the merchant's endpoints, oldest first, without their secrets: 20 at the most, so there are no pages.

        Args:
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(notify_service_pb2.ListWebhookEndpointsRequest)
        return self._transport.pages(_LIST_WEBHOOK_ENDPOINTS, request, models.WebhookEndpoint, timeout)

    async def update(
        self,
        webhook_endpoint_id: str,
        *,
        url: str | Omitted = OMITTED,
        event_types: Sequence[str] | Omitted = OMITTED,
        description: str | Omitted = OMITTED,
        enabled: bool | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.WebhookEndpoint:
        """Changes what is given and leaves the rest as it is. Enabling an endpoint forgets its failures; disabling it
        cancels what is on its way to it.

        Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND; INVALID_ARGUMENT and ALREADY_EXISTS as at the creation.

        Args:
            webhook_endpoint_id: The endpoint's id.
            url: Where events are posted to from now on, also those on their way.
            event_types: The types of events that it gets: names such as `order.succeeded`, families such as `order.*`,
                or `*` for all. Left out or empty: as they were.
            description: The merchant's own words for it.
            enabled: Whether events are sent to it.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notify_service_pb2.UpdateWebhookEndpointRequest,
            ("url", "event_types", "description", "enabled"),
            webhook_endpoint_id=webhook_endpoint_id,
            url=url,
            event_types=event_types,
            description=description,
            enabled=enabled,
        )
        return await self._transport.call(
            _UPDATE_WEBHOOK_ENDPOINT, request, models.WebhookEndpoint, timeout, idempotency_key
        )

    async def delete(
        self, webhook_endpoint_id: str, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.WebhookEndpoint:
        """Deletes an endpoint and cancels what is on its way to it. Returns it as it was, disabled.

        Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND.

        Args:
            webhook_endpoint_id: The endpoint's id.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(notify_service_pb2.DeleteWebhookEndpointRequest, webhook_endpoint_id=webhook_endpoint_id)
        return await self._transport.call(
            _DELETE_WEBHOOK_ENDPOINT, request, models.WebhookEndpoint, timeout, idempotency_key
        )

    async def ping(
        self, webhook_endpoint_id: str, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.Event:
        """Sends a `ping` event to the endpoint, signed, logged and retried as any other. Returns the event.

        Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND; FAILED_PRECONDITION, reason ENDPOINT_DISABLED.

        Args:
            webhook_endpoint_id: The endpoint's id.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(notify_service_pb2.PingWebhookEndpointRequest, webhook_endpoint_id=webhook_endpoint_id)
        return await self._transport.call(_PING_WEBHOOK_ENDPOINT, request, models.Event, timeout, idempotency_key)

    async def rotate_secret(
        self,
        webhook_endpoint_id: str,
        *,
        overlap: Span | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.WebhookEndpoint:
        """Gives the endpoint a new secret, which is shown only in this answer.

        During the overlap deliveries carry the signatures of both secrets, separated by a space (Standard Webhooks),
        so a receiver may hold either; afterwards only that of the new one. A secret that an earlier rotation was
        replacing ends at once. Idempotent with an `Idempotency-Key` header.

        Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND.

        Args:
            webhook_endpoint_id: The endpoint's id.
            overlap: How long the old secret signs too, up to 7 days; `0s` ends it at once. Left out: 24 hours.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            notify_service_pb2.RotateWebhookEndpointSecretRequest,
            ("overlap",),
            webhook_endpoint_id=webhook_endpoint_id,
            overlap=span(overlap),
        )
        return await self._transport.call(
            _ROTATE_WEBHOOK_ENDPOINT_SECRET, request, models.WebhookEndpoint, timeout, idempotency_key
        )

    def list_deliveries(
        self,
        webhook_endpoint_id: str | Omitted = OMITTED,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        statuses: Sequence[event_pb2.Delivery.Status.ValueType | str] | Omitted = OMITTED,
        order_by: str | None = None,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        timeout: float | None = None,
    ) -> AsyncPages[models.Delivery]:
        """Lists what was put on its way to an endpoint, or at `/v1/deliveries` to all that there are, the newest event
        first, each delivery with all of its attempts: with `statuses=FAILED` what was never taken. Pages follow
        AIP-158.

        Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND.

        Args:
            webhook_endpoint_id: Only deliveries to this endpoint. Left out: to all.
            page_size: How many deliveries at the most, up to 100. Left out or 0: 20.
            page_token: `next_page_token` of the page before; empty for the first page.
            statuses: Only deliveries in one of these statuses.
            order_by: `create_time desc`, which is the default: the newest event first; or `create_time asc`.
            create_time_from: Only deliveries of events that happened at this time or later (RFC 3339).
            create_time_to: Only deliveries of events that happened before this time: a span includes its start and not
                its end.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            notify_service_pb2.ListWebhookEndpointDeliveriesRequest,
            ("webhook_endpoint_id", "statuses", "create_time_from", "create_time_to"),
            webhook_endpoint_id=webhook_endpoint_id,
            page_size=page_size,
            page_token=page_token,
            statuses=statuses,
            order_by=order_by,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
        )
        return self._transport.pages(_LIST_WEBHOOK_ENDPOINT_DELIVERIES, request, models.Delivery, timeout)


class PushKey:
    """What browsers need before they can be added as notification channels."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, *, timeout: float | None = None) -> models.PushKey:
        """Returns what a browser subscribes with (`applicationServerKey`, RFC 8292): the gateway's public key.

        Errors: FAILED_PRECONDITION, reason PUSH_NOT_CONFIGURED.

        Args:
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(push_key_service_pb2.GetPushKeyRequest)
        return self._transport.call(_GET_PUSH_KEY, request, models.PushKey, timeout)


class AsyncPushKey:
    """What browsers need before they can be added as notification channels."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(self, *, timeout: float | None = None) -> models.PushKey:
        """Returns what a browser subscribes with (`applicationServerKey`, RFC 8292): the gateway's public key.

        Errors: FAILED_PRECONDITION, reason PUSH_NOT_CONFIGURED.

        Args:
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(push_key_service_pb2.GetPushKeyRequest)
        return await self._transport.call(_GET_PUSH_KEY, request, models.PushKey, timeout)


class Orders(Waits[models.Order]):
    """Orders, as merchants see them. Every RPC acts for the authenticated merchant; another merchant's order is
    NOT_FOUND.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        merchant_order_id: str | None = None,
        amount: Amount,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        expire_time: Moment | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.Order:
        """Creates an order in status NEW.

        Idempotent with an `Idempotency-Key` header (gRPC metadata `idempotency-key`): the same key and body give the
        same answer, marked `idempotent-replayed: true`, for 24 hours.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest`; ALREADY_EXISTS, reason IDEMPOTENCY_KEY_REUSED, when
        the key came with another body.

        Args:
            merchant_order_id: The merchant's own reference, up to 128 characters.
            amount: What is to be paid; more than zero.
            description: Free text for the customer, up to 500 characters.
            metadata: Up to 50 pairs; keys up to 40 characters, values up to 500.
            expire_time: Until when a payment may be started. Left out: 24 hours from now. At most 30 days ahead.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            order_service_pb2.CreateOrderRequest,
            merchant_order_id=merchant_order_id,
            amount=money(amount),
            description=description,
            metadata=metadata,
            expire_time=moment(expire_time),
        )
        return self._transport.call(_CREATE_ORDER, request, models.Order, timeout, idempotency_key)

    def get(self, order_id: str, *, timeout: float | None = None) -> models.Order:
        """Returns one order. Errors: NOT_FOUND, reason ORDER_NOT_FOUND.

        Args:
            order_id: The order's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(order_service_pb2.GetOrderRequest, order_id=order_id)
        return self._transport.call(_GET_ORDER, request, models.Order, timeout)

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        status: order_pb2.Order.Status.ValueType | str | Omitted = OMITTED,
        merchant_order_id: str | Omitted = OMITTED,
        statuses: Sequence[order_pb2.Order.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        order_by: str | None = None,
        metadata_key: str | Omitted = OMITTED,
        metadata_value: str | Omitted = OMITTED,
        payment_link_id: str | Omitted = OMITTED,
        timeout: float | None = None,
    ) -> Pages[models.Order]:
        """Lists the merchant's orders, newest first. Pages follow AIP-158.

        Errors: INVALID_ARGUMENT, reason PAGE_TOKEN_INVALID, when the token is not one of ours or came with other
        filters.

        Args:
            page_size: How many orders at the most, up to 100. Left out or 0: 20.
            page_token: `next_page_token` of the page before; empty for the first page.
            status: Only orders in this status.
            merchant_order_id: Only orders with this reference of the merchant's.
            statuses: Only orders in one of these statuses.
            create_time_from: Only orders that were created at this time or later (RFC 3339).
            create_time_to: Only orders that were created before this time: a span includes its start and not its end.
            update_time_from: Only orders that were last changed at this time or later (RFC 3339).
            update_time_to: Only orders that were last changed before this time: a span includes its start and not its
                end.
            currency: Only orders in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only orders of at least this amount, a decimal such as `12.00`.
            max_amount: Only orders of at most this amount, a decimal such as `12.00`.
            order_by: `create_time desc`, which is the default: the newest first; or `create_time asc`.
            metadata_key: Only orders whose `metadata` has this key, with the value of `metadata_value`.
            metadata_value: The value that the key has. Only with `metadata_key`.
            payment_link_id: Only orders of this payment link.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            order_service_pb2.ListOrdersRequest,
            (
                "status",
                "merchant_order_id",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "metadata_key",
                "metadata_value",
                "payment_link_id",
            ),
            page_size=page_size,
            page_token=page_token,
            status=status,
            merchant_order_id=merchant_order_id,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            order_by=order_by,
            metadata_key=metadata_key,
            metadata_value=metadata_value,
            payment_link_id=payment_link_id,
        )
        return self._transport.pages(_LIST_ORDERS, request, models.Order, timeout)

    def cancel(
        self, order_id: str, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.Order:
        """Cancels an order that has no payment under way. Cancelling a cancelled order returns it unchanged.

        Errors: NOT_FOUND; FAILED_PRECONDITION, reason ORDER_NOT_CANCELLABLE, when a payment has started.

        Args:
            order_id: The order's id.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(order_service_pb2.CancelOrderRequest, order_id=order_id)
        return self._transport.call(_CANCEL_ORDER, request, models.Order, timeout, idempotency_key)

    def export(
        self,
        *,
        format: str | None = None,
        merchant_order_id: str | Omitted = OMITTED,
        statuses: Sequence[order_pb2.Order.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        metadata_key: str | Omitted = OMITTED,
        metadata_value: str | Omitted = OMITTED,
        payment_link_id: str | Omitted = OMITTED,
        status: order_pb2.Order.Status.ValueType | str | Omitted = OMITTED,
    ) -> Iterator[bytes]:
        """Exports the merchant's orders as one file, oldest first, however many there are: CSV with a line for each,
        amounts as decimals in the currency's own unit and times in UTC, or JSON Lines.

        The key is asked for at the beginning: what is made after that is not in the file, and it takes an hour at
        the most. A file that could not be finished ends with the connection, as an error of the client's, and never
        as a shorter file.

        Errors: INVALID_ARGUMENT; RESOURCE_EXHAUSTED, reason TOO_MANY_EXPORTS, beside two that are under way.

        It yields the file's bytes piece by piece as they come: write each to where the file is to be. An error in
        between means that the file is not whole.

        Args:
            format: `csv`, which is the default, or `jsonl`: a line of JSON for each, as the API shows it.
            merchant_order_id: Only orders with this reference of the merchant's.
            statuses: Only orders in one of these statuses.
            create_time_from: Only orders that were created at this time or later (RFC 3339).
            create_time_to: Only orders that were created before this time: a span includes its start and not its end.
            update_time_from: Only orders that were last changed at this time or later (RFC 3339).
            update_time_to: Only orders that were last changed before this time: a span includes its start and not its
                end.
            currency: Only orders in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only orders of at least this amount, a decimal such as `12.00`.
            max_amount: Only orders of at most this amount, a decimal such as `12.00`.
            metadata_key: Only orders whose `metadata` has this key, with the value of `metadata_value`.
            metadata_value: The value that the key has. Only with `metadata_key`.
            payment_link_id: Only orders of this payment link.
            status: Only orders in this status.
        """
        request = made(
            order_service_pb2.ExportOrdersRequest,
            (
                "merchant_order_id",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "metadata_key",
                "metadata_value",
                "payment_link_id",
                "status",
            ),
            format=format,
            merchant_order_id=merchant_order_id,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            metadata_key=metadata_key,
            metadata_value=metadata_value,
            payment_link_id=payment_link_id,
            status=status,
        )
        return self._transport.content(_EXPORT_ORDERS, request)


class AsyncOrders(AsyncWaits[models.Order]):
    """Orders, as merchants see them. Every RPC acts for the authenticated merchant; another merchant's order is
    NOT_FOUND.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        *,
        merchant_order_id: str | None = None,
        amount: Amount,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        expire_time: Moment | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.Order:
        """Creates an order in status NEW.

        Idempotent with an `Idempotency-Key` header (gRPC metadata `idempotency-key`): the same key and body give the
        same answer, marked `idempotent-replayed: true`, for 24 hours.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest`; ALREADY_EXISTS, reason IDEMPOTENCY_KEY_REUSED, when
        the key came with another body.

        Args:
            merchant_order_id: The merchant's own reference, up to 128 characters.
            amount: What is to be paid; more than zero.
            description: Free text for the customer, up to 500 characters.
            metadata: Up to 50 pairs; keys up to 40 characters, values up to 500.
            expire_time: Until when a payment may be started. Left out: 24 hours from now. At most 30 days ahead.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            order_service_pb2.CreateOrderRequest,
            merchant_order_id=merchant_order_id,
            amount=money(amount),
            description=description,
            metadata=metadata,
            expire_time=moment(expire_time),
        )
        return await self._transport.call(_CREATE_ORDER, request, models.Order, timeout, idempotency_key)

    async def get(self, order_id: str, *, timeout: float | None = None) -> models.Order:
        """Returns one order. Errors: NOT_FOUND, reason ORDER_NOT_FOUND.

        Args:
            order_id: The order's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(order_service_pb2.GetOrderRequest, order_id=order_id)
        return await self._transport.call(_GET_ORDER, request, models.Order, timeout)

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        status: order_pb2.Order.Status.ValueType | str | Omitted = OMITTED,
        merchant_order_id: str | Omitted = OMITTED,
        statuses: Sequence[order_pb2.Order.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        order_by: str | None = None,
        metadata_key: str | Omitted = OMITTED,
        metadata_value: str | Omitted = OMITTED,
        payment_link_id: str | Omitted = OMITTED,
        timeout: float | None = None,
    ) -> AsyncPages[models.Order]:
        """Lists the merchant's orders, newest first. Pages follow AIP-158.

        Errors: INVALID_ARGUMENT, reason PAGE_TOKEN_INVALID, when the token is not one of ours or came with other
        filters.

        Args:
            page_size: How many orders at the most, up to 100. Left out or 0: 20.
            page_token: `next_page_token` of the page before; empty for the first page.
            status: Only orders in this status.
            merchant_order_id: Only orders with this reference of the merchant's.
            statuses: Only orders in one of these statuses.
            create_time_from: Only orders that were created at this time or later (RFC 3339).
            create_time_to: Only orders that were created before this time: a span includes its start and not its end.
            update_time_from: Only orders that were last changed at this time or later (RFC 3339).
            update_time_to: Only orders that were last changed before this time: a span includes its start and not its
                end.
            currency: Only orders in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only orders of at least this amount, a decimal such as `12.00`.
            max_amount: Only orders of at most this amount, a decimal such as `12.00`.
            order_by: `create_time desc`, which is the default: the newest first; or `create_time asc`.
            metadata_key: Only orders whose `metadata` has this key, with the value of `metadata_value`.
            metadata_value: The value that the key has. Only with `metadata_key`.
            payment_link_id: Only orders of this payment link.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            order_service_pb2.ListOrdersRequest,
            (
                "status",
                "merchant_order_id",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "metadata_key",
                "metadata_value",
                "payment_link_id",
            ),
            page_size=page_size,
            page_token=page_token,
            status=status,
            merchant_order_id=merchant_order_id,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            order_by=order_by,
            metadata_key=metadata_key,
            metadata_value=metadata_value,
            payment_link_id=payment_link_id,
        )
        return self._transport.pages(_LIST_ORDERS, request, models.Order, timeout)

    async def cancel(
        self, order_id: str, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.Order:
        """Cancels an order that has no payment under way. Cancelling a cancelled order returns it unchanged.

        Errors: NOT_FOUND; FAILED_PRECONDITION, reason ORDER_NOT_CANCELLABLE, when a payment has started.

        Args:
            order_id: The order's id.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(order_service_pb2.CancelOrderRequest, order_id=order_id)
        return await self._transport.call(_CANCEL_ORDER, request, models.Order, timeout, idempotency_key)

    def export(
        self,
        *,
        format: str | None = None,
        merchant_order_id: str | Omitted = OMITTED,
        statuses: Sequence[order_pb2.Order.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        metadata_key: str | Omitted = OMITTED,
        metadata_value: str | Omitted = OMITTED,
        payment_link_id: str | Omitted = OMITTED,
        status: order_pb2.Order.Status.ValueType | str | Omitted = OMITTED,
    ) -> AsyncIterator[bytes]:
        """Exports the merchant's orders as one file, oldest first, however many there are: CSV with a line for each,
        amounts as decimals in the currency's own unit and times in UTC, or JSON Lines.

        The key is asked for at the beginning: what is made after that is not in the file, and it takes an hour at
        the most. A file that could not be finished ends with the connection, as an error of the client's, and never
        as a shorter file.

        Errors: INVALID_ARGUMENT; RESOURCE_EXHAUSTED, reason TOO_MANY_EXPORTS, beside two that are under way.

        It yields the file's bytes piece by piece as they come: write each to where the file is to be. An error in
        between means that the file is not whole.

        Args:
            format: `csv`, which is the default, or `jsonl`: a line of JSON for each, as the API shows it.
            merchant_order_id: Only orders with this reference of the merchant's.
            statuses: Only orders in one of these statuses.
            create_time_from: Only orders that were created at this time or later (RFC 3339).
            create_time_to: Only orders that were created before this time: a span includes its start and not its end.
            update_time_from: Only orders that were last changed at this time or later (RFC 3339).
            update_time_to: Only orders that were last changed before this time: a span includes its start and not its
                end.
            currency: Only orders in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only orders of at least this amount, a decimal such as `12.00`.
            max_amount: Only orders of at most this amount, a decimal such as `12.00`.
            metadata_key: Only orders whose `metadata` has this key, with the value of `metadata_value`.
            metadata_value: The value that the key has. Only with `metadata_key`.
            payment_link_id: Only orders of this payment link.
            status: Only orders in this status.
        """
        request = made(
            order_service_pb2.ExportOrdersRequest,
            (
                "merchant_order_id",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "metadata_key",
                "metadata_value",
                "payment_link_id",
                "status",
            ),
            format=format,
            merchant_order_id=merchant_order_id,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            metadata_key=metadata_key,
            metadata_value=metadata_value,
            payment_link_id=payment_link_id,
            status=status,
        )
        return self._transport.content(_EXPORT_ORDERS, request)


class PaymentLinks(Waits[models.PaymentLink]):
    """Payment links, as merchants see them. Every RPC acts for the authenticated merchant, in the mode of its key;
    another merchant's link is NOT_FOUND. Each time somebody pays a link there is an ordinary order, which names the
    link.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        amount: Amount,
        description: str | None = None,
        merchant_order_id: str | None = None,
        metadata: Mapping[str, str] | None = None,
        return_url: str | None = None,
        max_uses: int | None = None,
        expire_time: Moment | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.PaymentLink:
        """Creates a link.

        Idempotent with an `Idempotency-Key` header (gRPC metadata `idempotency-key`), as CreateOrder is.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest`; ALREADY_EXISTS, reason IDEMPOTENCY_KEY_REUSED;
        FAILED_PRECONDITION, reason LINKS_OFF, where the gateway was not told its public address.

        Args:
            amount: What is to be paid each time; more than zero.
            description: What is paid for, shown to the customer, up to 500 characters.
            merchant_order_id: The merchant's own reference, up to 128 characters. Each order of the link has it.
            metadata: Up to 50 pairs; keys up to 40 characters, values up to 500. Each order of the link has them.
            return_url: Where the page leads who has paid; an absolute http(s) URL with a host, without credentials.
                `{ORDER_ID}`, `{PAYMENT_ID}` and `{STATUS}` in its path or query are filled in, as CreatePayment does.
                The URL proves nothing, as anybody can open it: ask for the order.
            max_uses: How many times it can be paid, up to 10,000. Left out or 0: once. A link for one payment is the
                same for everybody who opens it: nobody can pay it again. Of one for more, each browser has a payment of
                its own.
            expire_time: Until when a payment may be started. Left out: it does not expire. At most 366 days ahead.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            payment_link_service_pb2.CreatePaymentLinkRequest,
            ("expire_time",),
            amount=money(amount),
            description=description,
            merchant_order_id=merchant_order_id,
            metadata=metadata,
            return_url=return_url,
            max_uses=max_uses,
            expire_time=moment(expire_time),
        )
        return self._transport.call(_CREATE_PAYMENT_LINK, request, models.PaymentLink, timeout, idempotency_key)

    def get(self, payment_link_id: str, *, timeout: float | None = None) -> models.PaymentLink:
        """Returns one link. Errors: NOT_FOUND, reason PAYMENT_LINK_NOT_FOUND.

        Args:
            payment_link_id: The link's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(payment_link_service_pb2.GetPaymentLinkRequest, payment_link_id=payment_link_id)
        return self._transport.call(_GET_PAYMENT_LINK, request, models.PaymentLink, timeout)

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        merchant_order_id: str | Omitted = OMITTED,
        timeout: float | None = None,
    ) -> Pages[models.PaymentLink]:
        """Lists the merchant's links, newest first. Pages follow AIP-158. The orders of one are listed by ListOrders.

        Args:
            page_size: How many links at the most, up to 100. Left out or 0: 20.
            page_token: `next_page_token` of the page before; empty for the first page.
            merchant_order_id: Only links with this reference of the merchant's.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            payment_link_service_pb2.ListPaymentLinksRequest,
            ("merchant_order_id",),
            page_size=page_size,
            page_token=page_token,
            merchant_order_id=merchant_order_id,
        )
        return self._transport.pages(_LIST_PAYMENT_LINKS, request, models.PaymentLink, timeout)

    def update(
        self,
        payment_link_id: str,
        *,
        enabled: bool | Omitted = OMITTED,
        description: str | Omitted = OMITTED,
        max_uses: int | Omitted = OMITTED,
        expire_time: Moment | Omitted = OMITTED,
        update_mask: Sequence[str] | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.PaymentLink:
        """Changes what is given and leaves the rest as it is: a link is switched off and on, and made to last longer,
        or for ever by an `update_mask` of `expire_time` alone. What customers have begun to pay goes on. The amount
        of a link never changes: make another one.

        Errors: NOT_FOUND, reason PAYMENT_LINK_NOT_FOUND; INVALID_ARGUMENT as at the creation.

        Args:
            payment_link_id: The link's id.
            enabled: Whether it can be paid.
            description: What is paid for, shown to the customer.
            max_uses: How many times it can be paid. Fewer than are taken: it is used up. A link for one payment stays
                one, and one for more does not become one: INVALID_ARGUMENT.
            expire_time: Until when a payment may be started, at most 366 days ahead. A time that is over ends it. Left
                out, and named by `update_mask`: the link does not expire any more.
            update_mask: Which fields are changed, by their names (AIP-134; in JSON one string with commas between).
                What it names and the request leaves out is taken away, which `expire_time` and `description` can be;
                what it does not name stays as it is. Left out: what is given is changed.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            payment_link_service_pb2.UpdatePaymentLinkRequest,
            ("enabled", "description", "max_uses", "expire_time", "update_mask"),
            payment_link_id=payment_link_id,
            enabled=enabled,
            description=description,
            max_uses=max_uses,
            expire_time=moment(expire_time),
            update_mask=mask(update_mask),
        )
        return self._transport.call(_UPDATE_PAYMENT_LINK, request, models.PaymentLink, timeout, idempotency_key)


class AsyncPaymentLinks(AsyncWaits[models.PaymentLink]):
    """Payment links, as merchants see them. Every RPC acts for the authenticated merchant, in the mode of its key;
    another merchant's link is NOT_FOUND. Each time somebody pays a link there is an ordinary order, which names the
    link.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        *,
        amount: Amount,
        description: str | None = None,
        merchant_order_id: str | None = None,
        metadata: Mapping[str, str] | None = None,
        return_url: str | None = None,
        max_uses: int | None = None,
        expire_time: Moment | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.PaymentLink:
        """Creates a link.

        Idempotent with an `Idempotency-Key` header (gRPC metadata `idempotency-key`), as CreateOrder is.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest`; ALREADY_EXISTS, reason IDEMPOTENCY_KEY_REUSED;
        FAILED_PRECONDITION, reason LINKS_OFF, where the gateway was not told its public address.

        Args:
            amount: What is to be paid each time; more than zero.
            description: What is paid for, shown to the customer, up to 500 characters.
            merchant_order_id: The merchant's own reference, up to 128 characters. Each order of the link has it.
            metadata: Up to 50 pairs; keys up to 40 characters, values up to 500. Each order of the link has them.
            return_url: Where the page leads who has paid; an absolute http(s) URL with a host, without credentials.
                `{ORDER_ID}`, `{PAYMENT_ID}` and `{STATUS}` in its path or query are filled in, as CreatePayment does.
                The URL proves nothing, as anybody can open it: ask for the order.
            max_uses: How many times it can be paid, up to 10,000. Left out or 0: once. A link for one payment is the
                same for everybody who opens it: nobody can pay it again. Of one for more, each browser has a payment of
                its own.
            expire_time: Until when a payment may be started. Left out: it does not expire. At most 366 days ahead.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            payment_link_service_pb2.CreatePaymentLinkRequest,
            ("expire_time",),
            amount=money(amount),
            description=description,
            merchant_order_id=merchant_order_id,
            metadata=metadata,
            return_url=return_url,
            max_uses=max_uses,
            expire_time=moment(expire_time),
        )
        return await self._transport.call(_CREATE_PAYMENT_LINK, request, models.PaymentLink, timeout, idempotency_key)

    async def get(self, payment_link_id: str, *, timeout: float | None = None) -> models.PaymentLink:
        """Returns one link. Errors: NOT_FOUND, reason PAYMENT_LINK_NOT_FOUND.

        Args:
            payment_link_id: The link's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(payment_link_service_pb2.GetPaymentLinkRequest, payment_link_id=payment_link_id)
        return await self._transport.call(_GET_PAYMENT_LINK, request, models.PaymentLink, timeout)

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        merchant_order_id: str | Omitted = OMITTED,
        timeout: float | None = None,
    ) -> AsyncPages[models.PaymentLink]:
        """Lists the merchant's links, newest first. Pages follow AIP-158. The orders of one are listed by ListOrders.

        Args:
            page_size: How many links at the most, up to 100. Left out or 0: 20.
            page_token: `next_page_token` of the page before; empty for the first page.
            merchant_order_id: Only links with this reference of the merchant's.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            payment_link_service_pb2.ListPaymentLinksRequest,
            ("merchant_order_id",),
            page_size=page_size,
            page_token=page_token,
            merchant_order_id=merchant_order_id,
        )
        return self._transport.pages(_LIST_PAYMENT_LINKS, request, models.PaymentLink, timeout)

    async def update(
        self,
        payment_link_id: str,
        *,
        enabled: bool | Omitted = OMITTED,
        description: str | Omitted = OMITTED,
        max_uses: int | Omitted = OMITTED,
        expire_time: Moment | Omitted = OMITTED,
        update_mask: Sequence[str] | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.PaymentLink:
        """Changes what is given and leaves the rest as it is: a link is switched off and on, and made to last longer,
        or for ever by an `update_mask` of `expire_time` alone. What customers have begun to pay goes on. The amount
        of a link never changes: make another one.

        Errors: NOT_FOUND, reason PAYMENT_LINK_NOT_FOUND; INVALID_ARGUMENT as at the creation.

        Args:
            payment_link_id: The link's id.
            enabled: Whether it can be paid.
            description: What is paid for, shown to the customer.
            max_uses: How many times it can be paid. Fewer than are taken: it is used up. A link for one payment stays
                one, and one for more does not become one: INVALID_ARGUMENT.
            expire_time: Until when a payment may be started, at most 366 days ahead. A time that is over ends it. Left
                out, and named by `update_mask`: the link does not expire any more.
            update_mask: Which fields are changed, by their names (AIP-134; in JSON one string with commas between).
                What it names and the request leaves out is taken away, which `expire_time` and `description` can be;
                what it does not name stays as it is. Left out: what is given is changed.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            payment_link_service_pb2.UpdatePaymentLinkRequest,
            ("enabled", "description", "max_uses", "expire_time", "update_mask"),
            payment_link_id=payment_link_id,
            enabled=enabled,
            description=description,
            max_uses=max_uses,
            expire_time=moment(expire_time),
            update_mask=mask(update_mask),
        )
        return await self._transport.call(_UPDATE_PAYMENT_LINK, request, models.PaymentLink, timeout, idempotency_key)


class Disputes(Waits[models.Dispute]):
    """Disputes, as merchants see them. Every RPC acts for the authenticated merchant; another merchant's dispute is
    NOT_FOUND.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, dispute_id: str, *, timeout: float | None = None) -> models.Dispute:
        """Returns one dispute. Errors: NOT_FOUND, reason DISPUTE_NOT_FOUND.

        Args:
            dispute_id: The dispute's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(dispute_service_pb2.GetDisputeRequest, dispute_id=dispute_id)
        return self._transport.call(_GET_DISPUTE, request, models.Dispute, timeout)

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        payment_id: str | Omitted = OMITTED,
        statuses: Sequence[dispute_pb2.Dispute.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        order_by: str | None = None,
        status: dispute_pb2.Dispute.Status.ValueType | str | Omitted = OMITTED,
        order_id: str | Omitted = OMITTED,
        withdraw_time_from: Moment | Omitted = OMITTED,
        withdraw_time_to: Moment | Omitted = OMITTED,
        reinstate_time_from: Moment | Omitted = OMITTED,
        reinstate_time_to: Moment | Omitted = OMITTED,
        timeout: float | None = None,
    ) -> Pages[models.Dispute]:
        """Lists the merchant's disputes, newest first. Pages follow AIP-158.

        Args:
            page_size: How many disputes at the most, up to 100. Left out or 0: 20.
            page_token: `next_page_token` of the page before; empty for the first page.
            payment_id: Only disputes of this payment.
            statuses: Only disputes in one of these statuses.
            create_time_from: Only disputes that were created at this time or later (RFC 3339).
            create_time_to: Only disputes that were created before this time: a span includes its start and not its end.
            update_time_from: Only disputes that were last changed at this time or later (RFC 3339).
            update_time_to: Only disputes that were last changed before this time: a span includes its start and not its
                end.
            currency: Only disputes in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only disputes of at least this amount, a decimal such as `12.00`.
            max_amount: Only disputes of at most this amount, a decimal such as `12.00`.
            order_by: `create_time desc`, which is the default: the newest first; or `create_time asc`.
            status: Only disputes in this status.
            order_id: Only disputes of this order.
            withdraw_time_from: Only disputes whose money was taken at this time or later (RFC 3339).
            withdraw_time_to: Only disputes whose money was taken before this time: a span includes its start and not
                its end.
            reinstate_time_from: Only disputes whose money was given back at this time or later (RFC 3339).
            reinstate_time_to: Only disputes whose money was given back before this time: a span includes its start and
                not its end.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            dispute_service_pb2.ListDisputesRequest,
            (
                "payment_id",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "status",
                "order_id",
                "withdraw_time_from",
                "withdraw_time_to",
                "reinstate_time_from",
                "reinstate_time_to",
            ),
            page_size=page_size,
            page_token=page_token,
            payment_id=payment_id,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            order_by=order_by,
            status=status,
            order_id=order_id,
            withdraw_time_from=moment(withdraw_time_from),
            withdraw_time_to=moment(withdraw_time_to),
            reinstate_time_from=moment(reinstate_time_from),
            reinstate_time_to=moment(reinstate_time_to),
        )
        return self._transport.pages(_LIST_DISPUTES, request, models.Dispute, timeout)

    def export(
        self,
        *,
        format: str | None = None,
        payment_id: str | Omitted = OMITTED,
        statuses: Sequence[dispute_pb2.Dispute.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        status: dispute_pb2.Dispute.Status.ValueType | str | Omitted = OMITTED,
        order_id: str | Omitted = OMITTED,
        withdraw_time_from: Moment | Omitted = OMITTED,
        withdraw_time_to: Moment | Omitted = OMITTED,
        reinstate_time_from: Moment | Omitted = OMITTED,
        reinstate_time_to: Moment | Omitted = OMITTED,
    ) -> Iterator[bytes]:
        """Exports the merchant's disputes as one file, oldest first, however many there are: CSV with a line for each,
        amounts as decimals in the currency's own unit and times in UTC, or JSON Lines.

        The key is asked for at the beginning: what is made after that is not in the file, and it takes an hour at
        the most. A file that could not be finished ends with the connection, as an error of the client's, and never
        as a shorter file.

        Errors: INVALID_ARGUMENT; RESOURCE_EXHAUSTED, reason TOO_MANY_EXPORTS, beside two that are under way.

        It yields the file's bytes piece by piece as they come: write each to where the file is to be. An error in
        between means that the file is not whole.

        Args:
            format: `csv`, which is the default, or `jsonl`: a line of JSON for each, as the API shows it.
            payment_id: Only disputes of this payment.
            statuses: Only disputes in one of these statuses.
            create_time_from: Only disputes that were created at this time or later (RFC 3339).
            create_time_to: Only disputes that were created before this time: a span includes its start and not its end.
            update_time_from: Only disputes that were last changed at this time or later (RFC 3339).
            update_time_to: Only disputes that were last changed before this time: a span includes its start and not its
                end.
            currency: Only disputes in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only disputes of at least this amount, a decimal such as `12.00`.
            max_amount: Only disputes of at most this amount, a decimal such as `12.00`.
            status: Only disputes in this status.
            order_id: Only disputes of this order.
            withdraw_time_from: Only disputes whose money was taken at this time or later (RFC 3339).
            withdraw_time_to: Only disputes whose money was taken before this time: a span includes its start and not
                its end.
            reinstate_time_from: Only disputes whose money was given back at this time or later (RFC 3339).
            reinstate_time_to: Only disputes whose money was given back before this time: a span includes its start and
                not its end.
        """
        request = made(
            dispute_service_pb2.ExportDisputesRequest,
            (
                "payment_id",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "status",
                "order_id",
                "withdraw_time_from",
                "withdraw_time_to",
                "reinstate_time_from",
                "reinstate_time_to",
            ),
            format=format,
            payment_id=payment_id,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            status=status,
            order_id=order_id,
            withdraw_time_from=moment(withdraw_time_from),
            withdraw_time_to=moment(withdraw_time_to),
            reinstate_time_from=moment(reinstate_time_from),
            reinstate_time_to=moment(reinstate_time_to),
        )
        return self._transport.content(_EXPORT_DISPUTES, request)


class AsyncDisputes(AsyncWaits[models.Dispute]):
    """Disputes, as merchants see them. Every RPC acts for the authenticated merchant; another merchant's dispute is
    NOT_FOUND.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(self, dispute_id: str, *, timeout: float | None = None) -> models.Dispute:
        """Returns one dispute. Errors: NOT_FOUND, reason DISPUTE_NOT_FOUND.

        Args:
            dispute_id: The dispute's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(dispute_service_pb2.GetDisputeRequest, dispute_id=dispute_id)
        return await self._transport.call(_GET_DISPUTE, request, models.Dispute, timeout)

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        payment_id: str | Omitted = OMITTED,
        statuses: Sequence[dispute_pb2.Dispute.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        order_by: str | None = None,
        status: dispute_pb2.Dispute.Status.ValueType | str | Omitted = OMITTED,
        order_id: str | Omitted = OMITTED,
        withdraw_time_from: Moment | Omitted = OMITTED,
        withdraw_time_to: Moment | Omitted = OMITTED,
        reinstate_time_from: Moment | Omitted = OMITTED,
        reinstate_time_to: Moment | Omitted = OMITTED,
        timeout: float | None = None,
    ) -> AsyncPages[models.Dispute]:
        """Lists the merchant's disputes, newest first. Pages follow AIP-158.

        Args:
            page_size: How many disputes at the most, up to 100. Left out or 0: 20.
            page_token: `next_page_token` of the page before; empty for the first page.
            payment_id: Only disputes of this payment.
            statuses: Only disputes in one of these statuses.
            create_time_from: Only disputes that were created at this time or later (RFC 3339).
            create_time_to: Only disputes that were created before this time: a span includes its start and not its end.
            update_time_from: Only disputes that were last changed at this time or later (RFC 3339).
            update_time_to: Only disputes that were last changed before this time: a span includes its start and not its
                end.
            currency: Only disputes in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only disputes of at least this amount, a decimal such as `12.00`.
            max_amount: Only disputes of at most this amount, a decimal such as `12.00`.
            order_by: `create_time desc`, which is the default: the newest first; or `create_time asc`.
            status: Only disputes in this status.
            order_id: Only disputes of this order.
            withdraw_time_from: Only disputes whose money was taken at this time or later (RFC 3339).
            withdraw_time_to: Only disputes whose money was taken before this time: a span includes its start and not
                its end.
            reinstate_time_from: Only disputes whose money was given back at this time or later (RFC 3339).
            reinstate_time_to: Only disputes whose money was given back before this time: a span includes its start and
                not its end.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            dispute_service_pb2.ListDisputesRequest,
            (
                "payment_id",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "status",
                "order_id",
                "withdraw_time_from",
                "withdraw_time_to",
                "reinstate_time_from",
                "reinstate_time_to",
            ),
            page_size=page_size,
            page_token=page_token,
            payment_id=payment_id,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            order_by=order_by,
            status=status,
            order_id=order_id,
            withdraw_time_from=moment(withdraw_time_from),
            withdraw_time_to=moment(withdraw_time_to),
            reinstate_time_from=moment(reinstate_time_from),
            reinstate_time_to=moment(reinstate_time_to),
        )
        return self._transport.pages(_LIST_DISPUTES, request, models.Dispute, timeout)

    def export(
        self,
        *,
        format: str | None = None,
        payment_id: str | Omitted = OMITTED,
        statuses: Sequence[dispute_pb2.Dispute.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        status: dispute_pb2.Dispute.Status.ValueType | str | Omitted = OMITTED,
        order_id: str | Omitted = OMITTED,
        withdraw_time_from: Moment | Omitted = OMITTED,
        withdraw_time_to: Moment | Omitted = OMITTED,
        reinstate_time_from: Moment | Omitted = OMITTED,
        reinstate_time_to: Moment | Omitted = OMITTED,
    ) -> AsyncIterator[bytes]:
        """Exports the merchant's disputes as one file, oldest first, however many there are: CSV with a line for each,
        amounts as decimals in the currency's own unit and times in UTC, or JSON Lines.

        The key is asked for at the beginning: what is made after that is not in the file, and it takes an hour at
        the most. A file that could not be finished ends with the connection, as an error of the client's, and never
        as a shorter file.

        Errors: INVALID_ARGUMENT; RESOURCE_EXHAUSTED, reason TOO_MANY_EXPORTS, beside two that are under way.

        It yields the file's bytes piece by piece as they come: write each to where the file is to be. An error in
        between means that the file is not whole.

        Args:
            format: `csv`, which is the default, or `jsonl`: a line of JSON for each, as the API shows it.
            payment_id: Only disputes of this payment.
            statuses: Only disputes in one of these statuses.
            create_time_from: Only disputes that were created at this time or later (RFC 3339).
            create_time_to: Only disputes that were created before this time: a span includes its start and not its end.
            update_time_from: Only disputes that were last changed at this time or later (RFC 3339).
            update_time_to: Only disputes that were last changed before this time: a span includes its start and not its
                end.
            currency: Only disputes in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only disputes of at least this amount, a decimal such as `12.00`.
            max_amount: Only disputes of at most this amount, a decimal such as `12.00`.
            status: Only disputes in this status.
            order_id: Only disputes of this order.
            withdraw_time_from: Only disputes whose money was taken at this time or later (RFC 3339).
            withdraw_time_to: Only disputes whose money was taken before this time: a span includes its start and not
                its end.
            reinstate_time_from: Only disputes whose money was given back at this time or later (RFC 3339).
            reinstate_time_to: Only disputes whose money was given back before this time: a span includes its start and
                not its end.
        """
        request = made(
            dispute_service_pb2.ExportDisputesRequest,
            (
                "payment_id",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "status",
                "order_id",
                "withdraw_time_from",
                "withdraw_time_to",
                "reinstate_time_from",
                "reinstate_time_to",
            ),
            format=format,
            payment_id=payment_id,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            status=status,
            order_id=order_id,
            withdraw_time_from=moment(withdraw_time_from),
            withdraw_time_to=moment(withdraw_time_to),
            reinstate_time_from=moment(reinstate_time_from),
            reinstate_time_to=moment(reinstate_time_to),
        )
        return self._transport.content(_EXPORT_DISPUTES, request)


class Payments(Waits[models.Payment]):
    """Payments, as merchants see them. Every RPC acts for the authenticated merchant; another merchant's payment is
    NOT_FOUND.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        order_id: str,
        provider: str | None = None,
        payment_method: str | None = None,
        return_url: str | None = None,
        capture_method: payment_pb2.Payment.CaptureMethod.ValueType | str | None = None,
        customer_country: str | None = None,
        cancel_url: str | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.Payment:
        """Starts a payment of an order.

        With `payment_method` the provider's token is confirmed at once, and the answer carries the outcome. Without
        it the answer carries `redirect_url`, the provider's hosted page. When the provider does not answer in time
        the payment is PROCESSING: the outcome is unknown, and is learned by webhook or by asking the provider again.

        Without `provider` the merchant's routing policy chooses one, and the answer's `routing` says why. When that
        provider is out of reach, and certainly has not charged the customer, the next one of the rule is tried;
        `attempts` lists them. An unknown outcome is never tried elsewhere.

        Idempotent with an `Idempotency-Key` header (gRPC metadata `idempotency-key`), as CreateOrder is.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest` (also reason PROVIDER_UNKNOWN, AMOUNT_NOT_SUPPORTED,
        or CAPABILITY_NOT_SUPPORTED when the provider cannot do what is asked); NOT_FOUND, reason ORDER_NOT_FOUND;
        FAILED_PRECONDITION, reason ORDER_NOT_PAYABLE, PAYMENT_IN_PROGRESS, or NO_ROUTE when no provider of the
        policy fits; any other error whose metadata names a `payment_id` leaves that payment recorded and under way,
        or may have (a GET tells); where another payment of the order is to be closed first, that is the one that is
        named; ABORTED, reason IDEMPOTENCY_KEY_IN_USE, while the first request under the key still runs; UNAVAILABLE.

        Args:
            order_id: The order to pay; its amount is what the customer pays.
            provider: The provider, such as `stripe`. Left out: the merchant's routing policy chooses.
            payment_method: A payment-method token of the provider's, made by the provider's own library in the
                customer's browser, such as `pm_card_visa`. Never a card number. Left out: the customer pays on the
                provider's hosted page.
            return_url: Where the customer's browser returns to; an absolute http(s) URL with a host, without
                credentials. A name or a path in other scripts is shown and passed on in ASCII. Required for a hosted
                page. `{ORDER_ID}`, `{PAYMENT_ID}` and `{STATUS}` in its path or query are filled in: the ids, and by
                which way the customer came, RETURNED or CANCELLED. The URL proves nothing, as anybody can open it: ask
                for the order, and show what it says.
            capture_method: When the money is taken. Left out: AUTOMATIC.
            customer_country: The customer's country, ISO 3166-1 alpha-2 in upper case, for the rules of the routing
                policy that name countries.
            cancel_url: Where the customer's browser goes who turns back on the provider's page without paying, with the
                same rules and placeholders. Left out: `return_url`. The payment stays open: it can still be paid, or be
                cancelled.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            payment_service_pb2.CreatePaymentRequest,
            order_id=order_id,
            provider=provider,
            payment_method=payment_method,
            return_url=return_url,
            capture_method=capture_method,
            customer_country=customer_country,
            cancel_url=cancel_url,
        )
        return self._transport.call(_CREATE_PAYMENT, request, models.Payment, timeout, idempotency_key)

    def get(self, payment_id: str, *, timeout: float | None = None) -> models.Payment:
        """Returns one payment. Errors: NOT_FOUND, reason PAYMENT_NOT_FOUND.

        Args:
            payment_id: The payment's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(payment_service_pb2.GetPaymentRequest, payment_id=payment_id)
        return self._transport.call(_GET_PAYMENT, request, models.Payment, timeout)

    def capture(
        self,
        payment_id: str,
        *,
        amount: Amount | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.Payment:
        """Captures an authorized payment: all of it, or a part, which gives the rest back to the customer.

        Safe to repeat: a captured payment is returned as it is, if the amount is the same.

        Errors: NOT_FOUND; FAILED_PRECONDITION, reason PAYMENT_NOT_CAPTURABLE, when it is not AUTHORIZED, or
        PROVIDER_REFUSED with the payment's present `status` when the provider did not do it; INVALID_ARGUMENT,
        reason AMOUNT_TOO_LARGE, above what is authorized, or reason CAPABILITY_NOT_SUPPORTED for a part where the
        provider captures only the whole; ABORTED or FAILED_PRECONDITION, reason OPERATION_IN_PROGRESS, while another
        operation on the payment has no answer; UNAVAILABLE, reason PROVIDER_UNAVAILABLE, when nothing was done, or
        OUTCOME_UNKNOWN when that is not known: the provider is asked until it answers. Repeating the call is safe.

        Args:
            payment_id: The payment's id.
            amount: How much to capture, in the payment's currency. Left out: all of it.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            payment_service_pb2.CapturePaymentRequest, ("amount",), payment_id=payment_id, amount=money(amount)
        )
        return self._transport.call(_CAPTURE_PAYMENT, request, models.Payment, timeout, idempotency_key)

    def cancel(
        self, payment_id: str, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.Payment:
        """Cancels a payment before any money moved: closes the hosted page, or voids the authorization.

        Safe to repeat. Errors: NOT_FOUND; FAILED_PRECONDITION, reason PAYMENT_NOT_CANCELLABLE, when it is captured,
        has failed, or the provider works on it; otherwise as CapturePayment.

        Args:
            payment_id: The payment's id.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(payment_service_pb2.CancelPaymentRequest, payment_id=payment_id)
        return self._transport.call(_CANCEL_PAYMENT, request, models.Payment, timeout, idempotency_key)

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        order_id: str | Omitted = OMITTED,
        status: payment_pb2.Payment.Status.ValueType | str | Omitted = OMITTED,
        statuses: Sequence[payment_pb2.Payment.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        order_by: str | None = None,
        provider: str | Omitted = OMITTED,
        provider_reference: str | Omitted = OMITTED,
        capture_time_from: Moment | Omitted = OMITTED,
        capture_time_to: Moment | Omitted = OMITTED,
        timeout: float | None = None,
    ) -> Pages[models.Payment]:
        """Lists the merchant's payments, newest first. Pages follow AIP-158.

        Args:
            page_size: How many payments at the most, up to 100. Left out or 0: 20.
            page_token: `next_page_token` of the page before; empty for the first page.
            order_id: Only payments of this order.
            status: Only payments in this status.
            statuses: Only payments in one of these statuses.
            create_time_from: Only payments that were created at this time or later (RFC 3339).
            create_time_to: Only payments that were created before this time: a span includes its start and not its end.
            update_time_from: Only payments that were last changed at this time or later (RFC 3339).
            update_time_to: Only payments that were last changed before this time: a span includes its start and not its
                end.
            currency: Only payments in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only payments of at least this amount, a decimal such as `12.00`.
            max_amount: Only payments of at most this amount, a decimal such as `12.00`.
            order_by: `create_time desc`, which is the default: the newest first; or `create_time asc`.
            provider: Only payments through this provider.
            provider_reference: Only the payment that one of whose attempts has this name at its provider, such as
                `pi_…` at Stripe: what stands in the provider's dashboard and reports. In full; upper and lower case are
                told apart.
            capture_time_from: Only payments whose money was taken at this time or later (RFC 3339).
            capture_time_to: Only payments whose money was taken before this time: a span includes its start and not its
                end.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            payment_service_pb2.ListPaymentsRequest,
            (
                "order_id",
                "status",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "provider",
                "provider_reference",
                "capture_time_from",
                "capture_time_to",
            ),
            page_size=page_size,
            page_token=page_token,
            order_id=order_id,
            status=status,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            order_by=order_by,
            provider=provider,
            provider_reference=provider_reference,
            capture_time_from=moment(capture_time_from),
            capture_time_to=moment(capture_time_to),
        )
        return self._transport.pages(_LIST_PAYMENTS, request, models.Payment, timeout)

    def export(
        self,
        *,
        format: str | None = None,
        order_id: str | Omitted = OMITTED,
        statuses: Sequence[payment_pb2.Payment.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        provider: str | Omitted = OMITTED,
        status: payment_pb2.Payment.Status.ValueType | str | Omitted = OMITTED,
        capture_time_from: Moment | Omitted = OMITTED,
        capture_time_to: Moment | Omitted = OMITTED,
    ) -> Iterator[bytes]:
        """Exports the merchant's payments as one file, oldest first, however many there are: CSV with a line for each,
        amounts as decimals in the currency's own unit and times in UTC, or JSON Lines.

        The key is asked for at the beginning: what is made after that is not in the file, and it takes an hour at
        the most. A file that could not be finished ends with the connection, as an error of the client's, and never
        as a shorter file.

        Errors: INVALID_ARGUMENT; RESOURCE_EXHAUSTED, reason TOO_MANY_EXPORTS, beside two that are under way.

        It yields the file's bytes piece by piece as they come: write each to where the file is to be. An error in
        between means that the file is not whole.

        Args:
            format: `csv`, which is the default, or `jsonl`: a line of JSON for each, as the API shows it.
            order_id: Only payments of this order.
            statuses: Only payments in one of these statuses.
            create_time_from: Only payments that were created at this time or later (RFC 3339).
            create_time_to: Only payments that were created before this time: a span includes its start and not its end.
            update_time_from: Only payments that were last changed at this time or later (RFC 3339).
            update_time_to: Only payments that were last changed before this time: a span includes its start and not its
                end.
            currency: Only payments in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only payments of at least this amount, a decimal such as `12.00`.
            max_amount: Only payments of at most this amount, a decimal such as `12.00`.
            provider: Only payments through this provider.
            status: Only payments in this status.
            capture_time_from: Only payments whose money was taken at this time or later (RFC 3339).
            capture_time_to: Only payments whose money was taken before this time: a span includes its start and not its
                end.
        """
        request = made(
            payment_service_pb2.ExportPaymentsRequest,
            (
                "order_id",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "provider",
                "status",
                "capture_time_from",
                "capture_time_to",
            ),
            format=format,
            order_id=order_id,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            provider=provider,
            status=status,
            capture_time_from=moment(capture_time_from),
            capture_time_to=moment(capture_time_to),
        )
        return self._transport.content(_EXPORT_PAYMENTS, request)


class AsyncPayments(AsyncWaits[models.Payment]):
    """Payments, as merchants see them. Every RPC acts for the authenticated merchant; another merchant's payment is
    NOT_FOUND.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        *,
        order_id: str,
        provider: str | None = None,
        payment_method: str | None = None,
        return_url: str | None = None,
        capture_method: payment_pb2.Payment.CaptureMethod.ValueType | str | None = None,
        customer_country: str | None = None,
        cancel_url: str | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.Payment:
        """Starts a payment of an order.

        With `payment_method` the provider's token is confirmed at once, and the answer carries the outcome. Without
        it the answer carries `redirect_url`, the provider's hosted page. When the provider does not answer in time
        the payment is PROCESSING: the outcome is unknown, and is learned by webhook or by asking the provider again.

        Without `provider` the merchant's routing policy chooses one, and the answer's `routing` says why. When that
        provider is out of reach, and certainly has not charged the customer, the next one of the rule is tried;
        `attempts` lists them. An unknown outcome is never tried elsewhere.

        Idempotent with an `Idempotency-Key` header (gRPC metadata `idempotency-key`), as CreateOrder is.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest` (also reason PROVIDER_UNKNOWN, AMOUNT_NOT_SUPPORTED,
        or CAPABILITY_NOT_SUPPORTED when the provider cannot do what is asked); NOT_FOUND, reason ORDER_NOT_FOUND;
        FAILED_PRECONDITION, reason ORDER_NOT_PAYABLE, PAYMENT_IN_PROGRESS, or NO_ROUTE when no provider of the
        policy fits; any other error whose metadata names a `payment_id` leaves that payment recorded and under way,
        or may have (a GET tells); where another payment of the order is to be closed first, that is the one that is
        named; ABORTED, reason IDEMPOTENCY_KEY_IN_USE, while the first request under the key still runs; UNAVAILABLE.

        Args:
            order_id: The order to pay; its amount is what the customer pays.
            provider: The provider, such as `stripe`. Left out: the merchant's routing policy chooses.
            payment_method: A payment-method token of the provider's, made by the provider's own library in the
                customer's browser, such as `pm_card_visa`. Never a card number. Left out: the customer pays on the
                provider's hosted page.
            return_url: Where the customer's browser returns to; an absolute http(s) URL with a host, without
                credentials. A name or a path in other scripts is shown and passed on in ASCII. Required for a hosted
                page. `{ORDER_ID}`, `{PAYMENT_ID}` and `{STATUS}` in its path or query are filled in: the ids, and by
                which way the customer came, RETURNED or CANCELLED. The URL proves nothing, as anybody can open it: ask
                for the order, and show what it says.
            capture_method: When the money is taken. Left out: AUTOMATIC.
            customer_country: The customer's country, ISO 3166-1 alpha-2 in upper case, for the rules of the routing
                policy that name countries.
            cancel_url: Where the customer's browser goes who turns back on the provider's page without paying, with the
                same rules and placeholders. Left out: `return_url`. The payment stays open: it can still be paid, or be
                cancelled.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            payment_service_pb2.CreatePaymentRequest,
            order_id=order_id,
            provider=provider,
            payment_method=payment_method,
            return_url=return_url,
            capture_method=capture_method,
            customer_country=customer_country,
            cancel_url=cancel_url,
        )
        return await self._transport.call(_CREATE_PAYMENT, request, models.Payment, timeout, idempotency_key)

    async def get(self, payment_id: str, *, timeout: float | None = None) -> models.Payment:
        """Returns one payment. Errors: NOT_FOUND, reason PAYMENT_NOT_FOUND.

        Args:
            payment_id: The payment's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(payment_service_pb2.GetPaymentRequest, payment_id=payment_id)
        return await self._transport.call(_GET_PAYMENT, request, models.Payment, timeout)

    async def capture(
        self,
        payment_id: str,
        *,
        amount: Amount | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.Payment:
        """Captures an authorized payment: all of it, or a part, which gives the rest back to the customer.

        Safe to repeat: a captured payment is returned as it is, if the amount is the same.

        Errors: NOT_FOUND; FAILED_PRECONDITION, reason PAYMENT_NOT_CAPTURABLE, when it is not AUTHORIZED, or
        PROVIDER_REFUSED with the payment's present `status` when the provider did not do it; INVALID_ARGUMENT,
        reason AMOUNT_TOO_LARGE, above what is authorized, or reason CAPABILITY_NOT_SUPPORTED for a part where the
        provider captures only the whole; ABORTED or FAILED_PRECONDITION, reason OPERATION_IN_PROGRESS, while another
        operation on the payment has no answer; UNAVAILABLE, reason PROVIDER_UNAVAILABLE, when nothing was done, or
        OUTCOME_UNKNOWN when that is not known: the provider is asked until it answers. Repeating the call is safe.

        Args:
            payment_id: The payment's id.
            amount: How much to capture, in the payment's currency. Left out: all of it.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            payment_service_pb2.CapturePaymentRequest, ("amount",), payment_id=payment_id, amount=money(amount)
        )
        return await self._transport.call(_CAPTURE_PAYMENT, request, models.Payment, timeout, idempotency_key)

    async def cancel(
        self, payment_id: str, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.Payment:
        """Cancels a payment before any money moved: closes the hosted page, or voids the authorization.

        Safe to repeat. Errors: NOT_FOUND; FAILED_PRECONDITION, reason PAYMENT_NOT_CANCELLABLE, when it is captured,
        has failed, or the provider works on it; otherwise as CapturePayment.

        Args:
            payment_id: The payment's id.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(payment_service_pb2.CancelPaymentRequest, payment_id=payment_id)
        return await self._transport.call(_CANCEL_PAYMENT, request, models.Payment, timeout, idempotency_key)

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        order_id: str | Omitted = OMITTED,
        status: payment_pb2.Payment.Status.ValueType | str | Omitted = OMITTED,
        statuses: Sequence[payment_pb2.Payment.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        order_by: str | None = None,
        provider: str | Omitted = OMITTED,
        provider_reference: str | Omitted = OMITTED,
        capture_time_from: Moment | Omitted = OMITTED,
        capture_time_to: Moment | Omitted = OMITTED,
        timeout: float | None = None,
    ) -> AsyncPages[models.Payment]:
        """Lists the merchant's payments, newest first. Pages follow AIP-158.

        Args:
            page_size: How many payments at the most, up to 100. Left out or 0: 20.
            page_token: `next_page_token` of the page before; empty for the first page.
            order_id: Only payments of this order.
            status: Only payments in this status.
            statuses: Only payments in one of these statuses.
            create_time_from: Only payments that were created at this time or later (RFC 3339).
            create_time_to: Only payments that were created before this time: a span includes its start and not its end.
            update_time_from: Only payments that were last changed at this time or later (RFC 3339).
            update_time_to: Only payments that were last changed before this time: a span includes its start and not its
                end.
            currency: Only payments in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only payments of at least this amount, a decimal such as `12.00`.
            max_amount: Only payments of at most this amount, a decimal such as `12.00`.
            order_by: `create_time desc`, which is the default: the newest first; or `create_time asc`.
            provider: Only payments through this provider.
            provider_reference: Only the payment that one of whose attempts has this name at its provider, such as
                `pi_…` at Stripe: what stands in the provider's dashboard and reports. In full; upper and lower case are
                told apart.
            capture_time_from: Only payments whose money was taken at this time or later (RFC 3339).
            capture_time_to: Only payments whose money was taken before this time: a span includes its start and not its
                end.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            payment_service_pb2.ListPaymentsRequest,
            (
                "order_id",
                "status",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "provider",
                "provider_reference",
                "capture_time_from",
                "capture_time_to",
            ),
            page_size=page_size,
            page_token=page_token,
            order_id=order_id,
            status=status,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            order_by=order_by,
            provider=provider,
            provider_reference=provider_reference,
            capture_time_from=moment(capture_time_from),
            capture_time_to=moment(capture_time_to),
        )
        return self._transport.pages(_LIST_PAYMENTS, request, models.Payment, timeout)

    def export(
        self,
        *,
        format: str | None = None,
        order_id: str | Omitted = OMITTED,
        statuses: Sequence[payment_pb2.Payment.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        provider: str | Omitted = OMITTED,
        status: payment_pb2.Payment.Status.ValueType | str | Omitted = OMITTED,
        capture_time_from: Moment | Omitted = OMITTED,
        capture_time_to: Moment | Omitted = OMITTED,
    ) -> AsyncIterator[bytes]:
        """Exports the merchant's payments as one file, oldest first, however many there are: CSV with a line for each,
        amounts as decimals in the currency's own unit and times in UTC, or JSON Lines.

        The key is asked for at the beginning: what is made after that is not in the file, and it takes an hour at
        the most. A file that could not be finished ends with the connection, as an error of the client's, and never
        as a shorter file.

        Errors: INVALID_ARGUMENT; RESOURCE_EXHAUSTED, reason TOO_MANY_EXPORTS, beside two that are under way.

        It yields the file's bytes piece by piece as they come: write each to where the file is to be. An error in
        between means that the file is not whole.

        Args:
            format: `csv`, which is the default, or `jsonl`: a line of JSON for each, as the API shows it.
            order_id: Only payments of this order.
            statuses: Only payments in one of these statuses.
            create_time_from: Only payments that were created at this time or later (RFC 3339).
            create_time_to: Only payments that were created before this time: a span includes its start and not its end.
            update_time_from: Only payments that were last changed at this time or later (RFC 3339).
            update_time_to: Only payments that were last changed before this time: a span includes its start and not its
                end.
            currency: Only payments in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only payments of at least this amount, a decimal such as `12.00`.
            max_amount: Only payments of at most this amount, a decimal such as `12.00`.
            provider: Only payments through this provider.
            status: Only payments in this status.
            capture_time_from: Only payments whose money was taken at this time or later (RFC 3339).
            capture_time_to: Only payments whose money was taken before this time: a span includes its start and not its
                end.
        """
        request = made(
            payment_service_pb2.ExportPaymentsRequest,
            (
                "order_id",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "provider",
                "status",
                "capture_time_from",
                "capture_time_to",
            ),
            format=format,
            order_id=order_id,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            provider=provider,
            status=status,
            capture_time_from=moment(capture_time_from),
            capture_time_to=moment(capture_time_to),
        )
        return self._transport.content(_EXPORT_PAYMENTS, request)


class ProviderAccounts:
    """A merchant's own accounts at providers. Without one, payments go through the platform's account."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def set(
        self,
        provider: str,
        *,
        credentials: Mapping[str, str],
        same_account: bool | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.ProviderAccount:
        """Sets the credentials of the merchant's account at a provider; they are encrypted at rest and never shown
        again. The provider is asked whose they are. Credentials of the same account at the provider replace those
        that are set: the account stays the same, so that keys can be changed while payments are open. Credentials of
        another one make another account with an id and a webhook path of its own, or use again the one that they
        once were of: the account in use until then takes no new payments, and those that were made with it stay with
        it.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest` that names the credential that is missing, unknown,
        or of the other mode (a live credential with a test key, or the reverse); reasons PROVIDER_UNKNOWN, and
        CREDENTIALS_REFUSED where the provider does not take them; UNAVAILABLE, reason PROVIDER_UNAVAILABLE, when it
        does not say whose they are; FAILED_PRECONDITION, reason ACCOUNT_IN_USE, when nobody can tell any more whose
        the credentials until now were, and a payment that was made with them waits for anything (`same_account`
        helps), or when `same_account` is said of others; ABORTED, reason ACCOUNT_CHANGED. Nothing is changed then.

        Args:
            provider: The provider, such as `stripe`.
            credentials: The credentials by their names. Stripe: `api_key`, `webhook_secret`. PayPal: `client_id`,
                `client_secret`, `webhook_id`. Bank transfer: `api_key`, `webhook_secret`. Several webhook secrets are
                separated by commas. ASCII that can be printed: no header of HTTP could carry others (RFC 9110, 5.5). No
                space before or after, as copying may add.
            same_account: Says that the credentials are of the account that is set, at the provider. It counts only
                where nobody can tell any more, as those until now were revoked before the gateway learned whose they
                were, and is refused where they are known to be another's. Said wrongly, payments without an answer are
                asked for again at another account, and may be charged twice.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            provider_account_service_pb2.SetProviderAccountRequest,
            ("same_account",),
            provider=provider,
            credentials=credentials,
            same_account=same_account,
        )
        return self._transport.call(_SET_PROVIDER_ACCOUNT, request, models.ProviderAccount, timeout, idempotency_key)

    def get(self, provider: str, *, timeout: float | None = None) -> models.ProviderAccount:
        """Returns the merchant's account at a provider. Errors: NOT_FOUND, reason PROVIDER_ACCOUNT_NOT_FOUND.

        Args:
            provider: The provider, such as `stripe`.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(provider_account_service_pb2.GetProviderAccountRequest, provider=provider)
        return self._transport.call(_GET_PROVIDER_ACCOUNT, request, models.ProviderAccount, timeout)

    def list(self, *, timeout: float | None = None) -> Pages[models.ProviderAccount]:
        """Lists the merchant's accounts, by the provider's name.

        Args:
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(provider_account_service_pb2.ListProviderAccountsRequest)
        return self._transport.pages(_LIST_PROVIDER_ACCOUNTS, request, models.ProviderAccount, timeout)

    def delete(
        self, provider: str, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.ProviderAccount:
        """Takes the account out of use for new payments, which go through the platform's from then on. Payments that
        were made with it can still be captured, refunded and looked up. Again, it returns the account as it was
        taken out of use. Errors: NOT_FOUND, reason PROVIDER_ACCOUNT_NOT_FOUND, when there never was one.

        Args:
            provider: The provider, such as `stripe`.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(provider_account_service_pb2.DeleteProviderAccountRequest, provider=provider)
        return self._transport.call(_DELETE_PROVIDER_ACCOUNT, request, models.ProviderAccount, timeout, idempotency_key)

    def check(self, provider: str, *, timeout: float | None = None) -> models.CheckProviderAccountResponse:
        """Asks the provider now whether it still takes the account's credentials, and whose they are. Nothing is
        changed.

        Errors: NOT_FOUND, reason PROVIDER_ACCOUNT_NOT_FOUND; UNAVAILABLE, reason PROVIDER_UNAVAILABLE, when it does
        not say.

        Args:
            provider: The provider, such as `stripe`.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(provider_account_service_pb2.CheckProviderAccountRequest, provider=provider)
        return self._transport.call(_CHECK_PROVIDER_ACCOUNT, request, models.CheckProviderAccountResponse, timeout)


class AsyncProviderAccounts:
    """A merchant's own accounts at providers. Without one, payments go through the platform's account."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def set(
        self,
        provider: str,
        *,
        credentials: Mapping[str, str],
        same_account: bool | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.ProviderAccount:
        """Sets the credentials of the merchant's account at a provider; they are encrypted at rest and never shown
        again. The provider is asked whose they are. Credentials of the same account at the provider replace those
        that are set: the account stays the same, so that keys can be changed while payments are open. Credentials of
        another one make another account with an id and a webhook path of its own, or use again the one that they
        once were of: the account in use until then takes no new payments, and those that were made with it stay with
        it.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest` that names the credential that is missing, unknown,
        or of the other mode (a live credential with a test key, or the reverse); reasons PROVIDER_UNKNOWN, and
        CREDENTIALS_REFUSED where the provider does not take them; UNAVAILABLE, reason PROVIDER_UNAVAILABLE, when it
        does not say whose they are; FAILED_PRECONDITION, reason ACCOUNT_IN_USE, when nobody can tell any more whose
        the credentials until now were, and a payment that was made with them waits for anything (`same_account`
        helps), or when `same_account` is said of others; ABORTED, reason ACCOUNT_CHANGED. Nothing is changed then.

        Args:
            provider: The provider, such as `stripe`.
            credentials: The credentials by their names. Stripe: `api_key`, `webhook_secret`. PayPal: `client_id`,
                `client_secret`, `webhook_id`. Bank transfer: `api_key`, `webhook_secret`. Several webhook secrets are
                separated by commas. ASCII that can be printed: no header of HTTP could carry others (RFC 9110, 5.5). No
                space before or after, as copying may add.
            same_account: Says that the credentials are of the account that is set, at the provider. It counts only
                where nobody can tell any more, as those until now were revoked before the gateway learned whose they
                were, and is refused where they are known to be another's. Said wrongly, payments without an answer are
                asked for again at another account, and may be charged twice.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            provider_account_service_pb2.SetProviderAccountRequest,
            ("same_account",),
            provider=provider,
            credentials=credentials,
            same_account=same_account,
        )
        return await self._transport.call(
            _SET_PROVIDER_ACCOUNT, request, models.ProviderAccount, timeout, idempotency_key
        )

    async def get(self, provider: str, *, timeout: float | None = None) -> models.ProviderAccount:
        """Returns the merchant's account at a provider. Errors: NOT_FOUND, reason PROVIDER_ACCOUNT_NOT_FOUND.

        Args:
            provider: The provider, such as `stripe`.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(provider_account_service_pb2.GetProviderAccountRequest, provider=provider)
        return await self._transport.call(_GET_PROVIDER_ACCOUNT, request, models.ProviderAccount, timeout)

    def list(self, *, timeout: float | None = None) -> AsyncPages[models.ProviderAccount]:
        """Lists the merchant's accounts, by the provider's name.

        Args:
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(provider_account_service_pb2.ListProviderAccountsRequest)
        return self._transport.pages(_LIST_PROVIDER_ACCOUNTS, request, models.ProviderAccount, timeout)

    async def delete(
        self, provider: str, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.ProviderAccount:
        """Takes the account out of use for new payments, which go through the platform's from then on. Payments that
        were made with it can still be captured, refunded and looked up. Again, it returns the account as it was
        taken out of use. Errors: NOT_FOUND, reason PROVIDER_ACCOUNT_NOT_FOUND, when there never was one.

        Args:
            provider: The provider, such as `stripe`.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(provider_account_service_pb2.DeleteProviderAccountRequest, provider=provider)
        return await self._transport.call(
            _DELETE_PROVIDER_ACCOUNT, request, models.ProviderAccount, timeout, idempotency_key
        )

    async def check(self, provider: str, *, timeout: float | None = None) -> models.CheckProviderAccountResponse:
        """Asks the provider now whether it still takes the account's credentials, and whose they are. Nothing is
        changed.

        Errors: NOT_FOUND, reason PROVIDER_ACCOUNT_NOT_FOUND; UNAVAILABLE, reason PROVIDER_UNAVAILABLE, when it does
        not say.

        Args:
            provider: The provider, such as `stripe`.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(provider_account_service_pb2.CheckProviderAccountRequest, provider=provider)
        return await self._transport.call(
            _CHECK_PROVIDER_ACCOUNT, request, models.CheckProviderAccountResponse, timeout
        )


class Refunds(Waits[models.Refund]):
    """Refunds, as merchants see them. Every RPC acts for the authenticated merchant; another merchant's payment or
    refund is NOT_FOUND.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        payment_id: str,
        *,
        amount: Amount | Omitted = OMITTED,
        reason: str | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.Refund:
        """Gives back a captured payment, all of what is left or a part.

        The refunds of a payment never sum to more than was captured, however many are asked for at once. Idempotent
        with an `Idempotency-Key` header, as CreateOrder is.

        Errors: NOT_FOUND; FAILED_PRECONDITION, reason PAYMENT_NOT_REFUNDABLE, when nothing was captured or nothing
        is left; INVALID_ARGUMENT, reason AMOUNT_TOO_LARGE, above what is left, or reason CAPABILITY_NOT_SUPPORTED
        where the provider gives nothing back, or only the whole; UNAVAILABLE: where its metadata names a
        `refund_id`, that refund is or may be recorded, and a request without a key that is repeated would give the
        money back once more.

        Args:
            payment_id: The payment to give back.
            amount: How much, in the payment's currency. Left out: all that is left.
            reason: The merchant's own words, up to 500 characters.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            refund_service_pb2.CreateRefundRequest,
            ("amount",),
            payment_id=payment_id,
            amount=money(amount),
            reason=reason,
        )
        return self._transport.call(_CREATE_REFUND, request, models.Refund, timeout, idempotency_key)

    def get(self, refund_id: str, *, timeout: float | None = None) -> models.Refund:
        """Returns one refund. Errors: NOT_FOUND, reason REFUND_NOT_FOUND.

        Args:
            refund_id: The refund's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(refund_service_pb2.GetRefundRequest, refund_id=refund_id)
        return self._transport.call(_GET_REFUND, request, models.Refund, timeout)

    def list(
        self,
        payment_id: str | Omitted = OMITTED,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        statuses: Sequence[refund_pb2.Refund.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        order_by: str | None = None,
        order_id: str | Omitted = OMITTED,
        status: refund_pb2.Refund.Status.ValueType | str | Omitted = OMITTED,
        success_time_from: Moment | Omitted = OMITTED,
        success_time_to: Moment | Omitted = OMITTED,
        reverse_time_from: Moment | Omitted = OMITTED,
        reverse_time_to: Moment | Omitted = OMITTED,
        timeout: float | None = None,
    ) -> Pages[models.Refund]:
        """Lists the refunds of a payment, or at `/v1/refunds` of all payments, newest first. Pages follow AIP-158.
        Errors: NOT_FOUND, reason PAYMENT_NOT_FOUND.

        Args:
            payment_id: Only refunds of this payment. Left out: of all payments.
            page_size: How many refunds at the most, up to 100. Left out or 0: 20.
            page_token: `next_page_token` of the page before; empty for the first page.
            statuses: Only refunds in one of these statuses.
            create_time_from: Only refunds that were created at this time or later (RFC 3339).
            create_time_to: Only refunds that were created before this time: a span includes its start and not its end.
            update_time_from: Only refunds that were last changed at this time or later (RFC 3339).
            update_time_to: Only refunds that were last changed before this time: a span includes its start and not its
                end.
            currency: Only refunds in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only refunds of at least this amount, a decimal such as `12.00`.
            max_amount: Only refunds of at most this amount, a decimal such as `12.00`.
            order_by: `create_time desc`, which is the default: the newest first; or `create_time asc`.
            order_id: Only refunds of this order.
            status: Only refunds in this status.
            success_time_from: Only refunds whose money went back at this time or later (RFC 3339).
            success_time_to: Only refunds whose money went back before this time: a span includes its start and not its
                end.
            reverse_time_from: Only refunds whose money came back at this time or later (RFC 3339).
            reverse_time_to: Only refunds whose money came back before this time: a span includes its start and not its
                end.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            refund_service_pb2.ListRefundsRequest,
            (
                "payment_id",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "order_id",
                "status",
                "success_time_from",
                "success_time_to",
                "reverse_time_from",
                "reverse_time_to",
            ),
            payment_id=payment_id,
            page_size=page_size,
            page_token=page_token,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            order_by=order_by,
            order_id=order_id,
            status=status,
            success_time_from=moment(success_time_from),
            success_time_to=moment(success_time_to),
            reverse_time_from=moment(reverse_time_from),
            reverse_time_to=moment(reverse_time_to),
        )
        return self._transport.pages(_LIST_REFUNDS, request, models.Refund, timeout)

    def export(
        self,
        *,
        format: str | None = None,
        payment_id: str | Omitted = OMITTED,
        statuses: Sequence[refund_pb2.Refund.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        order_id: str | Omitted = OMITTED,
        status: refund_pb2.Refund.Status.ValueType | str | Omitted = OMITTED,
        success_time_from: Moment | Omitted = OMITTED,
        success_time_to: Moment | Omitted = OMITTED,
        reverse_time_from: Moment | Omitted = OMITTED,
        reverse_time_to: Moment | Omitted = OMITTED,
    ) -> Iterator[bytes]:
        """Exports the merchant's refunds as one file, oldest first, however many there are: CSV with a line for each,
        amounts as decimals in the currency's own unit and times in UTC, or JSON Lines.

        The key is asked for at the beginning: what is made after that is not in the file, and it takes an hour at
        the most. A file that could not be finished ends with the connection, as an error of the client's, and never
        as a shorter file.

        Errors: INVALID_ARGUMENT; RESOURCE_EXHAUSTED, reason TOO_MANY_EXPORTS, beside two that are under way.

        It yields the file's bytes piece by piece as they come: write each to where the file is to be. An error in
        between means that the file is not whole.

        Args:
            format: `csv`, which is the default, or `jsonl`: a line of JSON for each, as the API shows it.
            payment_id: Only refunds of this payment. Left out: of all payments.
            statuses: Only refunds in one of these statuses.
            create_time_from: Only refunds that were created at this time or later (RFC 3339).
            create_time_to: Only refunds that were created before this time: a span includes its start and not its end.
            update_time_from: Only refunds that were last changed at this time or later (RFC 3339).
            update_time_to: Only refunds that were last changed before this time: a span includes its start and not its
                end.
            currency: Only refunds in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only refunds of at least this amount, a decimal such as `12.00`.
            max_amount: Only refunds of at most this amount, a decimal such as `12.00`.
            order_id: Only refunds of this order.
            status: Only refunds in this status.
            success_time_from: Only refunds whose money went back at this time or later (RFC 3339).
            success_time_to: Only refunds whose money went back before this time: a span includes its start and not its
                end.
            reverse_time_from: Only refunds whose money came back at this time or later (RFC 3339).
            reverse_time_to: Only refunds whose money came back before this time: a span includes its start and not its
                end.
        """
        request = made(
            refund_service_pb2.ExportRefundsRequest,
            (
                "payment_id",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "order_id",
                "status",
                "success_time_from",
                "success_time_to",
                "reverse_time_from",
                "reverse_time_to",
            ),
            format=format,
            payment_id=payment_id,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            order_id=order_id,
            status=status,
            success_time_from=moment(success_time_from),
            success_time_to=moment(success_time_to),
            reverse_time_from=moment(reverse_time_from),
            reverse_time_to=moment(reverse_time_to),
        )
        return self._transport.content(_EXPORT_REFUNDS, request)


class AsyncRefunds(AsyncWaits[models.Refund]):
    """Refunds, as merchants see them. Every RPC acts for the authenticated merchant; another merchant's payment or
    refund is NOT_FOUND.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        payment_id: str,
        *,
        amount: Amount | Omitted = OMITTED,
        reason: str | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.Refund:
        """Gives back a captured payment, all of what is left or a part.

        The refunds of a payment never sum to more than was captured, however many are asked for at once. Idempotent
        with an `Idempotency-Key` header, as CreateOrder is.

        Errors: NOT_FOUND; FAILED_PRECONDITION, reason PAYMENT_NOT_REFUNDABLE, when nothing was captured or nothing
        is left; INVALID_ARGUMENT, reason AMOUNT_TOO_LARGE, above what is left, or reason CAPABILITY_NOT_SUPPORTED
        where the provider gives nothing back, or only the whole; UNAVAILABLE: where its metadata names a
        `refund_id`, that refund is or may be recorded, and a request without a key that is repeated would give the
        money back once more.

        Args:
            payment_id: The payment to give back.
            amount: How much, in the payment's currency. Left out: all that is left.
            reason: The merchant's own words, up to 500 characters.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(
            refund_service_pb2.CreateRefundRequest,
            ("amount",),
            payment_id=payment_id,
            amount=money(amount),
            reason=reason,
        )
        return await self._transport.call(_CREATE_REFUND, request, models.Refund, timeout, idempotency_key)

    async def get(self, refund_id: str, *, timeout: float | None = None) -> models.Refund:
        """Returns one refund. Errors: NOT_FOUND, reason REFUND_NOT_FOUND.

        Args:
            refund_id: The refund's id.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(refund_service_pb2.GetRefundRequest, refund_id=refund_id)
        return await self._transport.call(_GET_REFUND, request, models.Refund, timeout)

    def list(
        self,
        payment_id: str | Omitted = OMITTED,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        statuses: Sequence[refund_pb2.Refund.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        order_by: str | None = None,
        order_id: str | Omitted = OMITTED,
        status: refund_pb2.Refund.Status.ValueType | str | Omitted = OMITTED,
        success_time_from: Moment | Omitted = OMITTED,
        success_time_to: Moment | Omitted = OMITTED,
        reverse_time_from: Moment | Omitted = OMITTED,
        reverse_time_to: Moment | Omitted = OMITTED,
        timeout: float | None = None,
    ) -> AsyncPages[models.Refund]:
        """Lists the refunds of a payment, or at `/v1/refunds` of all payments, newest first. Pages follow AIP-158.
        Errors: NOT_FOUND, reason PAYMENT_NOT_FOUND.

        Args:
            payment_id: Only refunds of this payment. Left out: of all payments.
            page_size: How many refunds at the most, up to 100. Left out or 0: 20.
            page_token: `next_page_token` of the page before; empty for the first page.
            statuses: Only refunds in one of these statuses.
            create_time_from: Only refunds that were created at this time or later (RFC 3339).
            create_time_to: Only refunds that were created before this time: a span includes its start and not its end.
            update_time_from: Only refunds that were last changed at this time or later (RFC 3339).
            update_time_to: Only refunds that were last changed before this time: a span includes its start and not its
                end.
            currency: Only refunds in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only refunds of at least this amount, a decimal such as `12.00`.
            max_amount: Only refunds of at most this amount, a decimal such as `12.00`.
            order_by: `create_time desc`, which is the default: the newest first; or `create_time asc`.
            order_id: Only refunds of this order.
            status: Only refunds in this status.
            success_time_from: Only refunds whose money went back at this time or later (RFC 3339).
            success_time_to: Only refunds whose money went back before this time: a span includes its start and not its
                end.
            reverse_time_from: Only refunds whose money came back at this time or later (RFC 3339).
            reverse_time_to: Only refunds whose money came back before this time: a span includes its start and not its
                end.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            refund_service_pb2.ListRefundsRequest,
            (
                "payment_id",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "order_id",
                "status",
                "success_time_from",
                "success_time_to",
                "reverse_time_from",
                "reverse_time_to",
            ),
            payment_id=payment_id,
            page_size=page_size,
            page_token=page_token,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            order_by=order_by,
            order_id=order_id,
            status=status,
            success_time_from=moment(success_time_from),
            success_time_to=moment(success_time_to),
            reverse_time_from=moment(reverse_time_from),
            reverse_time_to=moment(reverse_time_to),
        )
        return self._transport.pages(_LIST_REFUNDS, request, models.Refund, timeout)

    def export(
        self,
        *,
        format: str | None = None,
        payment_id: str | Omitted = OMITTED,
        statuses: Sequence[refund_pb2.Refund.Status.ValueType | str] | Omitted = OMITTED,
        create_time_from: Moment | Omitted = OMITTED,
        create_time_to: Moment | Omitted = OMITTED,
        update_time_from: Moment | Omitted = OMITTED,
        update_time_to: Moment | Omitted = OMITTED,
        currency: str | Omitted = OMITTED,
        min_amount: str | Omitted = OMITTED,
        max_amount: str | Omitted = OMITTED,
        order_id: str | Omitted = OMITTED,
        status: refund_pb2.Refund.Status.ValueType | str | Omitted = OMITTED,
        success_time_from: Moment | Omitted = OMITTED,
        success_time_to: Moment | Omitted = OMITTED,
        reverse_time_from: Moment | Omitted = OMITTED,
        reverse_time_to: Moment | Omitted = OMITTED,
    ) -> AsyncIterator[bytes]:
        """Exports the merchant's refunds as one file, oldest first, however many there are: CSV with a line for each,
        amounts as decimals in the currency's own unit and times in UTC, or JSON Lines.

        The key is asked for at the beginning: what is made after that is not in the file, and it takes an hour at
        the most. A file that could not be finished ends with the connection, as an error of the client's, and never
        as a shorter file.

        Errors: INVALID_ARGUMENT; RESOURCE_EXHAUSTED, reason TOO_MANY_EXPORTS, beside two that are under way.

        It yields the file's bytes piece by piece as they come: write each to where the file is to be. An error in
        between means that the file is not whole.

        Args:
            format: `csv`, which is the default, or `jsonl`: a line of JSON for each, as the API shows it.
            payment_id: Only refunds of this payment. Left out: of all payments.
            statuses: Only refunds in one of these statuses.
            create_time_from: Only refunds that were created at this time or later (RFC 3339).
            create_time_to: Only refunds that were created before this time: a span includes its start and not its end.
            update_time_from: Only refunds that were last changed at this time or later (RFC 3339).
            update_time_to: Only refunds that were last changed before this time: a span includes its start and not its
                end.
            currency: Only refunds in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
            min_amount: Only refunds of at least this amount, a decimal such as `12.00`.
            max_amount: Only refunds of at most this amount, a decimal such as `12.00`.
            order_id: Only refunds of this order.
            status: Only refunds in this status.
            success_time_from: Only refunds whose money went back at this time or later (RFC 3339).
            success_time_to: Only refunds whose money went back before this time: a span includes its start and not its
                end.
            reverse_time_from: Only refunds whose money came back at this time or later (RFC 3339).
            reverse_time_to: Only refunds whose money came back before this time: a span includes its start and not its
                end.
        """
        request = made(
            refund_service_pb2.ExportRefundsRequest,
            (
                "payment_id",
                "statuses",
                "create_time_from",
                "create_time_to",
                "update_time_from",
                "update_time_to",
                "currency",
                "min_amount",
                "max_amount",
                "order_id",
                "status",
                "success_time_from",
                "success_time_to",
                "reverse_time_from",
                "reverse_time_to",
            ),
            format=format,
            payment_id=payment_id,
            statuses=statuses,
            create_time_from=moment(create_time_from),
            create_time_to=moment(create_time_to),
            update_time_from=moment(update_time_from),
            update_time_to=moment(update_time_to),
            currency=currency,
            min_amount=min_amount,
            max_amount=max_amount,
            order_id=order_id,
            status=status,
            success_time_from=moment(success_time_from),
            success_time_to=moment(success_time_to),
            reverse_time_from=moment(reverse_time_from),
            reverse_time_to=moment(reverse_time_to),
        )
        return self._transport.content(_EXPORT_REFUNDS, request)


class RoutingPolicy:
    """The merchant's routing policy: which provider takes a payment whose request names none."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, *, timeout: float | None = None) -> models.RoutingPolicy:
        """Returns the policy; without rules when none was ever set, and then the gateway's own order of providers
        applies.

        Args:
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(routing_service_pb2.GetRoutingPolicyRequest)
        return self._transport.call(_GET_ROUTING_POLICY, request, models.RoutingPolicy, timeout)

    def update(
        self,
        *,
        rules: Sequence[routing_service_pb2.RoutingRule] | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.RoutingPolicy:
        """Replaces the policy as a whole. Without rules the gateway's own order of providers applies again.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest`, reason PROVIDER_UNKNOWN for a target that is not on
        here.

        Args:
            rules: The rules, in the order in which they are tried.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(routing_service_pb2.UpdateRoutingPolicyRequest, ("rules",), rules=rules)
        return self._transport.call(_UPDATE_ROUTING_POLICY, request, models.RoutingPolicy, timeout, idempotency_key)

    def preview_route(
        self, *, amount: Amount, customer_country: str | None = None, timeout: float | None = None
    ) -> models.PreviewRouteResponse:
        """Says which provider would take a payment, and why, as the policy and the providers are now. Nothing is made,
        and no provider is asked. Where the rule that decides has several weights, a payment is drawn by them; this
        names each.

        Args:
            amount: What it would be of.
            customer_country: The customer's country, ISO 3166-1 alpha-2 in upper case. Empty: it is not known.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(routing_service_pb2.PreviewRouteRequest, amount=money(amount), customer_country=customer_country)
        return self._transport.call(_PREVIEW_ROUTE, request, models.PreviewRouteResponse, timeout)

    def list_versions(self, *, timeout: float | None = None) -> Pages[models.RoutingPolicyVersion]:
        """Lists what the policy was, newest first: the last 100 times that it was replaced.

        Args:
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(routing_service_pb2.ListRoutingPolicyVersionsRequest)
        return self._transport.pages(_LIST_ROUTING_POLICY_VERSIONS, request, models.RoutingPolicyVersion, timeout)


class AsyncRoutingPolicy:
    """The merchant's routing policy: which provider takes a payment whose request names none."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(self, *, timeout: float | None = None) -> models.RoutingPolicy:
        """Returns the policy; without rules when none was ever set, and then the gateway's own order of providers
        applies.

        Args:
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(routing_service_pb2.GetRoutingPolicyRequest)
        return await self._transport.call(_GET_ROUTING_POLICY, request, models.RoutingPolicy, timeout)

    async def update(
        self,
        *,
        rules: Sequence[routing_service_pb2.RoutingRule] | Omitted = OMITTED,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> models.RoutingPolicy:
        """Replaces the policy as a whole. Without rules the gateway's own order of providers applies again.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest`, reason PROVIDER_UNKNOWN for a target that is not on
        here.

        Args:
            rules: The rules, in the order in which they are tried.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(routing_service_pb2.UpdateRoutingPolicyRequest, ("rules",), rules=rules)
        return await self._transport.call(
            _UPDATE_ROUTING_POLICY, request, models.RoutingPolicy, timeout, idempotency_key
        )

    async def preview_route(
        self, *, amount: Amount, customer_country: str | None = None, timeout: float | None = None
    ) -> models.PreviewRouteResponse:
        """Says which provider would take a payment, and why, as the policy and the providers are now. Nothing is made,
        and no provider is asked. Where the rule that decides has several weights, a payment is drawn by them; this
        names each.

        Args:
            amount: What it would be of.
            customer_country: The customer's country, ISO 3166-1 alpha-2 in upper case. Empty: it is not known.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(routing_service_pb2.PreviewRouteRequest, amount=money(amount), customer_country=customer_country)
        return await self._transport.call(_PREVIEW_ROUTE, request, models.PreviewRouteResponse, timeout)

    def list_versions(self, *, timeout: float | None = None) -> AsyncPages[models.RoutingPolicyVersion]:
        """Lists what the policy was, newest first: the last 100 times that it was replaced.

        Args:
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(routing_service_pb2.ListRoutingPolicyVersionsRequest)
        return self._transport.pages(_LIST_ROUTING_POLICY_VERSIONS, request, models.RoutingPolicyVersion, timeout)


class TestClock:
    """The test clock: it lets what waits happen now, for test data alone. Nobody has to wait a day to see an order
    expire.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, *, timeout: float | None = None) -> models.TestClock:
        """Returns how far the merchant's test data was moved on.

        Errors: FAILED_PRECONDITION, reason TEST_MODE_ONLY, for a live key.

        Args:
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(test_clock_service_pb2.GetTestClockRequest)
        return self._transport.call(_GET_TEST_CLOCK, request, models.TestClock, timeout)

    def advance(
        self, *, by: Span, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.TestClock:
        """Brings what the merchant's test data waits for nearer, as if so much time had passed.

        Orders and payment links end as much earlier, webhooks that wait are tried again, payments, refunds and
        operations that wait are asked about at their provider, held amounts come to the end of their time, replaced
        signing secrets and old idempotency keys end. What is created afterwards begins at the present. Nothing goes
        backwards, and nothing is decided by it: an outcome that is not known is asked for at the provider, only
        earlier.

        Times of what has happened stay as they are, such as `create_time`, and so does all that has ended.

        Deadlines have moved in all services within a second, and due orders are looked for every 5 seconds: wait for
        the status. Of each kind the newest 5,000 are moved on.

        Idempotent with an `Idempotency-Key` header, as `CreatePayment` is.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest`; FAILED_PRECONDITION, reason TEST_MODE_ONLY, for a
        live key; RESOURCE_EXHAUSTED, reason CLOCK_JUST_ADVANCED, within a second of the last time.

        Args:
            by: By how much, from a second to 366 days: in JSON as seconds, such as `"90000s"` for 25 hours.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(test_clock_service_pb2.AdvanceTestClockRequest, by=span(by))
        return self._transport.call(_ADVANCE_TEST_CLOCK, request, models.TestClock, timeout, idempotency_key)


class AsyncTestClock:
    """The test clock: it lets what waits happen now, for test data alone. Nobody has to wait a day to see an order
    expire.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(self, *, timeout: float | None = None) -> models.TestClock:
        """Returns how far the merchant's test data was moved on.

        Errors: FAILED_PRECONDITION, reason TEST_MODE_ONLY, for a live key.

        Args:
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(test_clock_service_pb2.GetTestClockRequest)
        return await self._transport.call(_GET_TEST_CLOCK, request, models.TestClock, timeout)

    async def advance(
        self, *, by: Span, timeout: float | None = None, idempotency_key: str | None = None
    ) -> models.TestClock:
        """Brings what the merchant's test data waits for nearer, as if so much time had passed.

        Orders and payment links end as much earlier, webhooks that wait are tried again, payments, refunds and
        operations that wait are asked about at their provider, held amounts come to the end of their time, replaced
        signing secrets and old idempotency keys end. What is created afterwards begins at the present. Nothing goes
        backwards, and nothing is decided by it: an outcome that is not known is asked for at the provider, only
        earlier.

        Times of what has happened stay as they are, such as `create_time`, and so does all that has ended.

        Deadlines have moved in all services within a second, and due orders are looked for every 5 seconds: wait for
        the status. Of each kind the newest 5,000 are moved on.

        Idempotent with an `Idempotency-Key` header, as `CreatePayment` is.

        Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest`; FAILED_PRECONDITION, reason TEST_MODE_ONLY, for a
        live key; RESOURCE_EXHAUSTED, reason CLOCK_JUST_ADVANCED, within a second of the last time.

        Args:
            by: By how much, from a second to 366 days: in JSON as seconds, such as `"90000s"` for 25 hours.
            timeout: Seconds, with all attempts; left out: the client's.
            idempotency_key: The same for all attempts; left out: a new one.
        """
        request = made(test_clock_service_pb2.AdvanceTestClockRequest, by=span(by))
        return await self._transport.call(_ADVANCE_TEST_CLOCK, request, models.TestClock, timeout, idempotency_key)


class OrderTimeline:
    """What happened to an order, from its creation on."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(
        self,
        order_id: str,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        timeout: float | None = None,
    ) -> models.OrderTimeline:
        """Returns every change of an order, its payments, their attempts, refunds and disputes, and every provider
        webhook that came for them, oldest first, in pages.

        Errors: NOT_FOUND, reason ORDER_NOT_FOUND; INVALID_ARGUMENT, reason PAGE_TOKEN_INVALID.

        Args:
            order_id: The order's id.
            page_size: How many entries a page has at the most, 1 to 500; 500 when left out.
            page_token: `next_page_token` of the page before.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            timeline_service_pb2.GetOrderTimelineRequest, order_id=order_id, page_size=page_size, page_token=page_token
        )
        return self._transport.call(_GET_ORDER_TIMELINE, request, models.OrderTimeline, timeout)

    def list_provider_exchanges(
        self, payment_id: str, *, page_size: int | None = None, timeout: float | None = None
    ) -> Pages[models.ProviderExchange]:
        """Lists what was said to providers about a payment, what they answered, and the webhooks of theirs that came
        for it: the newest, oldest first.

        Of each body only fields are kept that a provider's own list names, without card numbers, keys and who the
        customer is; what is longer than 1,500 characters is cut off. Calls are written down within a second or two
        after they were made, and deleted after 90 days unless the gateway's operator has set another time; a process
        that is killed may take its last ones along. They explain what happened and prove nothing: what counts is the
        payment.

        Errors: NOT_FOUND, reason PAYMENT_NOT_FOUND.

        Args:
            payment_id: The payment's id.
            page_size: How many to return at the most, 1 to 200; 100 when left out.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(timeline_service_pb2.ListProviderExchangesRequest, payment_id=payment_id, page_size=page_size)
        return self._transport.pages(_LIST_PROVIDER_EXCHANGES, request, models.ProviderExchange, timeout)


class AsyncOrderTimeline:
    """What happened to an order, from its creation on."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(
        self,
        order_id: str,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        timeout: float | None = None,
    ) -> models.OrderTimeline:
        """Returns every change of an order, its payments, their attempts, refunds and disputes, and every provider
        webhook that came for them, oldest first, in pages.

        Errors: NOT_FOUND, reason ORDER_NOT_FOUND; INVALID_ARGUMENT, reason PAGE_TOKEN_INVALID.

        Args:
            order_id: The order's id.
            page_size: How many entries a page has at the most, 1 to 500; 500 when left out.
            page_token: `next_page_token` of the page before.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(
            timeline_service_pb2.GetOrderTimelineRequest, order_id=order_id, page_size=page_size, page_token=page_token
        )
        return await self._transport.call(_GET_ORDER_TIMELINE, request, models.OrderTimeline, timeout)

    def list_provider_exchanges(
        self, payment_id: str, *, page_size: int | None = None, timeout: float | None = None
    ) -> AsyncPages[models.ProviderExchange]:
        """Lists what was said to providers about a payment, what they answered, and the webhooks of theirs that came
        for it: the newest, oldest first.

        Of each body only fields are kept that a provider's own list names, without card numbers, keys and who the
        customer is; what is longer than 1,500 characters is cut off. Calls are written down within a second or two
        after they were made, and deleted after 90 days unless the gateway's operator has set another time; a process
        that is killed may take its last ones along. They explain what happened and prove nothing: what counts is the
        payment.

        Errors: NOT_FOUND, reason PAYMENT_NOT_FOUND.

        Args:
            payment_id: The payment's id.
            page_size: How many to return at the most, 1 to 200; 100 when left out.
            timeout: Seconds, with all attempts; left out: the client's.
        """
        request = made(timeline_service_pb2.ListProviderExchangesRequest, payment_id=payment_id, page_size=page_size)
        return self._transport.pages(_LIST_PROVIDER_EXCHANGES, request, models.ProviderExchange, timeout)


class Resources:
    """All resources, by their names."""

    def __init__(self, transport: Transport) -> None:
        self.events = Events(transport)
        self.notification_channels = NotificationChannels(transport)
        self.webhook_endpoints = WebhookEndpoints(transport)
        self.push_key = PushKey(transport)
        self.orders = Orders(transport)
        self.payment_links = PaymentLinks(transport)
        self.disputes = Disputes(transport)
        self.payments = Payments(transport)
        self.provider_accounts = ProviderAccounts(transport)
        self.refunds = Refunds(transport)
        self.routing_policy = RoutingPolicy(transport)
        self.test_clock = TestClock(transport)
        self.order_timeline = OrderTimeline(transport)


class AsyncResources:
    """All resources, by their names."""

    def __init__(self, transport: AsyncTransport) -> None:
        self.events = AsyncEvents(transport)
        self.notification_channels = AsyncNotificationChannels(transport)
        self.webhook_endpoints = AsyncWebhookEndpoints(transport)
        self.push_key = AsyncPushKey(transport)
        self.orders = AsyncOrders(transport)
        self.payment_links = AsyncPaymentLinks(transport)
        self.disputes = AsyncDisputes(transport)
        self.payments = AsyncPayments(transport)
        self.provider_accounts = AsyncProviderAccounts(transport)
        self.refunds = AsyncRefunds(transport)
        self.routing_policy = AsyncRoutingPolicy(transport)
        self.test_clock = AsyncTestClock(transport)
        self.order_timeline = AsyncOrderTimeline(transport)
