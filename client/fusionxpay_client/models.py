"""What answers are, a class a message. Made from the contract by `make gen`, never edited."""

from __future__ import annotations

from datetime import datetime, timedelta

from fusionx.type.v1.money_pb2 import Money

from fusionxpay_client.answers import Model, Word


class CheckProviderAccountResponse(Model):
    """CheckProviderAccountResponse, as the gateway answers it."""

    accepted: bool
    identity: str
    refusal: str


class Delivery(Model):
    """Delivery, as the gateway answers it."""

    delivery_id: str
    webhook_endpoint_id: str
    status: Word
    next_attempt_time: datetime | None
    attempts: list[DeliveryAttempt]
    notification_channel_id: str
    event_id: str
    event_type: str


class DeliveryAttempt(Model):
    """DeliveryAttempt, as the gateway answers it."""

    attempt: int
    time: datetime
    http_status: int
    duration_ms: int
    answer: str
    failure: str


class DisabledEndpoint(Model):
    """DisabledEndpoint, as the gateway answers it."""

    endpoint_id: str
    kind: Word
    description: str
    disable_reason: str
    disable_time: datetime


class Dispute(Model):
    """Dispute, as the gateway answers it."""

    dispute_id: str
    payment_id: str
    order_id: str
    amount: Money
    status: Word
    reason: str
    provider_reference: str
    respond_before: datetime | None
    version: int
    create_time: datetime | None
    update_time: datetime
    merchant_order_id: str
    withdrawn_amount: Money | None
    withdraw_time: datetime | None
    reinstate_time: datetime | None
    in_refunds: bool


class Email(Model):
    """Email, as the gateway answers it."""

    address: str


class Event(Model):
    """Event, as the gateway answers it."""

    event_id: str
    type: str
    create_time: datetime
    resource_id: str
    resource_version: int
    order_id: str
    data: EventData
    id: str
    timestamp: datetime


class EventData(Model):
    """EventData, as the gateway answers it."""

    order: Order
    payment: Payment
    refund: Refund
    dispute: Dispute
    ping: Ping
    endpoint: DisabledEndpoint


class ListDisputesResponse(Model):
    """ListDisputesResponse, as the gateway answers it."""

    disputes: list[Dispute]
    next_page_token: str


class ListEventDeliveriesResponse(Model):
    """ListEventDeliveriesResponse, as the gateway answers it."""

    deliveries: list[Delivery]


class ListEventsResponse(Model):
    """ListEventsResponse, as the gateway answers it."""

    events: list[Event]
    next_page_token: str


class ListNotificationChannelsResponse(Model):
    """ListNotificationChannelsResponse, as the gateway answers it."""

    notification_channels: list[NotificationChannel]


class ListOrdersResponse(Model):
    """ListOrdersResponse, as the gateway answers it."""

    orders: list[Order]
    next_page_token: str


class ListPaymentLinksResponse(Model):
    """ListPaymentLinksResponse, as the gateway answers it."""

    payment_links: list[PaymentLink]
    next_page_token: str


class ListPaymentsResponse(Model):
    """ListPaymentsResponse, as the gateway answers it."""

    payments: list[Payment]
    next_page_token: str


class ListProviderAccountsResponse(Model):
    """ListProviderAccountsResponse, as the gateway answers it."""

    provider_accounts: list[ProviderAccount]


class ListProviderExchangesResponse(Model):
    """ListProviderExchangesResponse, as the gateway answers it."""

    exchanges: list[ProviderExchange]
    has_older: bool


class ListRefundsResponse(Model):
    """ListRefundsResponse, as the gateway answers it."""

    refunds: list[Refund]
    next_page_token: str


class ListRoutingPolicyVersionsResponse(Model):
    """ListRoutingPolicyVersionsResponse, as the gateway answers it."""

    routing_policy_versions: list[RoutingPolicyVersion]


class ListWebhookEndpointDeliveriesResponse(Model):
    """ListWebhookEndpointDeliveriesResponse, as the gateway answers it."""

    deliveries: list[Delivery]
    next_page_token: str


class ListWebhookEndpointsResponse(Model):
    """ListWebhookEndpointsResponse, as the gateway answers it."""

    webhook_endpoints: list[WebhookEndpoint]


class NotificationChannel(Model):
    """NotificationChannel, as the gateway answers it."""

    notification_channel_id: str
    email: Email
    push: PushSubscription
    event_types: list[str]
    description: str
    language: Word
    enabled: bool
    disable_reason: Word | None
    create_time: datetime
    update_time: datetime


class Order(Model):
    """Order, as the gateway answers it."""

    order_id: str
    merchant_order_id: str
    amount: Money
    status: Word
    description: str
    metadata: dict[str, str]
    payment_id: str
    version: int
    create_time: datetime
    update_time: datetime
    expire_time: datetime
    paid_amount: Money | None
    refunded_amount: Money | None
    open_amount: Money | None
    payment_link_id: str


class OrderTimeline(Model):
    """OrderTimeline, as the gateway answers it."""

    order_id: str
    entries: list[OrderTimelineEntry]
    next_page_token: str


class OrderTimelineEntry(Model):
    """OrderTimelineEntry, as the gateway answers it."""

    time: datetime
    resource: str
    resource_id: str
    version: int
    status: str
    detail: str
    actor: str
    cause: str
    trace_id: str


class Payment(Model):
    """Payment, as the gateway answers it."""

    payment_id: str
    order_id: str
    provider: str
    provider_reference: str
    amount: Money
    status: Word
    payment_method: str
    return_url: str
    redirect_url: str
    failure: PaymentFailure | None
    version: int
    create_time: datetime
    update_time: datetime
    capture_method: Word
    captured_amount: Money | None
    refunded_amount: Money | None
    attempts: list[PaymentAttempt]
    routing: PaymentRouting | None
    capture_before: datetime
    next_action: PaymentNextAction | None
    surplus: bool
    cancel_url: str
    merchant_order_id: str
    surplus_amount: Money | None
    capture_time: datetime | None


class PaymentAttempt(Model):
    """PaymentAttempt, as the gateway answers it."""

    number: int
    provider: str
    provider_reference: str
    status: Word
    failure: PaymentFailure
    create_time: datetime
    end_time: datetime


class PaymentFailure(Model):
    """PaymentFailure, as the gateway answers it."""

    code: str
    message: str
    provider_code: str


class PaymentLink(Model):
    """PaymentLink, as the gateway answers it."""

    payment_link_id: str
    url: str
    amount: Money
    status: Word
    description: str
    merchant_order_id: str
    metadata: dict[str, str]
    return_url: str
    max_uses: int
    uses: int
    paid_uses: int
    create_time: datetime
    update_time: datetime
    expire_time: datetime | None


class PaymentNextAction(Model):
    """PaymentNextAction, as the gateway answers it."""

    type: Word
    url: str
    client_secret: str
    provider_type: str


class PaymentRouting(Model):
    """PaymentRouting, as the gateway answers it."""

    rule: str
    reason: str


class Ping(Model):
    """Ping, as the gateway answers it."""

    webhook_endpoint_id: str
    notification_channel_id: str | None


class PreviewRouteResponse(Model):
    """PreviewRouteResponse, as the gateway answers it."""

    rule: str
    condition: str
    candidates: list[RouteCandidate]


class ProviderAccount(Model):
    """ProviderAccount, as the gateway answers it."""

    provider_account_id: str
    provider: str
    credentials: list[str]
    webhook_path: str
    create_time: datetime
    update_time: datetime
    delete_time: datetime | None
    identity: str


class ProviderExchange(Model):
    """ProviderExchange, as the gateway answers it."""

    kind: Word
    time: datetime
    provider: str
    operation: str
    method: str
    path: str
    http_status: int
    duration_us: int
    provider_request_id: str
    idempotency_key: str
    error: str
    status: str
    request: str
    answer: str
    trace_id: str


class PushKey(Model):
    """PushKey, as the gateway answers it."""

    application_server_key: str


class PushSubscription(Model):
    """PushSubscription, as the gateway answers it."""

    endpoint: str
    expiration_time: float
    keys: PushSubscriptionKeys


class PushSubscriptionKeys(Model):
    """PushSubscriptionKeys, as the gateway answers it."""

    p256dh: str
    auth: str


class Refund(Model):
    """Refund, as the gateway answers it."""

    refund_id: str
    payment_id: str
    order_id: str
    amount: Money
    status: Word
    reason: str
    provider_reference: str
    failure: PaymentFailure
    version: int
    create_time: datetime
    update_time: datetime
    merchant_order_id: str
    of_surplus: bool
    success_time: datetime | None
    reverse_time: datetime | None


class ResendEventsResponse(Model):
    """ResendEventsResponse, as the gateway answers it."""

    events: int
    deliveries: int


class RouteCandidate(Model):
    """RouteCandidate, as the gateway answers it."""

    provider: str
    percent: float
    refusal: str


class RoutingPolicy(Model):
    """RoutingPolicy, as the gateway answers it."""

    rules: list[RoutingRule]
    update_time: datetime | None


class RoutingPolicyVersion(Model):
    """RoutingPolicyVersion, as the gateway answers it."""

    rules: list[RoutingRule]
    create_time: datetime
    trace_id: str


class RoutingRule(Model):
    """RoutingRule, as the gateway answers it."""

    name: str
    currencies: list[str]
    min_amount: Money
    max_amount: Money
    countries: list[str]
    targets: list[RoutingTarget]


class RoutingTarget(Model):
    """RoutingTarget, as the gateway answers it."""

    provider: str
    weight: int


class TestClock(Model):
    """TestClock, as the gateway answers it."""

    advanced: timedelta
    update_time: datetime | None


class WebhookEndpoint(Model):
    """WebhookEndpoint, as the gateway answers it."""

    webhook_endpoint_id: str
    url: str
    secret: str
    create_time: datetime
    event_types: list[str]
    description: str
    enabled: bool
    disable_reason: Word | None
    update_time: datetime
    old_secret_expire_time: datetime | None
    signature_scheme: Word
    public_key: str
