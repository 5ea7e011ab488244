// Made from the contract by `make gen`, never edited.
import { segment } from "./checks.js";
import { named } from "./webhooks.js";

export class Events {
  constructor(transport) {
    this._transport = transport;
  }

  async get(eventId, params, options) {
    return this._transport.call("GET", `/v1/events/${segment("eventId", eventId)}`, params, options).then(named);
  }

  list(params, options) {
    return this._transport.pages(`/v1/events`, "events", params, options, named);
  }

  listDeliveries(eventId, params, options) {
    return this._transport.pages(`/v1/events/${segment("eventId", eventId)}/deliveries`, "deliveries", params, options);
  }

  async resend(eventId, params, options) {
    return this._transport.call("POST", `/v1/events/${segment("eventId", eventId)}/resend`, params, options);
  }

  async resendMany(params, options) {
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

  async create(params, options) {
    return this._transport.call("POST", `/v1/notification_channels`, params, options);
  }

  async get(notificationChannelId, params, options) {
    return this._transport.call("GET", `/v1/notification_channels/${segment("notificationChannelId", notificationChannelId)}`, params, options);
  }

  list(params, options) {
    return this._transport.pages(`/v1/notification_channels`, "notification_channels", params, options);
  }

  async update(notificationChannelId, params, options) {
    return this._transport.call("PATCH", `/v1/notification_channels/${segment("notificationChannelId", notificationChannelId)}`, params, options);
  }

  async delete(notificationChannelId, params, options) {
    return this._transport.call("DELETE", `/v1/notification_channels/${segment("notificationChannelId", notificationChannelId)}`, params, options);
  }

  async ping(notificationChannelId, params, options) {
    return this._transport.call("POST", `/v1/notification_channels/${segment("notificationChannelId", notificationChannelId)}/ping`, params, options).then(named);
  }

  async confirm(notificationChannelId, params, options) {
    return this._transport.call("POST", `/v1/notification_channels/${segment("notificationChannelId", notificationChannelId)}/confirm`, params, options);
  }
}

export class WebhookEndpoints {
  constructor(transport) {
    this._transport = transport;
  }

  async create(params, options) {
    return this._transport.call("POST", `/v1/webhook_endpoints`, params, options);
  }

  async get(webhookEndpointId, params, options) {
    return this._transport.call("GET", `/v1/webhook_endpoints/${segment("webhookEndpointId", webhookEndpointId)}`, params, options);
  }

  list(params, options) {
    return this._transport.pages(`/v1/webhook_endpoints`, "webhook_endpoints", params, options);
  }

  async update(webhookEndpointId, params, options) {
    return this._transport.call("PATCH", `/v1/webhook_endpoints/${segment("webhookEndpointId", webhookEndpointId)}`, params, options);
  }

  async delete(webhookEndpointId, params, options) {
    return this._transport.call("DELETE", `/v1/webhook_endpoints/${segment("webhookEndpointId", webhookEndpointId)}`, params, options);
  }

  async ping(webhookEndpointId, params, options) {
    return this._transport.call("POST", `/v1/webhook_endpoints/${segment("webhookEndpointId", webhookEndpointId)}/ping`, params, options).then(named);
  }

  async rotateSecret(webhookEndpointId, params, options) {
    return this._transport.call("POST", `/v1/webhook_endpoints/${segment("webhookEndpointId", webhookEndpointId)}/rotate_secret`, params, options);
  }

  listDeliveries(...given) {
    if (!given.length || typeof given[0] === "object") {
      return this._transport.pages(`/v1/deliveries`, "deliveries", given[0], given[1]);
    }
    const [webhookEndpointId, params, options] = given;
    return this._transport.pages(`/v1/webhook_endpoints/${segment("webhookEndpointId", webhookEndpointId)}/deliveries`, "deliveries", params, options);
  }
}

export class PushKey {
  constructor(transport) {
    this._transport = transport;
  }

  async get(params, options) {
    return this._transport.call("GET", `/v1/push_key`, params, options);
  }
}

export class Orders {
  constructor(transport) {
    this._transport = transport;
  }

  async create(params, options) {
    return this._transport.call("POST", `/v1/orders`, params, options);
  }

  async get(orderId, params, options) {
    return this._transport.call("GET", `/v1/orders/${segment("orderId", orderId)}`, params, options);
  }

  list(params, options) {
    return this._transport.pages(`/v1/orders`, "orders", params, options);
  }

  async cancel(orderId, params, options) {
    return this._transport.call("POST", `/v1/orders/${segment("orderId", orderId)}/cancel`, params, options);
  }

  export(params, options) {
    return this._transport.content(`/v1/orders:export`, params, options);
  }

  wait(id, options) {
    const known = ["NEW", "PROCESSING", "SUCCESS", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_REFUNDED", "REFUNDED"];
    const get = (within) => this.get(id, {}, within);
    return this._transport.wait(get, "Order", known, options);
  }
}

export class PaymentLinks {
  constructor(transport) {
    this._transport = transport;
  }

  async create(params, options) {
    return this._transport.call("POST", `/v1/payment_links`, params, options);
  }

  async get(paymentLinkId, params, options) {
    return this._transport.call("GET", `/v1/payment_links/${segment("paymentLinkId", paymentLinkId)}`, params, options);
  }

  list(params, options) {
    return this._transport.pages(`/v1/payment_links`, "payment_links", params, options);
  }

  async update(paymentLinkId, params, options) {
    return this._transport.call("PATCH", `/v1/payment_links/${segment("paymentLinkId", paymentLinkId)}`, params, options);
  }

  wait(id, options) {
    const known = ["ACTIVE", "USED_UP", "EXPIRED", "DISABLED"];
    const get = (within) => this.get(id, {}, within);
    return this._transport.wait(get, "PaymentLink", known, options);
  }
}

export class Disputes {
  constructor(transport) {
    this._transport = transport;
  }

  async get(disputeId, params, options) {
    return this._transport.call("GET", `/v1/disputes/${segment("disputeId", disputeId)}`, params, options);
  }

  list(params, options) {
    return this._transport.pages(`/v1/disputes`, "disputes", params, options);
  }

  export(params, options) {
    return this._transport.content(`/v1/disputes:export`, params, options);
  }

  wait(id, options) {
    const known = ["NEEDS_RESPONSE", "UNDER_REVIEW", "WON", "LOST", "CLOSED"];
    const get = (within) => this.get(id, {}, within);
    return this._transport.wait(get, "Dispute", known, options);
  }
}

export class Payments {
  constructor(transport) {
    this._transport = transport;
  }

  async create(params, options) {
    return this._transport.call("POST", `/v1/payments`, params, options);
  }

  async get(paymentId, params, options) {
    return this._transport.call("GET", `/v1/payments/${segment("paymentId", paymentId)}`, params, options);
  }

  async capture(paymentId, params, options) {
    return this._transport.call("POST", `/v1/payments/${segment("paymentId", paymentId)}/capture`, params, options);
  }

  async cancel(paymentId, params, options) {
    return this._transport.call("POST", `/v1/payments/${segment("paymentId", paymentId)}/cancel`, params, options);
  }

  list(params, options) {
    return this._transport.pages(`/v1/payments`, "payments", params, options);
  }

  export(params, options) {
    return this._transport.content(`/v1/payments:export`, params, options);
  }

  wait(id, options) {
    const known = ["INITIATED", "PROCESSING", "AUTHORIZED", "SUCCESS", "FAILED", "CANCELLED", "NEEDS_REVIEW", "REQUIRES_ACTION"];
    const get = (within) => this.get(id, {}, within);
    return this._transport.wait(get, "Payment", known, options);
  }
}

export class ProviderAccounts {
  constructor(transport) {
    this._transport = transport;
  }

  async set(provider, params, options) {
    return this._transport.call("PUT", `/v1/provider_accounts/${segment("provider", provider)}`, params, options);
  }

  async get(provider, params, options) {
    return this._transport.call("GET", `/v1/provider_accounts/${segment("provider", provider)}`, params, options);
  }

  list(params, options) {
    return this._transport.pages(`/v1/provider_accounts`, "provider_accounts", params, options);
  }

  async delete(provider, params, options) {
    return this._transport.call("DELETE", `/v1/provider_accounts/${segment("provider", provider)}`, params, options);
  }

  async check(provider, params, options) {
    return this._transport.call("POST", `/v1/provider_accounts/${segment("provider", provider)}/check`, params, options);
  }
}

export class Refunds {
  constructor(transport) {
    this._transport = transport;
  }

  async create(paymentId, params, options) {
    return this._transport.call("POST", `/v1/payments/${segment("paymentId", paymentId)}/refunds`, params, options);
  }

  async get(refundId, params, options) {
    return this._transport.call("GET", `/v1/refunds/${segment("refundId", refundId)}`, params, options);
  }

  list(...given) {
    if (!given.length || typeof given[0] === "object") {
      return this._transport.pages(`/v1/refunds`, "refunds", given[0], given[1]);
    }
    const [paymentId, params, options] = given;
    return this._transport.pages(`/v1/payments/${segment("paymentId", paymentId)}/refunds`, "refunds", params, options);
  }

  export(params, options) {
    return this._transport.content(`/v1/refunds:export`, params, options);
  }

  wait(id, options) {
    const known = ["PENDING", "SUCCESS", "FAILED", "NEEDS_REVIEW"];
    const get = (within) => this.get(id, {}, within);
    return this._transport.wait(get, "Refund", known, options);
  }
}

export class RoutingPolicy {
  constructor(transport) {
    this._transport = transport;
  }

  async get(params, options) {
    return this._transport.call("GET", `/v1/routing_policy`, params, options);
  }

  async update(params, options) {
    return this._transport.call("PUT", `/v1/routing_policy`, params, options);
  }

  async previewRoute(params, options) {
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

  async get(params, options) {
    return this._transport.call("GET", `/v1/test_clock`, params, options);
  }

  async advance(params, options) {
    return this._transport.call("POST", `/v1/test_clock/advance`, params, options);
  }
}

export class OrderTimeline {
  constructor(transport) {
    this._transport = transport;
  }

  async get(orderId, params, options) {
    return this._transport.call("GET", `/v1/orders/${segment("orderId", orderId)}/timeline`, params, options);
  }

  listProviderExchanges(paymentId, params, options) {
    return this._transport.pages(`/v1/payments/${segment("paymentId", paymentId)}/provider_exchanges`, "exchanges", params, options);
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
