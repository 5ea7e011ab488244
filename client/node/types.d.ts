// Made from the contract by `make gen`, never edited.
export interface CheckProviderAccountResponse {
  /**
   * Whether it takes the credentials.
   */
  accepted: boolean;
  /**
   * The provider's own name of the account that they are of. Empty where it does not take them.
   */
  identity: string;
  /**
   * Why it does not take them. Empty where it does.
   */
  refusal: string;
}

export interface Delivery {
  /**
   * Identity of the delivery, a UUIDv7 given by the gateway.
   */
  delivery_id: string;
  /**
   * The webhook endpoint; empty for a channel.
   */
  webhook_endpoint_id: string;
  /**
   * Where it stands.
   */
  status: ("PENDING" | "DELIVERED" | "FAILED" | "CANCELLED" | (string & {}));
  /**
   * When it is tried next; unset when it is not.
   */
  next_attempt_time?: string;
  /**
   * What came of each attempt, in their order.
   */
  attempts: Array<DeliveryAttempt>;
  /**
   * The notification channel; empty for a webhook endpoint.
   */
  notification_channel_id: string;
  /**
   * The event.
   */
  event_id: string;
  /**
   * The event's type, such as `order.succeeded`.
   */
  event_type: string;
}

export interface DeliveryAttempt {
  /**
   * Its number, from 1 on.
   */
  attempt: number;
  /**
   * When it was made.
   */
  time?: string;
  /**
   * The HTTP status that was answered, of an e-mail the SMTP code; 0 when no answer came.
   */
  http_status: number;
  /**
   * How long it took, in milliseconds. In JSON a text, as every int64 is.
   */
  duration_ms: string;
  /**
   * The first bytes of the answer, or why there was none.
   */
  answer: string;
  /**
   * Why it failed; empty when it was taken. STATUS_NOT_2XX: an answer came, and said no. Without an answer:
   * NAME_NOT_FOUND, CONNECTION_REFUSED, CONNECTION_FAILED, CONNECTION_BROKEN, TIMEOUT, TLS_CERTIFICATE, TLS_FAILED,
   * NOT_CONFIGURED, GATEWAY_FAILED, URL_REFUSED (it may not be called), URL_INVALID. More may come.
   */
  failure: string;
}

export interface DisabledEndpoint {
  /**
   * Its id: that of the webhook endpoint, or of the notification channel.
   */
  endpoint_id: string;
  /**
   * What it is.
   */
  kind: ("WEBHOOK" | "EMAIL" | "PUSH" | (string & {}));
  /**
   * The merchant's own words for it.
   */
  description: string;
  /**
   * Why it was disabled, `GONE` or `FAILING`, as it shows itself.
   */
  disable_reason: string;
  /**
   * When it was disabled.
   */
  disable_time?: string;
}

export interface Dispute {
  /**
   * Identity of the dispute, a UUIDv7 given by the gateway.
   */
  dispute_id: string;
  /**
   * The payment that is disputed.
   */
  payment_id: string;
  /**
   * The order of that payment.
   */
  order_id: string;
  /**
   * How much is disputed.
   */
  amount?: Money;
  /**
   * Where the dispute stands.
   */
  status: ("NEEDS_RESPONSE" | "UNDER_REVIEW" | "WON" | "LOST" | "CLOSED" | (string & {}));
  /**
   * The provider's word for why, such as `fraudulent` or `product_not_received`.
   */
  reason: string;
  /**
   * The provider's own id of the dispute.
   */
  provider_reference: string;
  /**
   * Until when the provider takes an answer. Unset when it does not say.
   */
  respond_before?: string;
  /**
   * Grows by one with every change of the dispute.
   */
  version: number;
  /**
   * When it was opened at the provider, which may be a while before the gateway heard of it.
   */
  create_time?: string;
  /**
   * When it last changed.
   */
  update_time?: string;
  /**
   * The merchant's own reference of the order whose payment is disputed.
   */
  merchant_order_id: string;
  /**
   * What the provider took from the merchant's balance for it, when it did: at Stripe with the chargeback, at PayPal
   * when it was lost. Its fees are not in it. Unset while nothing was taken, as of an inquiry. With `in_refunds` it is
   * the disputed amount: what was really taken may be less, as some had gone back before, and is what the refund says.
   */
  withdrawn_amount?: Money;
  /**
   * When that was taken, as the gateway heard of it: books are closed by it. It stays once it is set.
   */
  withdraw_time?: string;
  /**
   * When the provider gave that back, as the gateway heard of it: the dispute was won. Unset while it has not, and
   * again where the decision is reversed.
   */
  reinstate_time?: string;
  /**
   * Whether what was taken is written down as a refund of the payment as well, and so in its `refunded_amount`: so it
   * is at PayPal, and not at Stripe. Sums of refunds and disputes leave the dispute out then.
   */
  in_refunds: boolean;
}

export interface Email {
  /**
   * Its address, as `till@shop.example`: ASCII, up to 254 characters (RFC 5321), without a display name.
   */
  address: string;
}

export interface Event {
  /**
   * Identity of the event, a UUIDv7: the `id` and `webhook-id` of its deliveries.
   */
  event_id: string;
  /**
   * What happened, such as `order.succeeded`; `docs/webhooks.md` lists all types.
   */
  type: string;
  /**
   * When it happened.
   */
  create_time?: string;
  /**
   * The resource that changed: an order, a payment, a refund, a dispute, an endpoint or a channel.
   */
  resource_id: string;
  /**
   * The resource's version after the change. In JSON a text, as every int64 is, where the resource's own `version` is
   * a number.
   */
  resource_version: string;
  /**
   * The order that it belongs to; empty for a ping, and for what happened to an endpoint.
   */
  order_id: string;
  /**
   * The resource itself. It has nothing in it when an update was withdrawn that had another type of events: such an
   * event is shown in full, and sent, as soon as the later version runs again.
   */
  data?: EventData;
  /** The same as `event_id`, as webhooks call it. */
  id: string;
  /** The same as `create_time`, as webhooks call it. */
  timestamp: string;
}

export interface EventData {
  /**
   * Of `order.*` events.
   */
  order?: Order;
  /**
   * Of `payment.*` events.
   */
  payment?: Payment;
  /**
   * Of `refund.*` events.
   */
  refund?: Refund;
  /**
   * Of `dispute.*` events.
   */
  dispute?: Dispute;
  /**
   * Of `ping` events.
   */
  ping?: Ping;
  /**
   * Of `endpoint.*` events.
   */
  endpoint?: DisabledEndpoint;
}

export interface ListEventDeliveriesResponse {
  /**
   * By the time at which each was put on its way.
   */
  deliveries: Array<Delivery>;
}

export interface Money {
  /**
   * The amount as a plain decimal: digits, optionally a point and more digits. No sign, no exponent, no grouping. At
   * most 12 digits before the point and 4 after it.
   */
  value: string;
  /**
   * The ISO 4217 alphabetic code, in upper case.
   */
  currency: string;
}

export interface NotificationChannel {
  /**
   * Identity of the channel, a UUIDv7 given by the gateway.
   */
  notification_channel_id: string;
  /**
   * By e-mail.
   */
  email?: Email;
  /**
   * By Web Push; its keys are not shown.
   */
  push?: PushSubscription;
  /**
   * The types of events that it gets: names such as `order.succeeded`, families such as `order.*`, or `*` for all.
   */
  event_types: Array<string>;
  /**
   * The merchant's own words for it.
   */
  description: string;
  /**
   * The language of the words that it gets.
   */
  language: ("EN" | "DE" | (string & {}));
  /**
   * Whether events are sent to it.
   */
  enabled: boolean;
  /**
   * Why it is disabled; left out while it is enabled.
   */
  disable_reason?: ("MERCHANT" | "GONE" | "FAILING" | "UNCONFIRMED" | (string & {}));
  /**
   * When the channel was created.
   */
  create_time?: string;
  /**
   * When it was last changed by the merchant, confirmed, or disabled.
   */
  update_time?: string;
}

export interface Order {
  /**
   * Identity of the order, a UUIDv7 given by the gateway.
   */
  order_id: string;
  /**
   * The merchant's own reference. Not unique: an `Idempotency-Key` is what guards against duplicates.
   */
  merchant_order_id: string;
  /**
   * What is to be paid.
   */
  amount?: Money;
  /**
   * Where the order stands.
   */
  status: ("NEW" | "PROCESSING" | "SUCCESS" | "FAILED" | "CANCELLED" | "EXPIRED" | "PARTIALLY_REFUNDED" | "REFUNDED" | (string & {}));
  /**
   * Free text for the customer, shown on hosted payment pages.
   */
  description: string;
  /**
   * The merchant's own key-value pairs, returned as they came.
   */
  metadata: Record<string, string>;
  /**
   * The payment that is under way, or that settled the order. Empty while there was none.
   */
  payment_id: string;
  /**
   * Grows by one with every change of the order that is shown here.
   */
  version: number;
  /**
   * When the order was created.
   */
  create_time?: string;
  /**
   * When the order last changed.
   */
  update_time?: string;
  /**
   * Until when a payment may be started.
   */
  expire_time?: string;
  /**
   * What was paid, once the order is SUCCESS, and also after refunds: all of `amount`, or the part of it that was
   * captured. Left out before.
   */
  paid_amount?: Money;
  /**
   * What was given back in all. Left out while nothing was, and while it is not known: of an order that was partially
   * refunded before this field was there, until its next refund. Its payment tells.
   */
  refunded_amount?: Money;
  /**
   * What can still be paid. Left out once the order is paid, cancelled or expired.
   */
  open_amount?: Money;
  /**
   * The payment link that it is an order of. Empty for one that the merchant created.
   */
  payment_link_id: string;
}

export interface OrderTimeline {
  /**
   * The order's id.
   */
  order_id: string;
  /**
   * What happened, oldest first.
   */
  entries: Array<OrderTimelineEntry>;
  /**
   * The token of the next page; empty on the last one. What happens later is on a page that comes later.
   */
  next_page_token: string;
}

export interface OrderTimelineEntry {
  time?: string;
  resource: string;
  resource_id: string;
  version: number;
  status: string;
  detail: string;
  actor: string;
  cause: string;
  trace_id: string;
}

export interface Payment {
  /**
   * Identity of the payment, a UUIDv7 given by the gateway.
   */
  payment_id: string;
  /**
   * The order that it pays.
   */
  order_id: string;
  /**
   * The provider that handles it, such as `stripe`.
   */
  provider: string;
  /**
   * The provider's own id of the object behind the payment. Empty until the provider has answered.
   */
  provider_reference: string;
  /**
   * What is to be paid: always the order's amount.
   */
  amount?: Money;
  /**
   * Where the payment stands.
   */
  status: ("INITIATED" | "PROCESSING" | "AUTHORIZED" | "SUCCESS" | "FAILED" | "CANCELLED" | "NEEDS_REVIEW" | "REQUIRES_ACTION" | (string & {}));
  /**
   * The payment-method token that was confirmed directly. Empty: the customer pays on a hosted page.
   */
  payment_method: string;
  /**
   * Where the customer's browser returns to.
   */
  return_url: string;
  /**
   * Where to send the customer's browser now: the hosted page, or the bank's authentication step. Empty when there is
   * nothing for the customer to do.
   */
  redirect_url: string;
  /**
   * The last refusal. An attempt that failed leaves the payment open while the customer may try again.
   */
  failure?: PaymentFailure;
  /**
   * Grows by one with every change of the payment.
   */
  version: number;
  /**
   * When the payment was created.
   */
  create_time?: string;
  /**
   * When the payment last changed.
   */
  update_time?: string;
  /**
   * When the money is taken.
   */
  capture_method: ("AUTOMATIC" | "MANUAL" | (string & {}));
  /**
   * What was captured; less than `amount` after a partial capture. Unset while nothing was.
   */
  captured_amount?: Money;
  /**
   * The sum of the refunds that succeeded. Unset while there is none.
   */
  refunded_amount?: Money;
  /**
   * Every try so far, oldest first; the last one is the current one. Of a payment that was refused more than 100 times
   * the hundredth shows the newest refusal.
   */
  attempts: Array<PaymentAttempt>;
  /**
   * How the provider was chosen. Unset when the request named it.
   */
  routing?: PaymentRouting;
  /**
   * Until when an AUTHORIZED payment has to be captured; afterwards the gateway voids it, and it is CANCELLED.
   */
  capture_before?: string;
  /**
   * What the customer has to do now. Unset when there is nothing.
   */
  next_action?: PaymentNextAction;
  /**
   * Whether the capture came when the order was paid otherwise, cancelled or expired. It is given back: by a refund of
   * this payment, or by a person.
   */
  surplus: boolean;
  /**
   * Where the customer's browser goes who turns back without paying, as the merchant gave it. Empty: `return_url`.
   */
  cancel_url: string;
  /**
   * The merchant's own reference of the order that it pays.
   */
  merchant_order_id: string;
  /**
   * What attempts took that is not in `captured_amount`, until all of it went back: by an attempt beside the one that
   * paid, or of another amount. It is given back by refunds with `of_surplus`. Unset while there is none.
   */
  surplus_amount?: Money;
  /**
   * When the money was taken, as the gateway heard of it: of a payment that was captured by hand, then. Unset while
   * none was, and for captures by hand from before there was this field.
   */
  capture_time?: string;
}

export interface PaymentAttempt {
  number: number;
  provider: string;
  provider_reference: string;
  status: ("OPEN" | "SUCCEEDED" | "FAILED" | (string & {}));
  failure?: PaymentFailure;
  create_time?: string;
  end_time?: string;
}

export interface PaymentFailure {
  code: string;
  message: string;
  provider_code: string;
}

export interface PaymentLink {
  /**
   * Identity of the link, a UUIDv7 given by the gateway.
   */
  payment_link_id: string;
  /**
   * The page for the customer. With `/qr.svg` behind it, the address of its QR code. Whoever knows it can pay, and see
   * what is paid for; nobody can guess it.
   */
  url: string;
  /**
   * What is to be paid each time.
   */
  amount?: Money;
  /**
   * Whether it can be paid now.
   */
  status: ("ACTIVE" | "USED_UP" | "EXPIRED" | "DISABLED" | (string & {}));
  /**
   * What is paid for, shown to the customer.
   */
  description: string;
  /**
   * The merchant's own reference, which each order of the link has as well.
   */
  merchant_order_id: string;
  /**
   * The merchant's own key-value pairs, which each order of the link has as well. Customers never see them.
   */
  metadata: Record<string, string>;
  /**
   * Where the page leads who has paid. Empty: nowhere.
   */
  return_url: string;
  /**
   * How many times it can be paid.
   */
  max_uses: number;
  /**
   * How many of these are taken: orders that were paid, and those begun in the last quarter of an hour that are NEW or
   * PROCESSING.
   */
  uses: number;
  /**
   * How many were paid: more than `max_uses` where others began while somebody who had begun in time had not paid yet.
   */
  paid_uses: number;
  /**
   * When the link was created.
   */
  create_time?: string;
  /**
   * When the merchant last changed it.
   */
  update_time?: string;
  /**
   * Until when a payment may be started. Left out: it does not expire.
   */
  expire_time?: string;
}

export interface PaymentNextAction {
  type: ("REDIRECT" | "DISPLAY" | "SDK" | (string & {}));
  url: string;
  client_secret: string;
  provider_type: string;
}

export interface PaymentRouting {
  rule: string;
  reason: string;
}

export interface Ping {
  /**
   * The endpoint that it was sent to; empty when it went to a notification channel.
   */
  webhook_endpoint_id: string;
  /**
   * The notification channel that it was sent to; unset when it went to a webhook endpoint.
   */
  notification_channel_id?: string;
}

export interface PreviewRouteResponse {
  /**
   * The rule that decides; `default` without a policy. Empty: none matches, and the payment would be refused.
   */
  rule: string;
  /**
   * What the rule asks for, for a person.
   */
  condition: string;
  /**
   * Its providers, in the order in which they are tried: those with a weight first.
   */
  candidates: Array<RouteCandidate>;
}

export interface ProviderAccount {
  /**
   * Identity of the account, a UUIDv7 given by the gateway.
   */
  provider_account_id: string;
  /**
   * The provider, such as `stripe`.
   */
  provider: string;
  /**
   * The names of the credentials that are set. Their values are never shown.
   */
  credentials: Array<string>;
  /**
   * Where the provider has to send its webhooks, below the gateway's public address.
   */
  webhook_path: string;
  /**
   * When the account was first set.
   */
  create_time?: string;
  /**
   * When its credentials were last set.
   */
  update_time?: string;
  /**
   * When it was taken out of use. Unset: it is in use.
   */
  delete_time?: string;
  /**
   * The provider's own name of the account, such as Stripe's `acct_…`; PayPal's is the client id. Empty: not known, as
   * its credentials were set before the gateway asked.
   */
  identity: string;
}

export interface ProviderExchange {
  /**
   * Who spoke first.
   */
  kind: ("CALL" | "WEBHOOK" | (string & {}));
  /**
   * When a call began, or a webhook came.
   */
  time?: string;
  /**
   * The provider.
   */
  provider: string;
  /**
   * What a call was for, such as `start`, `fetch`, `capture` or `refund`; of a webhook, its type in the provider's
   * words.
   */
  operation: string;
  /**
   * The HTTP method. Empty for a call that was never sent, since the provider was known to be away.
   */
  method: string;
  /**
   * The path of a call, without its query.
   */
  path: string;
  /**
   * The HTTP status that a call was answered with; 0: there was no answer.
   */
  http_status: number;
  /**
   * How long a call took, in microseconds. In JSON a text, as every int64 is.
   */
  duration_us: string;
  /**
   * The provider's own id of a request, which its support asks for; of a webhook, the provider's id of the event.
   */
  provider_request_id: string;
  /**
   * The key under which a call has its effect once.
   */
  idempotency_key: string;
  /**
   * Why a call had no answer, or was not sent; of a webhook, why it stands so.
   */
  error: string;
  /**
   * What became of a webhook: APPLIED, IGNORED, QUARANTINED, PENDING or DEAD.
   */
  status: string;
  /**
   * What was said first, as JSON: as much of it as is kept.
   */
  request: string;
  /**
   * What a call was answered, as JSON: as much of it as is kept.
   */
  answer: string;
  /**
   * The W3C trace id under which it happened.
   */
  trace_id: string;
}

export interface PushKey {
  /**
   * The public key of the gateway, a point of P-256 without compression in URL-safe base64 without padding.
   */
  application_server_key: string;
}

export interface PushSubscription {
  /**
   * Where its push service takes messages: an https URL that leads to a public address.
   */
  endpoint: string;
  /**
   * When it ends, in milliseconds since 1970, where the browser says so. Taken and not kept: the push service says so.
   */
  expiration_time?: number;
  /**
   * Its keys. Never in an answer.
   */
  keys?: PushSubscriptionKeys;
}

export interface PushSubscriptionKeys {
  p256dh: string;
  auth: string;
}

export interface Refund {
  /**
   * Identity of the refund, a UUIDv7 given by the gateway.
   */
  refund_id: string;
  /**
   * The payment that it gives back.
   */
  payment_id: string;
  /**
   * The order of that payment.
   */
  order_id: string;
  /**
   * How much is given back.
   */
  amount?: Money;
  /**
   * Where the refund stands.
   */
  status: ("PENDING" | "SUCCESS" | "FAILED" | "NEEDS_REVIEW" | (string & {}));
  /**
   * The merchant's own words.
   */
  reason: string;
  /**
   * The provider's own id of the refund. Empty until the provider has answered.
   */
  provider_reference: string;
  /**
   * Why it failed.
   */
  failure?: PaymentFailure;
  /**
   * Grows by one with every change of the refund.
   */
  version: number;
  /**
   * When the refund was created.
   */
  create_time?: string;
  /**
   * When the refund last changed.
   */
  update_time?: string;
  /**
   * The merchant's own reference of the order whose payment is given back.
   */
  merchant_order_id: string;
  /**
   * Whether it gives back what is not in the payment's `captured_amount`: what an attempt took beside the one that
   * paid, or of another amount. Such money came and went: sums of what was captured and refunded leave it out.
   */
  of_surplus: boolean;
  /**
   * When the money went back, as the gateway heard of it: books are closed by it. It stays once it is set. Unset while
   * the refund has not succeeded.
   */
  success_time?: string;
  /**
   * When the money came back, as the gateway heard of it: the refund had succeeded, and became FAILED then. Unset of
   * others.
   */
  reverse_time?: string;
}

export interface ResendEventsResponse {
  /**
   * How many events there are in the span, of the types.
   */
  events: number;
  /**
   * How many deliveries of them were put on their way: one for each event and endpoint.
   */
  deliveries: number;
}

export interface RouteCandidate {
  /**
   * The provider, such as `stripe`.
   */
  provider: string;
  /**
   * Of 100 such payments about so many go to it first. 0: it takes those that the others cannot, or cannot take any.
   */
  percent: number;
  /**
   * Why it would be passed over. Empty: it would take the payment.
   */
  refusal: string;
}

export interface RoutingPolicy {
  /**
   * The rules, in the order in which they are tried.
   */
  rules: Array<RoutingRule>;
  /**
   * When the policy was last replaced. Unset while there is none.
   */
  update_time?: string;
}

export interface RoutingPolicyVersion {
  /**
   * Its rules. None: the gateway's own order of providers applied.
   */
  rules: Array<RoutingRule>;
  /**
   * From when on.
   */
  create_time?: string;
  /**
   * The trace of the request that set it, by which the request log says whose key it had.
   */
  trace_id: string;
}

export interface RoutingRule {
  /**
   * What the payment's `routing.rule` says, unique in the policy.
   */
  name: string;
  /**
   * Currencies, ISO 4217 in upper case.
   */
  currencies: Array<string>;
  /**
   * The least amount. A payment in another currency does not match.
   */
  min_amount?: Money;
  /**
   * The largest amount. A payment in another currency does not match.
   */
  max_amount?: Money;
  /**
   * The customer's country, ISO 3166-1 alpha-2 in upper case; a payment that does not name it does not match.
   */
  countries: Array<string>;
  /**
   * The providers to choose from.
   */
  targets: Array<RoutingTarget>;
}

export interface RoutingTarget {
  /**
   * The provider, such as `stripe`.
   */
  provider: string;
  /**
   * Its share of the payments, in proportion to the other weights of the rule. 0: only when those with a weight
   * cannot.
   */
  weight: number;
}

export interface TestClock {
  /**
   * The sum of all that it was advanced by.
   */
  advanced?: string;
  /**
   * When it was last advanced. Unset while it never was.
   */
  update_time?: string;
}

export interface WebhookEndpoint {
  /**
   * Identity of the endpoint, a UUIDv7 given by the gateway.
   */
  webhook_endpoint_id: string;
  /**
   * Where events are posted to.
   */
  url: string;
  /**
   * The signing secret, `whsec_` and base64 (Standard Webhooks). Sent once, in the answer to its creation or rotation.
   * Empty with the scheme ED25519.
   */
  secret: string;
  /**
   * When the endpoint was created.
   */
  create_time?: string;
  /**
   * The types of events that it gets: names such as `order.succeeded`, families such as `order.*`, or `*` for all.
   */
  event_types: Array<string>;
  /**
   * The merchant's own words for it.
   */
  description: string;
  /**
   * Whether events are sent to it.
   */
  enabled: boolean;
  /**
   * Why it is disabled; left out while it is enabled.
   */
  disable_reason?: ("MERCHANT" | "GONE" | "FAILING" | (string & {}));
  /**
   * When it was last changed by the merchant, or disabled.
   */
  update_time?: string;
  /**
   * Until when deliveries are signed with the secret before the last rotation too. Unset: it was never rotated.
   */
  old_secret_expire_time?: string;
  /**
   * How its events are signed.
   */
  signature_scheme: ("HMAC_SHA256" | "ED25519" | (string & {}));
  /**
   * What its events are verified with, `whpk_` and base64. Empty with the scheme HMAC_SHA256.
   */
  public_key: string;
}

