// Made from the contract by `make gen`, never edited.
import { named } from "./webhooks.js";

export class Events {
  constructor(transport) {
    this._transport = transport;
  }

  get(eventId, params, options) {
    return this._transport.call("GET", `/v1/events/${encodeURIComponent(eventId)}`, params, options).then(named);
  }

  list(params, options) {
    return this._transport.pages(`/v1/events`, "events", params, options, named);
  }

  listDeliveries(eventId, params, options) {
    return this._transport.pages(`/v1/events/${encodeURIComponent(eventId)}/deliveries`, "deliveries", params, options);
  }

  resend(eventId, params, options) {
    return this._transport.call("POST", `/v1/events/${encodeURIComponent(eventId)}/resend`, params, options);
  }

  resendMany(params, options) {
    return this._transport.call("POST", `/v1/events:resend`, params, options);
  }

  stream(params, options) {
    return this._transport.events(`/v1/events:stream`, params, options);
  }
}

export class NotificationChannels {
  constructor(transport) {
    this._transport = transport;
  }

  create(params, options) {
    return this._transport.call("POST", `/v1/notification_channels`, params, options);
  }

  get(notificationChannelId, params, options) {
    return this._transport.call("GET", `/v1/notification_channels/${encodeURIComponent(notificationChannelId)}`, params, options);
  }

  list(params, options) {
    return this._transport.pages(`/v1/notification_channels`, "notification_channels", params, options);
  }

  update(notificationChannelId, params, options) {
    return this._transport.call("PATCH", `/v1/notification_channels/${encodeURIComponent(notificationChannelId)}`, params, options);
  }

  delete(notificationChannelId, params, options) {
    return this._transport.call("DELETE", `/v1/notification_channels/${encodeURIComponent(notificationChannelId)}`, params, options);
  }

  ping(notificationChannelId, params, options) {
    return this._transport.call("POST", `/v1/notification_channels/${encodeURIComponent(notificationChannelId)}/ping`, params, options).then(named);
  }

  confirm(notificationChannelId, params, options) {
    return this._transport.call("POST", `/v1/notification_channels/${encodeURIComponent(notificationChannelId)}/confirm`, params, options);
  }
}

export class WebhookEndpoints {
  constructor(transport) {
    this._transport = transport;
  }

  create(params, options) {
    return this._transport.call("POST", `/v1/webhook_endpoints`, params, options);
  }

  get(webhookEndpointId, params, options) {
    return this._transport.call("GET", `/v1/webhook_endpoints/${encodeURIComponent(webhookEndpointId)}`, params, options);
  }

  list(params, options) {
    return this._transport.pages(`/v1/webhook_endpoints`, "webhook_endpoints", params, options);
  }

  update(webhookEndpointId, params, options) {
    return this._transport.call("PATCH", `/v1/webhook_endpoints/${encodeURIComponent(webhookEndpointId)}`, params, options);
  }

  delete(webhookEndpointId, params, options) {
    return this._transport.call("DELETE", `/v1/webhook_endpoints/${encodeURIComponent(webhookEndpointId)}`, params, options);
  }

  ping(webhookEndpointId, params, options) {
    return this._transport.call("POST", `/v1/webhook_endpoints/${encodeURIComponent(webhookEndpointId)}/ping`, params, options).then(named);
  }

  rotateSecret(webhookEndpointId, params, options) {
    return this._transport.call("POST", `/v1/webhook_endpoints/${encodeURIComponent(webhookEndpointId)}/rotate_secret`, params, options);
  }

  listDeliveries(webhookEndpointId, params, options) {
    return this._transport.pages(webhookEndpointId ? `/v1/webhook_endpoints/${encodeURIComponent(webhookEndpointId)}/deliveries` : `/v1/deliveries`, "deliveries", params, options);
  }
}

export class PushKey {
  constructor(transport) {
    this._transport = transport;
  }

  get(params, options) {
    return this._transport.call("GET", `/v1/push_key`, params, options);
  }
}

export class Orders {
  constructor(transport) {
    this._transport = transport;
  }

  create(params, options) {
    return this._transport.call("POST", `/v1/orders`, params, options);
  }

  get(orderId, params, options) {
    return this._transport.call("GET", `/v1/orders/${encodeURIComponent(orderId)}`, params, options);
  }

  list(params, options) {
    return this._transport.pages(`/v1/orders`, "orders", params, options);
  }

  cancel(orderId, params, options) {
    return this._transport.call("POST", `/v1/orders/${encodeURIComponent(orderId)}/cancel`, params, options);
  }

  export(params, options) {
    return this._transport.content(`/v1/orders:export`, params, options);
  }

  wait(id, options) {
    const known = ["NEW", "PROCESSING", "SUCCESS", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_REFUNDED", "REFUNDED"];
    return this._transport.wait(() => this.get(id), "Order", known, options);
  }
}

export class PaymentLinks {
  constructor(transport) {
    this._transport = transport;
  }

  create(params, options) {
    return this._transport.call("POST", `/v1/payment_links`, params, options);
  }

  get(paymentLinkId, params, options) {
    return this._transport.call("GET", `/v1/payment_links/${encodeURIComponent(paymentLinkId)}`, params, options);
  }

  list(params, options) {
    return this._transport.pages(`/v1/payment_links`, "payment_links", params, options);
  }

  update(paymentLinkId, params, options) {
    return this._transport.call("PATCH", `/v1/payment_links/${encodeURIComponent(paymentLinkId)}`, params, options);
  }

  wait(id, options) {
    const known = ["ACTIVE", "USED_UP", "EXPIRED", "DISABLED"];
    return this._transport.wait(() => this.get(id), "PaymentLink", known, options);
  }
}

export class Disputes {
  constructor(transport) {
    this._transport = transport;
  }

  get(disputeId, params, options) {
    return this._transport.call("GET", `/v1/disputes/${encodeURIComponent(disputeId)}`, params, options);
  }

  list(params, options) {
    return this._transport.pages(`/v1/disputes`, "disputes", params, options);
  }

  export(params, options) {
    return this._transport.content(`/v1/disputes:export`, params, options);
  }

  wait(id, options) {
    const known = ["NEEDS_RESPONSE", "UNDER_REVIEW", "WON", "LOST", "CLOSED"];
    return this._transport.wait(() => this.get(id), "Dispute", known, options);
  }
}

export class Payments {
  constructor(transport) {
    this._transport = transport;
  }

  create(params, options) {
    return this._transport.call("POST", `/v1/payments`, params, options);
  }

  get(paymentId, params, options) {
    return this._transport.call("GET", `/v1/payments/${encodeURIComponent(paymentId)}`, params, options);
  }

  capture(paymentId, params, options) {
    return this._transport.call("POST", `/v1/payments/${encodeURIComponent(paymentId)}/capture`, params, options);
  }

  cancel(paymentId, params, options) {
    return this._transport.call("POST", `/v1/payments/${encodeURIComponent(paymentId)}/cancel`, params, options);
  }

  list(params, options) {
    return this._transport.pages(`/v1/payments`, "payments", params, options);
  }

  export(params, options) {
    return this._transport.content(`/v1/payments:export`, params, options);
  }

  wait(id, options) {
    const known = ["INITIATED", "PROCESSING", "AUTHORIZED", "SUCCESS", "FAILED", "CANCELLED", "NEEDS_REVIEW", "REQUIRES_ACTION"];
    return this._transport.wait(() => this.get(id), "Payment", known, options);
  }
}

export class ProviderAccounts {
  constructor(transport) {
    this._transport = transport;
  }

  set(provider, params, options) {
    return this._transport.call("PUT", `/v1/provider_accounts/${encodeURIComponent(provider)}`, params, options);
  }

  get(provider, params, options) {
    return this._transport.call("GET", `/v1/provider_accounts/${encodeURIComponent(provider)}`, params, options);
  }

  list(params, options) {
    return this._transport.pages(`/v1/provider_accounts`, "provider_accounts", params, options);
  }

  delete(provider, params, options) {
    return this._transport.call("DELETE", `/v1/provider_accounts/${encodeURIComponent(provider)}`, params, options);
  }

  check(provider, params, options) {
    return this._transport.call("POST", `/v1/provider_accounts/${encodeURIComponent(provider)}/check`, params, options);
  }
}

export class Refunds {
  constructor(transport) {
    this._transport = transport;
  }

  create(paymentId, params, options) {
    return this._transport.call("POST", `/v1/payments/${encodeURIComponent(paymentId)}/refunds`, params, options);
  }

  get(refundId, params, options) {
    return this._transport.call("GET", `/v1/refunds/${encodeURIComponent(refundId)}`, params, options);
  }

  list(paymentId, params, options) {
    return this._transport.pages(paymentId ? `/v1/payments/${encodeURIComponent(paymentId)}/refunds` : `/v1/refunds`, "refunds", params, options);
  }

  export(params, options) {
    return this._transport.content(`/v1/refunds:export`, params, options);
  }

  wait(id, options) {
    const known = ["PENDING", "SUCCESS", "FAILED", "NEEDS_REVIEW"];
    return this._transport.wait(() => this.get(id), "Refund", known, options);
  }
}

export class RoutingPolicy {
  constructor(transport) {
    this._transport = transport;
  }

  get(params, options) {
    return this._transport.call("GET", `/v1/routing_policy`, params, options);
  }

  update(params, options) {
    return this._transport.call("PUT", `/v1/routing_policy`, params, options);
  }

  previewRoute(params, options) {
    return this._transport.call("POST", `/v1/routing_policy:preview`, params, options);
  }

  listVersions(params, options) {
    return this._transport.pages(`/v1/routing_policy/versions`, "routing_policy_versions", params, options);
  }
}

export class TestClock {
  constructor(transport) {
    this._transport = transport;
  }

  get(params, options) {
    return this._transport.call("GET", `/v1/test_clock`, params, options);
  }

  advance(params, options) {
    return this._transport.call("POST", `/v1/test_clock/advance`, params, options);
  }
}

export class OrderTimeline {
  constructor(transport) {
    this._transport = transport;
  }

  get(orderId, params, options) {
    return this._transport.call("GET", `/v1/orders/${encodeURIComponent(orderId)}/timeline`, params, options);
  }

  listProviderExchanges(paymentId, params, options) {
    return this._transport.pages(`/v1/payments/${encodeURIComponent(paymentId)}/provider_exchanges`, "exchanges", params, options);
  }
}

export class Resources {
  constructor(transport) {
    this.events = new Events(transport);
    this.notificationChannels = new NotificationChannels(transport);
    this.webhookEndpoints = new WebhookEndpoints(transport);
    this.pushKey = new PushKey(transport);
    this.orders = new Orders(transport);
    this.paymentLinks = new PaymentLinks(transport);
    this.disputes = new Disputes(transport);
    this.payments = new Payments(transport);
    this.providerAccounts = new ProviderAccounts(transport);
    this.refunds = new Refunds(transport);
    this.routingPolicy = new RoutingPolicy(transport);
    this.testClock = new TestClock(transport);
    this.orderTimeline = new OrderTimeline(transport);
  }
}
