// Made from the contract by `make gen`, never edited.
import type * as types from "./types.js";
/**
 * The merchant's log of events, and how each was delivered. Another merchant's event is NOT_FOUND.
 */
export class Events {
  /**
   * Returns one event. Errors: NOT_FOUND, reason EVENT_NOT_FOUND.
   */
  get(eventId: string, params?: Record<string, never>, options?: CallOptions): Promise<types.Event & Answered>;
  /**
   * Lists the merchant's events, newest first unless `order_by` says otherwise. Pages follow AIP-158. Errors:
   * INVALID_ARGUMENT when the type is not one that there is; the nearest names are listed.
   */
  list(params?: {
    /**
     * How many events at the most, up to 100. Left out or 0: 20.
     */
    page_size?: number;
    /**
     * `next_page_token` of the page before; empty for the first page.
     */
    page_token?: string;
    /**
     * Only events of this type: a name such as `order.succeeded`, or a family such as `order.*`.
     */
    type?: string;
    /**
     * Only events of this resource: the id of an order, a payment, a refund or a dispute.
     */
    resource_id?: string;
    /**
     * Only events of this order and of what belongs to it.
     */
    order_id?: string;
    /**
     * `create_time desc`, which is the default: the newest first; or `create_time asc`.
     */
    order_by?: string;
    /**
     * Only events that happened at this time or later (RFC 3339).
     */
    create_time_from?: string;
    /**
     * Only events that happened before this time: a span includes its start and not its end.
     */
    create_time_to?: string;
  }, options?: CallOptions): AsyncIterable<types.Event>;
  /**
   * Lists an event's deliveries, one an endpoint or channel, each with all of its attempts; of more than 200 the
   * newest. Errors: NOT_FOUND, reason EVENT_NOT_FOUND.
   */
  listDeliveries(eventId: string, params?: Record<string, never>, options?: CallOptions): AsyncIterable<types.Delivery>;
  /**
   * Sends an event again, now and by a schedule of its own, whether it was delivered or not. An endpoint or channel
   * that is named gets it whatever its filters; otherwise all do that are enabled and whose filters take the event.
   * Errors: NOT_FOUND, reasons EVENT_NOT_FOUND, WEBHOOK_ENDPOINT_NOT_FOUND and NOTIFICATION_CHANNEL_NOT_FOUND;
   * FAILED_PRECONDITION, reason ENDPOINT_DISABLED; RESOURCE_EXHAUSTED, reason TOO_MANY_CALLS, for a merchant who has
   * had 30,000 deliveries sent again lately: 100 more may be with each second.
   */
  resend(eventId: string, params?: {
    /**
     * Only to this webhook endpoint. Without it, and without a channel: to all that the event is for.
     */
    webhook_endpoint_id?: string;
    /**
     * To this notification channel, whatever its filters; to both when a webhook endpoint is named as well.
     */
    notification_channel_id?: string;
  }, options?: CallOptions): Promise<types.ListEventDeliveriesResponse & Answered>;
  /**
   * Sends all events of a span of time again, each as `ResendEvent` does. Errors: INVALID_ARGUMENT when the span is
   * empty or longer than 30 days, reason EVENT_TYPE_UNKNOWN, and reason TOO_MANY_EVENTS when it holds more than 10,000
   * events, or makes more than 30,000 deliveries; NOT_FOUND, reasons WEBHOOK_ENDPOINT_NOT_FOUND and
   * NOTIFICATION_CHANNEL_NOT_FOUND; FAILED_PRECONDITION, reason ENDPOINT_DISABLED. Nothing is sent then.
   */
  resendMany(params: {
    /**
     * Only events that happened at this time or later.
     */
    start_time: string;
    /**
     * Only events that happened before this time: later than the start, by 30 days at the most.
     */
    end_time: string;
    /**
     * Only events of these types: names such as `order.succeeded`, families such as `order.*`. Left out: all.
     */
    event_types?: Array<string>;
    /**
     * Only to this webhook endpoint, whatever its filters. Without it, and without a channel: to all that an event is
     * for.
     */
    webhook_endpoint_id?: string;
    /**
     * To this notification channel, whatever its filters; to both when a webhook endpoint is named as well.
     */
    notification_channel_id?: string;
  }, options?: CallOptions): Promise<types.ResendEventsResponse & Answered>;
  /**
   * Streams events as they come into the log, as Server-Sent Events (WHATWG HTML): `id` is the event's, `event` its
   * type, and `data` the JSON document that a webhook of it carries. It goes on after the event that the header `Last-
   * Event-ID` names, or else `last_event_id`; without both it begins now. It ends by itself after 15 minutes, whenever
   * the service restarts, and within a second when its key has ended: connect again with the last id, and nothing is
   * missed and nothing comes twice. A comment every 15 seconds keeps it open. Errors: NOT_FOUND, reason
   * EVENT_NOT_FOUND, when there is no event to go on after; INVALID_ARGUMENT, reason EVENT_TYPE_UNKNOWN;
   * RESOURCE_EXHAUSTED, reason TOO_MANY_STREAMS.
   */
  stream(params?: {
    /**
     * Go on after this event. `00000000-0000-0000-0000-000000000000` is before the first one. Left out: from now on.
     * The header `Last-Event-ID`, which clients of such streams send when they connect again, goes before it.
     */
    last_event_id?: string;
    /**
     * Only events of these types: names such as `order.succeeded`, families such as `order.*`. Left out: all.
     */
    event_types?: Array<string>;
  }, options?: StreamOptions): AsyncIterable<WebhookDocument>;
}

/**
 * Where a merchant's people are notified of events: mailboxes and browsers. What is sent to them is queued, filtered,
 * retried and logged as webhooks are. Another merchant's channel is NOT_FOUND.
 */
export class NotificationChannels {
  /**
   * Adds a mailbox or a browser. A merchant has up to 20. Idempotent with an `Idempotency-Key` header. A mailbox is
   * sent a token at once, and nothing else until it is confirmed (`ConfirmNotificationChannel`). When the mail cannot
   * be sent, there is no channel. Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest` for an address that is none
   * or that the mail server refuses (reason EMAIL_REFUSED), for keys that are none, for a URL that may not be called
   * (reason URL_REFUSED), and for types of events that there are none of (reason EVENT_TYPE_UNKNOWN);
   * FAILED_PRECONDITION, reasons TOO_MANY_CHANNELS, EMAIL_NOT_CONFIGURED and PUSH_NOT_CONFIGURED; RESOURCE_EXHAUSTED,
   * reason TOO_MANY_CONFIRMATIONS; UNAVAILABLE, reason EMAIL_NOT_SENT.
   */
  create(params?: {
    /**
     * By e-mail.
     */
    email?: types.Email;
    /**
     * By Web Push: the browser's `PushSubscription.toJSON()` as it is.
     */
    push?: types.PushSubscription;
    /**
     * The types of events that it gets: names such as `order.succeeded`, families such as `order.*`, or `*` for all.
     * Left out: all.
     */
    event_types?: Array<string>;
    /**
     * The merchant's own words for it.
     */
    description?: string;
    /**
     * The language of the words that it gets. Left out: English.
     */
    language?: ("EN" | "DE" | (string & {}));
  }, options?: CallOptions): Promise<types.NotificationChannel & Answered>;
  /**
   * Returns one channel. Errors: NOT_FOUND, reason NOTIFICATION_CHANNEL_NOT_FOUND.
   */
  get(notificationChannelId: string, params?: Record<string, never>, options?: CallOptions): Promise<types.NotificationChannel & Answered>;
  /**
   * Lists the merchant's channels, oldest first: 20 at the most, so there are no pages.
   */
  list(params?: Record<string, never>, options?: CallOptions): AsyncIterable<types.NotificationChannel>;
  /**
   * Changes what is given and leaves the rest as it is. Enabling a channel forgets its failures; disabling it cancels
   * what is on its way to it. Where it leads cannot be changed: make another one. Errors: NOT_FOUND, reason
   * NOTIFICATION_CHANNEL_NOT_FOUND; INVALID_ARGUMENT, reason EVENT_TYPE_UNKNOWN; FAILED_PRECONDITION, reason
   * CHANNEL_UNCONFIRMED, when a mailbox is enabled that is not confirmed.
   */
  update(notificationChannelId: string, params?: {
    /**
     * The types of events that it gets: names such as `order.succeeded`, families such as `order.*`, or `*` for all.
     * Left out or empty: as they were.
     */
    event_types?: Array<string>;
    /**
     * The merchant's own words for it.
     */
    description?: string;
    /**
     * Whether events are sent to it.
     */
    enabled?: boolean;
  }, options?: CallOptions): Promise<types.NotificationChannel & Answered>;
  /**
   * Deletes a channel and cancels what is on its way to it. Returns it as it was, disabled. Errors: NOT_FOUND, reason
   * NOTIFICATION_CHANNEL_NOT_FOUND.
   */
  delete(notificationChannelId: string, params?: Record<string, never>, options?: CallOptions): Promise<types.NotificationChannel & Answered>;
  /**
   * Sends a `ping` event to the channel, logged and retried as any other. Returns the event. Errors: NOT_FOUND, reason
   * NOTIFICATION_CHANNEL_NOT_FOUND; FAILED_PRECONDITION, reason ENDPOINT_DISABLED.
   */
  ping(notificationChannelId: string, params?: Record<string, never>, options?: CallOptions): Promise<types.Event & Answered>;
  /**
   * Confirms a mailbox by the token that was mailed to it: events are sent there from now on. A channel that waits for
   * no confirmation is returned as it is, whatever the token. Errors: NOT_FOUND, reason
   * NOTIFICATION_CHANNEL_NOT_FOUND; INVALID_ARGUMENT, reason TOKEN_INVALID, when the token is not the channel's, or
   * older than 24 hours.
   */
  confirm(notificationChannelId: string, params?: {
    /**
     * The token that was mailed.
     */
    token?: string;
  }, options?: CallOptions): Promise<types.NotificationChannel & Answered>;
}

/**
 * Where a merchant's server is notified of events. Another merchant's endpoint is NOT_FOUND.
 */
export class WebhookEndpoints {
  /**
   * Registers a URL that the merchant's events are posted to from now on. A merchant has up to 20. Deliveries are
   * signed by Standard Webhooks (`webhook-id`, `webhook-timestamp`, `webhook-signature`) with the secret in the
   * answer, which is shown only here. Idempotent with an `Idempotency-Key` header, as CreateOrder is. Errors:
   * INVALID_ARGUMENT with a `google.rpc.BadRequest` when the URL is not one that may be called (reason URL_REFUSED),
   * or when there is no such type of events (reason EVENT_TYPE_UNKNOWN, with the nearest names); ALREADY_EXISTS,
   * reason ENDPOINT_EXISTS, when an enabled endpoint of the merchant sends the same types of events to the same URL,
   * which `webhook_endpoint_id` in its metadata names; FAILED_PRECONDITION, reason TOO_MANY_ENDPOINTS.
   */
  create(params: {
    /**
     * An absolute https URL without credentials, up to 2,048 characters, that leads to a public address. http is taken
     * only where the operator allows it, for development.
     */
    url: string;
    /**
     * The types of events that it gets: names such as `order.succeeded`, families such as `order.*`, or `*` for all.
     * Left out: all.
     */
    event_types?: Array<string>;
    /**
     * The merchant's own words for it.
     */
    description?: string;
    /**
     * How its events are signed; it cannot be changed. Left out: HMAC_SHA256.
     */
    signature_scheme?: ("HMAC_SHA256" | "ED25519" | (string & {}));
  }, options?: CallOptions): Promise<types.WebhookEndpoint & Answered>;
  /**
   * Returns one endpoint, without its secret. Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND.
   */
  get(webhookEndpointId: string, params?: Record<string, never>, options?: CallOptions): Promise<types.WebhookEndpoint & Answered>;
  /**
   * Lists the merchant's endpoints, oldest first, without their secrets: 20 at the most, so there are no pages.
   */
  list(params?: Record<string, never>, options?: CallOptions): AsyncIterable<types.WebhookEndpoint>;
  /**
   * Changes what is given and leaves the rest as it is. Enabling an endpoint forgets its failures; disabling it
   * cancels what is on its way to it. Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND; INVALID_ARGUMENT and
   * ALREADY_EXISTS as at the creation.
   */
  update(webhookEndpointId: string, params?: {
    /**
     * Where events are posted to from now on, also those on their way.
     */
    url?: string;
    /**
     * The types of events that it gets: names such as `order.succeeded`, families such as `order.*`, or `*` for all.
     * Left out or empty: as they were.
     */
    event_types?: Array<string>;
    /**
     * The merchant's own words for it.
     */
    description?: string;
    /**
     * Whether events are sent to it.
     */
    enabled?: boolean;
  }, options?: CallOptions): Promise<types.WebhookEndpoint & Answered>;
  /**
   * Deletes an endpoint and cancels what is on its way to it. Returns it as it was, disabled. Errors: NOT_FOUND,
   * reason WEBHOOK_ENDPOINT_NOT_FOUND.
   */
  delete(webhookEndpointId: string, params?: Record<string, never>, options?: CallOptions): Promise<types.WebhookEndpoint & Answered>;
  /**
   * Sends a `ping` event to the endpoint, signed, logged and retried as any other. Returns the event. Errors:
   * NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND; FAILED_PRECONDITION, reason ENDPOINT_DISABLED.
   */
  ping(webhookEndpointId: string, params?: Record<string, never>, options?: CallOptions): Promise<types.Event & Answered>;
  /**
   * Gives the endpoint a new secret, which is shown only in this answer. During the overlap deliveries carry the
   * signatures of both secrets, separated by a space (Standard Webhooks), so a receiver may hold either; afterwards
   * only that of the new one. A secret that an earlier rotation was replacing ends at once. Idempotent with an
   * `Idempotency-Key` header. Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND.
   */
  rotateSecret(webhookEndpointId: string, params?: {
    /**
     * How long the old secret signs too, up to 7 days; `0s` ends it at once. Left out: 24 hours.
     */
    overlap?: string;
  }, options?: CallOptions): Promise<types.WebhookEndpoint & Answered>;
  /**
   * Lists what was put on its way to an endpoint, or at `/v1/deliveries` to all that there are, the newest event
   * first, each delivery with all of its attempts: with `statuses=FAILED` what was never taken. Pages follow AIP-158.
   * Errors: NOT_FOUND, reason WEBHOOK_ENDPOINT_NOT_FOUND.
   */
  listDeliveries(webhookEndpointId: string, params?: {
    /**
     * How many deliveries at the most, up to 100. Left out or 0: 20.
     */
    page_size?: number;
    /**
     * `next_page_token` of the page before; empty for the first page.
     */
    page_token?: string;
    /**
     * Only deliveries in one of these statuses.
     */
    statuses?: Array<("PENDING" | "DELIVERED" | "FAILED" | "CANCELLED" | (string & {}))>;
    /**
     * `create_time desc`, which is the default: the newest event first; or `create_time asc`.
     */
    order_by?: string;
    /**
     * Only deliveries of events that happened at this time or later (RFC 3339).
     */
    create_time_from?: string;
    /**
     * Only deliveries of events that happened before this time: a span includes its start and not its end.
     */
    create_time_to?: string;
  }, options?: CallOptions): AsyncIterable<types.Delivery>;
  /**
   * The same of all there are, whatever their `webhook_endpoint_id`.
   */
  listDeliveries(params?: {
    /**
     * How many deliveries at the most, up to 100. Left out or 0: 20.
     */
    page_size?: number;
    /**
     * `next_page_token` of the page before; empty for the first page.
     */
    page_token?: string;
    /**
     * Only deliveries in one of these statuses.
     */
    statuses?: Array<("PENDING" | "DELIVERED" | "FAILED" | "CANCELLED" | (string & {}))>;
    /**
     * `create_time desc`, which is the default: the newest event first; or `create_time asc`.
     */
    order_by?: string;
    /**
     * Only deliveries of events that happened at this time or later (RFC 3339).
     */
    create_time_from?: string;
    /**
     * Only deliveries of events that happened before this time: a span includes its start and not its end.
     */
    create_time_to?: string;
  }, options?: CallOptions): AsyncIterable<types.Delivery>;
}

/**
 * What browsers need before they can be added as notification channels.
 */
export class PushKey {
  /**
   * Returns what a browser subscribes with (`applicationServerKey`, RFC 8292): the gateway's public key. Errors:
   * FAILED_PRECONDITION, reason PUSH_NOT_CONFIGURED.
   */
  get(params?: Record<string, never>, options?: CallOptions): Promise<types.PushKey & Answered>;
}

/**
 * Orders, as merchants see them. Every RPC acts for the authenticated merchant; another merchant's order is NOT_FOUND.
 */
export class Orders {
  /**
   * Creates an order in status NEW. Idempotent with an `Idempotency-Key` header (gRPC metadata `idempotency-key`): the
   * same key and body give the same answer, marked `idempotent-replayed: true`, for 24 hours. Errors: INVALID_ARGUMENT
   * with a `google.rpc.BadRequest`; ALREADY_EXISTS, reason IDEMPOTENCY_KEY_REUSED, when the key came with another
   * body.
   */
  create(params: {
    /**
     * The merchant's own reference, up to 128 characters.
     */
    merchant_order_id?: string;
    /**
     * What is to be paid; more than zero.
     */
    amount: types.Money;
    /**
     * Free text for the customer, up to 500 characters.
     */
    description?: string;
    /**
     * Up to 50 pairs; keys up to 40 characters, values up to 500.
     */
    metadata?: Record<string, string>;
    /**
     * Until when a payment may be started. Left out: 24 hours from now. At most 30 days ahead.
     */
    expire_time?: string;
  }, options?: CallOptions): Promise<types.Order & Answered>;
  /**
   * Returns one order. Errors: NOT_FOUND, reason ORDER_NOT_FOUND.
   */
  get(orderId: string, params?: Record<string, never>, options?: CallOptions): Promise<types.Order & Answered>;
  /**
   * Lists the merchant's orders, newest first. Pages follow AIP-158. Errors: INVALID_ARGUMENT, reason
   * PAGE_TOKEN_INVALID, when the token is not one of ours or came with other filters.
   */
  list(params?: {
    /**
     * How many orders at the most, up to 100. Left out or 0: 20.
     */
    page_size?: number;
    /**
     * `next_page_token` of the page before; empty for the first page.
     */
    page_token?: string;
    /**
     * Only orders in this status.
     */
    status?: ("NEW" | "PROCESSING" | "SUCCESS" | "FAILED" | "CANCELLED" | "EXPIRED" | "PARTIALLY_REFUNDED" | "REFUNDED" | (string & {}));
    /**
     * Only orders with this reference of the merchant's.
     */
    merchant_order_id?: string;
    /**
     * Only orders in one of these statuses.
     */
    statuses?: Array<("NEW" | "PROCESSING" | "SUCCESS" | "FAILED" | "CANCELLED" | "EXPIRED" | "PARTIALLY_REFUNDED" | "REFUNDED" | (string & {}))>;
    /**
     * Only orders that were created at this time or later (RFC 3339).
     */
    create_time_from?: string;
    /**
     * Only orders that were created before this time: a span includes its start and not its end.
     */
    create_time_to?: string;
    /**
     * Only orders that were last changed at this time or later (RFC 3339).
     */
    update_time_from?: string;
    /**
     * Only orders that were last changed before this time: a span includes its start and not its end.
     */
    update_time_to?: string;
    /**
     * Only orders in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
     */
    currency?: string;
    /**
     * Only orders of at least this amount, a decimal such as `12.00`.
     */
    min_amount?: string;
    /**
     * Only orders of at most this amount, a decimal such as `12.00`.
     */
    max_amount?: string;
    /**
     * `create_time desc`, which is the default: the newest first; or `create_time asc`.
     */
    order_by?: string;
    /**
     * Only orders whose `metadata` has this key, with the value of `metadata_value`.
     */
    metadata_key?: string;
    /**
     * The value that the key has. Only with `metadata_key`.
     */
    metadata_value?: string;
    /**
     * Only orders of this payment link.
     */
    payment_link_id?: string;
  }, options?: CallOptions): AsyncIterable<types.Order>;
  /**
   * Cancels an order that has no payment under way. Cancelling a cancelled order returns it unchanged. Errors:
   * NOT_FOUND; FAILED_PRECONDITION, reason ORDER_NOT_CANCELLABLE, when a payment has started.
   */
  cancel(orderId: string, params?: Record<string, never>, options?: CallOptions): Promise<types.Order & Answered>;
  /**
   * Exports the merchant's orders as one file, oldest first, however many there are: CSV with a line for each, amounts
   * as decimals in the currency's own unit and times in UTC, or JSON Lines. The key is asked for at the beginning:
   * what is made after that is not in the file, and it takes an hour at the most. A file that could not be finished
   * ends with the connection, as an error of the client's, and never as a shorter file. Errors: INVALID_ARGUMENT;
   * RESOURCE_EXHAUSTED, reason TOO_MANY_EXPORTS, beside two that are under way.
   */
  export(params?: {
    /**
     * `csv`, which is the default, or `jsonl`: a line of JSON for each, as the API shows it.
     */
    format?: string;
    /**
     * Only orders with this reference of the merchant's.
     */
    merchant_order_id?: string;
    /**
     * Only orders in one of these statuses.
     */
    statuses?: Array<("NEW" | "PROCESSING" | "SUCCESS" | "FAILED" | "CANCELLED" | "EXPIRED" | "PARTIALLY_REFUNDED" | "REFUNDED" | (string & {}))>;
    /**
     * Only orders that were created at this time or later (RFC 3339).
     */
    create_time_from?: string;
    /**
     * Only orders that were created before this time: a span includes its start and not its end.
     */
    create_time_to?: string;
    /**
     * Only orders that were last changed at this time or later (RFC 3339).
     */
    update_time_from?: string;
    /**
     * Only orders that were last changed before this time: a span includes its start and not its end.
     */
    update_time_to?: string;
    /**
     * Only orders in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
     */
    currency?: string;
    /**
     * Only orders of at least this amount, a decimal such as `12.00`.
     */
    min_amount?: string;
    /**
     * Only orders of at most this amount, a decimal such as `12.00`.
     */
    max_amount?: string;
    /**
     * Only orders whose `metadata` has this key, with the value of `metadata_value`.
     */
    metadata_key?: string;
    /**
     * The value that the key has. Only with `metadata_key`.
     */
    metadata_value?: string;
    /**
     * Only orders of this payment link.
     */
    payment_link_id?: string;
    /**
     * Only orders in this status.
     */
    status?: ("NEW" | "PROCESSING" | "SUCCESS" | "FAILED" | "CANCELLED" | "EXPIRED" | "PARTIALLY_REFUNDED" | "REFUNDED" | (string & {}));
  }, options?: StreamOptions): AsyncIterable<Uint8Array>;
  /**
   * Waits until it has the status, or one of them; else until nothing is under way.
   */
  wait(id: string, options?: WaitOptions): Promise<types.Order & Answered>;
}

/**
 * Payment links, as merchants see them. Every RPC acts for the authenticated merchant, in the mode of its key; another
 * merchant's link is NOT_FOUND. Each time somebody pays a link there is an ordinary order, which names the link.
 */
export class PaymentLinks {
  /**
   * Creates a link. Idempotent with an `Idempotency-Key` header (gRPC metadata `idempotency-key`), as CreateOrder is.
   * Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest`; ALREADY_EXISTS, reason IDEMPOTENCY_KEY_REUSED;
   * FAILED_PRECONDITION, reason LINKS_OFF, where the gateway was not told its public address.
   */
  create(params: {
    /**
     * What is to be paid each time; more than zero.
     */
    amount: types.Money;
    /**
     * What is paid for, shown to the customer, up to 500 characters.
     */
    description?: string;
    /**
     * The merchant's own reference, up to 128 characters. Each order of the link has it.
     */
    merchant_order_id?: string;
    /**
     * Up to 50 pairs; keys up to 40 characters, values up to 500. Each order of the link has them.
     */
    metadata?: Record<string, string>;
    /**
     * Where the page leads who has paid; an absolute http(s) URL with a host, without credentials. `{ORDER_ID}`,
     * `{PAYMENT_ID}` and `{STATUS}` in its path or query are filled in, as CreatePayment does. The URL proves nothing,
     * as anybody can open it: ask for the order.
     */
    return_url?: string;
    /**
     * How many times it can be paid, up to 10,000. Left out or 0: once. A link for one payment is the same for
     * everybody who opens it: nobody can pay it again. Of one for more, each browser has a payment of its own.
     */
    max_uses?: number;
    /**
     * Until when a payment may be started. Left out: it does not expire. At most 366 days ahead.
     */
    expire_time?: string;
  }, options?: CallOptions): Promise<types.PaymentLink & Answered>;
  /**
   * Returns one link. Errors: NOT_FOUND, reason PAYMENT_LINK_NOT_FOUND.
   */
  get(paymentLinkId: string, params?: Record<string, never>, options?: CallOptions): Promise<types.PaymentLink & Answered>;
  /**
   * Lists the merchant's links, newest first. Pages follow AIP-158. The orders of one are listed by ListOrders.
   */
  list(params?: {
    /**
     * How many links at the most, up to 100. Left out or 0: 20.
     */
    page_size?: number;
    /**
     * `next_page_token` of the page before; empty for the first page.
     */
    page_token?: string;
    /**
     * Only links with this reference of the merchant's.
     */
    merchant_order_id?: string;
  }, options?: CallOptions): AsyncIterable<types.PaymentLink>;
  /**
   * Changes what is given and leaves the rest as it is: a link is switched off and on, and made to last longer, or for
   * ever by an `update_mask` of `expire_time` alone. What customers have begun to pay goes on. The amount of a link
   * never changes: make another one. Errors: NOT_FOUND, reason PAYMENT_LINK_NOT_FOUND; INVALID_ARGUMENT as at the
   * creation.
   */
  update(paymentLinkId: string, params?: {
    /**
     * Whether it can be paid.
     */
    enabled?: boolean;
    /**
     * What is paid for, shown to the customer.
     */
    description?: string;
    /**
     * How many times it can be paid. Fewer than are taken: it is used up. A link for one payment stays one, and one
     * for more does not become one: INVALID_ARGUMENT.
     */
    max_uses?: number;
    /**
     * Until when a payment may be started, at most 366 days ahead. A time that is over ends it. Left out, and named by
     * `update_mask`: the link does not expire any more.
     */
    expire_time?: string;
    /**
     * Which fields are changed, by their names (AIP-134; in JSON one string with commas between). What it names and
     * the request leaves out is taken away, which `expire_time` and `description` can be; what it does not name stays
     * as it is. Left out: what is given is changed.
     */
    update_mask?: string;
  }, options?: CallOptions): Promise<types.PaymentLink & Answered>;
  /**
   * Waits until it has the status, or one of them; else until nothing is under way.
   */
  wait(id: string, options?: WaitOptions): Promise<types.PaymentLink & Answered>;
}

/**
 * Disputes, as merchants see them. Every RPC acts for the authenticated merchant; another merchant's dispute is
 * NOT_FOUND.
 */
export class Disputes {
  /**
   * Returns one dispute. Errors: NOT_FOUND, reason DISPUTE_NOT_FOUND.
   */
  get(disputeId: string, params?: Record<string, never>, options?: CallOptions): Promise<types.Dispute & Answered>;
  /**
   * Lists the merchant's disputes, newest first. Pages follow AIP-158.
   */
  list(params?: {
    /**
     * How many disputes at the most, up to 100. Left out or 0: 20.
     */
    page_size?: number;
    /**
     * `next_page_token` of the page before; empty for the first page.
     */
    page_token?: string;
    /**
     * Only disputes of this payment.
     */
    payment_id?: string;
    /**
     * Only disputes in one of these statuses.
     */
    statuses?: Array<("NEEDS_RESPONSE" | "UNDER_REVIEW" | "WON" | "LOST" | "CLOSED" | (string & {}))>;
    /**
     * Only disputes that were created at this time or later (RFC 3339).
     */
    create_time_from?: string;
    /**
     * Only disputes that were created before this time: a span includes its start and not its end.
     */
    create_time_to?: string;
    /**
     * Only disputes that were last changed at this time or later (RFC 3339).
     */
    update_time_from?: string;
    /**
     * Only disputes that were last changed before this time: a span includes its start and not its end.
     */
    update_time_to?: string;
    /**
     * Only disputes in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
     */
    currency?: string;
    /**
     * Only disputes of at least this amount, a decimal such as `12.00`.
     */
    min_amount?: string;
    /**
     * Only disputes of at most this amount, a decimal such as `12.00`.
     */
    max_amount?: string;
    /**
     * `create_time desc`, which is the default: the newest first; or `create_time asc`.
     */
    order_by?: string;
    /**
     * Only disputes in this status.
     */
    status?: ("NEEDS_RESPONSE" | "UNDER_REVIEW" | "WON" | "LOST" | "CLOSED" | (string & {}));
    /**
     * Only disputes of this order.
     */
    order_id?: string;
    /**
     * Only disputes whose money was taken at this time or later (RFC 3339).
     */
    withdraw_time_from?: string;
    /**
     * Only disputes whose money was taken before this time: a span includes its start and not its end.
     */
    withdraw_time_to?: string;
    /**
     * Only disputes whose money was given back at this time or later (RFC 3339).
     */
    reinstate_time_from?: string;
    /**
     * Only disputes whose money was given back before this time: a span includes its start and not its end.
     */
    reinstate_time_to?: string;
  }, options?: CallOptions): AsyncIterable<types.Dispute>;
  /**
   * Exports the merchant's disputes as one file, oldest first, however many there are: CSV with a line for each,
   * amounts as decimals in the currency's own unit and times in UTC, or JSON Lines. The key is asked for at the
   * beginning: what is made after that is not in the file, and it takes an hour at the most. A file that could not be
   * finished ends with the connection, as an error of the client's, and never as a shorter file. Errors:
   * INVALID_ARGUMENT; RESOURCE_EXHAUSTED, reason TOO_MANY_EXPORTS, beside two that are under way.
   */
  export(params?: {
    /**
     * `csv`, which is the default, or `jsonl`: a line of JSON for each, as the API shows it.
     */
    format?: string;
    /**
     * Only disputes of this payment.
     */
    payment_id?: string;
    /**
     * Only disputes in one of these statuses.
     */
    statuses?: Array<("NEEDS_RESPONSE" | "UNDER_REVIEW" | "WON" | "LOST" | "CLOSED" | (string & {}))>;
    /**
     * Only disputes that were created at this time or later (RFC 3339).
     */
    create_time_from?: string;
    /**
     * Only disputes that were created before this time: a span includes its start and not its end.
     */
    create_time_to?: string;
    /**
     * Only disputes that were last changed at this time or later (RFC 3339).
     */
    update_time_from?: string;
    /**
     * Only disputes that were last changed before this time: a span includes its start and not its end.
     */
    update_time_to?: string;
    /**
     * Only disputes in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
     */
    currency?: string;
    /**
     * Only disputes of at least this amount, a decimal such as `12.00`.
     */
    min_amount?: string;
    /**
     * Only disputes of at most this amount, a decimal such as `12.00`.
     */
    max_amount?: string;
    /**
     * Only disputes in this status.
     */
    status?: ("NEEDS_RESPONSE" | "UNDER_REVIEW" | "WON" | "LOST" | "CLOSED" | (string & {}));
    /**
     * Only disputes of this order.
     */
    order_id?: string;
    /**
     * Only disputes whose money was taken at this time or later (RFC 3339).
     */
    withdraw_time_from?: string;
    /**
     * Only disputes whose money was taken before this time: a span includes its start and not its end.
     */
    withdraw_time_to?: string;
    /**
     * Only disputes whose money was given back at this time or later (RFC 3339).
     */
    reinstate_time_from?: string;
    /**
     * Only disputes whose money was given back before this time: a span includes its start and not its end.
     */
    reinstate_time_to?: string;
  }, options?: StreamOptions): AsyncIterable<Uint8Array>;
  /**
   * Waits until it has the status, or one of them; else until nothing is under way.
   */
  wait(id: string, options?: WaitOptions): Promise<types.Dispute & Answered>;
}

/**
 * Payments, as merchants see them. Every RPC acts for the authenticated merchant; another merchant's payment is
 * NOT_FOUND.
 */
export class Payments {
  /**
   * Starts a payment of an order. With `payment_method` the provider's token is confirmed at once, and the answer
   * carries the outcome. Without it the answer carries `redirect_url`, the provider's hosted page. When the provider
   * does not answer in time the payment is PROCESSING: the outcome is unknown, and is learned by webhook or by asking
   * the provider again. Without `provider` the merchant's routing policy chooses one, and the answer's `routing` says
   * why. When that provider is out of reach, and certainly has not charged the customer, the next one of the rule is
   * tried; `attempts` lists them. An unknown outcome is never tried elsewhere. Idempotent with an `Idempotency-Key`
   * header (gRPC metadata `idempotency-key`), as CreateOrder is. Errors: INVALID_ARGUMENT with a
   * `google.rpc.BadRequest` (also reason PROVIDER_UNKNOWN, AMOUNT_NOT_SUPPORTED, or CAPABILITY_NOT_SUPPORTED when the
   * provider cannot do what is asked); NOT_FOUND, reason ORDER_NOT_FOUND; FAILED_PRECONDITION, reason
   * ORDER_NOT_PAYABLE, PAYMENT_IN_PROGRESS, or NO_ROUTE when no provider of the policy fits; any other error whose
   * metadata names a `payment_id` leaves that payment recorded and under way, or may have (a GET tells); where another
   * payment of the order is to be closed first, that is the one that is named; ABORTED, reason IDEMPOTENCY_KEY_IN_USE,
   * while the first request under the key still runs; UNAVAILABLE.
   */
  create(params: {
    /**
     * The order to pay; its amount is what the customer pays.
     */
    order_id: string;
    /**
     * The provider, such as `stripe`. Left out: the merchant's routing policy chooses.
     */
    provider?: string;
    /**
     * A payment-method token of the provider's, made by the provider's own library in the customer's browser, such as
     * `pm_card_visa`. Never a card number. Left out: the customer pays on the provider's hosted page.
     */
    payment_method?: string;
    /**
     * Where the customer's browser returns to; an absolute http(s) URL with a host, without credentials. A name or a
     * path in other scripts is shown and passed on in ASCII. Required for a hosted page. `{ORDER_ID}`, `{PAYMENT_ID}`
     * and `{STATUS}` in its path or query are filled in: the ids, and by which way the customer came, RETURNED or
     * CANCELLED. The URL proves nothing, as anybody can open it: ask for the order, and show what it says.
     */
    return_url?: string;
    /**
     * When the money is taken. Left out: AUTOMATIC.
     */
    capture_method?: ("AUTOMATIC" | "MANUAL" | (string & {}));
    /**
     * The customer's country, ISO 3166-1 alpha-2 in upper case, for the rules of the routing policy that name
     * countries.
     */
    customer_country?: string;
    /**
     * Where the customer's browser goes who turns back on the provider's page without paying, with the same rules and
     * placeholders. Left out: `return_url`. The payment stays open: it can still be paid, or be cancelled.
     */
    cancel_url?: string;
  }, options?: CallOptions): Promise<types.Payment & Answered>;
  /**
   * Returns one payment. Errors: NOT_FOUND, reason PAYMENT_NOT_FOUND.
   */
  get(paymentId: string, params?: Record<string, never>, options?: CallOptions): Promise<types.Payment & Answered>;
  /**
   * Captures an authorized payment: all of it, or a part, which gives the rest back to the customer. Safe to repeat: a
   * captured payment is returned as it is, if the amount is the same. Errors: NOT_FOUND; FAILED_PRECONDITION, reason
   * PAYMENT_NOT_CAPTURABLE, when it is not AUTHORIZED, or PROVIDER_REFUSED with the payment's present `status` when
   * the provider did not do it; INVALID_ARGUMENT, reason AMOUNT_TOO_LARGE, above what is authorized, or reason
   * CAPABILITY_NOT_SUPPORTED for a part where the provider captures only the whole; ABORTED or FAILED_PRECONDITION,
   * reason OPERATION_IN_PROGRESS, while another operation on the payment has no answer; UNAVAILABLE, reason
   * PROVIDER_UNAVAILABLE, when nothing was done, or OUTCOME_UNKNOWN when that is not known: the provider is asked
   * until it answers. Repeating the call is safe.
   */
  capture(paymentId: string, params?: {
    /**
     * How much to capture, in the payment's currency. Left out: all of it.
     */
    amount?: types.Money;
  }, options?: CallOptions): Promise<types.Payment & Answered>;
  /**
   * Cancels a payment before any money moved: closes the hosted page, or voids the authorization. Safe to repeat.
   * Errors: NOT_FOUND; FAILED_PRECONDITION, reason PAYMENT_NOT_CANCELLABLE, when it is captured, has failed, or the
   * provider works on it; otherwise as CapturePayment.
   */
  cancel(paymentId: string, params?: Record<string, never>, options?: CallOptions): Promise<types.Payment & Answered>;
  /**
   * Lists the merchant's payments, newest first. Pages follow AIP-158.
   */
  list(params?: {
    /**
     * How many payments at the most, up to 100. Left out or 0: 20.
     */
    page_size?: number;
    /**
     * `next_page_token` of the page before; empty for the first page.
     */
    page_token?: string;
    /**
     * Only payments of this order.
     */
    order_id?: string;
    /**
     * Only payments in this status.
     */
    status?: ("INITIATED" | "PROCESSING" | "AUTHORIZED" | "SUCCESS" | "FAILED" | "CANCELLED" | "NEEDS_REVIEW" | "REQUIRES_ACTION" | (string & {}));
    /**
     * Only payments in one of these statuses.
     */
    statuses?: Array<("INITIATED" | "PROCESSING" | "AUTHORIZED" | "SUCCESS" | "FAILED" | "CANCELLED" | "NEEDS_REVIEW" | "REQUIRES_ACTION" | (string & {}))>;
    /**
     * Only payments that were created at this time or later (RFC 3339).
     */
    create_time_from?: string;
    /**
     * Only payments that were created before this time: a span includes its start and not its end.
     */
    create_time_to?: string;
    /**
     * Only payments that were last changed at this time or later (RFC 3339).
     */
    update_time_from?: string;
    /**
     * Only payments that were last changed before this time: a span includes its start and not its end.
     */
    update_time_to?: string;
    /**
     * Only payments in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
     */
    currency?: string;
    /**
     * Only payments of at least this amount, a decimal such as `12.00`.
     */
    min_amount?: string;
    /**
     * Only payments of at most this amount, a decimal such as `12.00`.
     */
    max_amount?: string;
    /**
     * `create_time desc`, which is the default: the newest first; or `create_time asc`.
     */
    order_by?: string;
    /**
     * Only payments through this provider.
     */
    provider?: string;
    /**
     * Only the payment that one of whose attempts has this name at its provider, such as `pi_…` at Stripe: what stands
     * in the provider's dashboard and reports. In full; upper and lower case are told apart.
     */
    provider_reference?: string;
    /**
     * Only payments whose money was taken at this time or later (RFC 3339).
     */
    capture_time_from?: string;
    /**
     * Only payments whose money was taken before this time: a span includes its start and not its end.
     */
    capture_time_to?: string;
  }, options?: CallOptions): AsyncIterable<types.Payment>;
  /**
   * Exports the merchant's payments as one file, oldest first, however many there are: CSV with a line for each,
   * amounts as decimals in the currency's own unit and times in UTC, or JSON Lines. The key is asked for at the
   * beginning: what is made after that is not in the file, and it takes an hour at the most. A file that could not be
   * finished ends with the connection, as an error of the client's, and never as a shorter file. Errors:
   * INVALID_ARGUMENT; RESOURCE_EXHAUSTED, reason TOO_MANY_EXPORTS, beside two that are under way.
   */
  export(params?: {
    /**
     * `csv`, which is the default, or `jsonl`: a line of JSON for each, as the API shows it.
     */
    format?: string;
    /**
     * Only payments of this order.
     */
    order_id?: string;
    /**
     * Only payments in one of these statuses.
     */
    statuses?: Array<("INITIATED" | "PROCESSING" | "AUTHORIZED" | "SUCCESS" | "FAILED" | "CANCELLED" | "NEEDS_REVIEW" | "REQUIRES_ACTION" | (string & {}))>;
    /**
     * Only payments that were created at this time or later (RFC 3339).
     */
    create_time_from?: string;
    /**
     * Only payments that were created before this time: a span includes its start and not its end.
     */
    create_time_to?: string;
    /**
     * Only payments that were last changed at this time or later (RFC 3339).
     */
    update_time_from?: string;
    /**
     * Only payments that were last changed before this time: a span includes its start and not its end.
     */
    update_time_to?: string;
    /**
     * Only payments in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
     */
    currency?: string;
    /**
     * Only payments of at least this amount, a decimal such as `12.00`.
     */
    min_amount?: string;
    /**
     * Only payments of at most this amount, a decimal such as `12.00`.
     */
    max_amount?: string;
    /**
     * Only payments through this provider.
     */
    provider?: string;
    /**
     * Only payments in this status.
     */
    status?: ("INITIATED" | "PROCESSING" | "AUTHORIZED" | "SUCCESS" | "FAILED" | "CANCELLED" | "NEEDS_REVIEW" | "REQUIRES_ACTION" | (string & {}));
    /**
     * Only payments whose money was taken at this time or later (RFC 3339).
     */
    capture_time_from?: string;
    /**
     * Only payments whose money was taken before this time: a span includes its start and not its end.
     */
    capture_time_to?: string;
  }, options?: StreamOptions): AsyncIterable<Uint8Array>;
  /**
   * Waits until it has the status, or one of them; else until nothing is under way.
   */
  wait(id: string, options?: WaitOptions): Promise<types.Payment & Answered>;
}

/**
 * A merchant's own accounts at providers. Without one, payments go through the platform's account.
 */
export class ProviderAccounts {
  /**
   * Sets the credentials of the merchant's account at a provider; they are encrypted at rest and never shown again.
   * The provider is asked whose they are. Credentials of the same account at the provider replace those that are set:
   * the account stays the same, so that keys can be changed while payments are open. Credentials of another one make
   * another account with an id and a webhook path of its own, or use again the one that they once were of: the account
   * in use until then takes no new payments, and those that were made with it stay with it. Errors: INVALID_ARGUMENT
   * with a `google.rpc.BadRequest` that names the credential that is missing, unknown, or of the other mode (a live
   * credential with a test key, or the reverse); reasons PROVIDER_UNKNOWN, and CREDENTIALS_REFUSED where the provider
   * does not take them; UNAVAILABLE, reason PROVIDER_UNAVAILABLE, when it does not say whose they are;
   * FAILED_PRECONDITION, reason ACCOUNT_IN_USE, when nobody can tell any more whose the credentials until now were,
   * and a payment that was made with them waits for anything (`same_account` helps), or when `same_account` is said of
   * others; ABORTED, reason ACCOUNT_CHANGED. Nothing is changed then.
   */
  set(provider: string, params?: {
    /**
     * The credentials by their names. Stripe: `api_key`, `webhook_secret`. PayPal: `client_id`, `client_secret`,
     * `webhook_id`. Bank transfer: `api_key`, `webhook_secret`. Several webhook secrets are separated by commas. ASCII
     * that can be printed: no header of HTTP could carry others (RFC 9110, 5.5). No space before or after, as copying
     * may add.
     */
    credentials?: Record<string, string>;
    /**
     * Says that the credentials are of the account that is set, at the provider. It counts only where nobody can tell
     * any more, as those until now were revoked before the gateway learned whose they were, and is refused where they
     * are known to be another's. Said wrongly, payments without an answer are asked for again at another account, and
     * may be charged twice.
     */
    same_account?: boolean;
  }, options?: CallOptions): Promise<types.ProviderAccount & Answered>;
  /**
   * Returns the merchant's account at a provider. Errors: NOT_FOUND, reason PROVIDER_ACCOUNT_NOT_FOUND.
   */
  get(provider: string, params?: Record<string, never>, options?: CallOptions): Promise<types.ProviderAccount & Answered>;
  /**
   * Lists the merchant's accounts, by the provider's name.
   */
  list(params?: Record<string, never>, options?: CallOptions): AsyncIterable<types.ProviderAccount>;
  /**
   * Takes the account out of use for new payments, which go through the platform's from then on. Payments that were
   * made with it can still be captured, refunded and looked up. Again, it returns the account as it was taken out of
   * use. Errors: NOT_FOUND, reason PROVIDER_ACCOUNT_NOT_FOUND, when there never was one.
   */
  delete(provider: string, params?: Record<string, never>, options?: CallOptions): Promise<types.ProviderAccount & Answered>;
  /**
   * Asks the provider now whether it still takes the account's credentials, and whose they are. Nothing is changed.
   * Errors: NOT_FOUND, reason PROVIDER_ACCOUNT_NOT_FOUND; UNAVAILABLE, reason PROVIDER_UNAVAILABLE, when it does not
   * say.
   */
  check(provider: string, params?: Record<string, never>, options?: CallOptions): Promise<types.CheckProviderAccountResponse & Answered>;
}

/**
 * Refunds, as merchants see them. Every RPC acts for the authenticated merchant; another merchant's payment or refund
 * is NOT_FOUND.
 */
export class Refunds {
  /**
   * Gives back a captured payment, all of what is left or a part. The refunds of a payment never sum to more than was
   * captured, however many are asked for at once. Idempotent with an `Idempotency-Key` header, as CreateOrder is.
   * Errors: NOT_FOUND; FAILED_PRECONDITION, reason PAYMENT_NOT_REFUNDABLE, when nothing was captured or nothing is
   * left; INVALID_ARGUMENT, reason AMOUNT_TOO_LARGE, above what is left, or reason CAPABILITY_NOT_SUPPORTED where the
   * provider gives nothing back, or only the whole; UNAVAILABLE: where its metadata names a `refund_id`, that refund
   * is or may be recorded, and a request without a key that is repeated would give the money back once more.
   */
  create(paymentId: string, params?: {
    /**
     * How much, in the payment's currency. Left out: all that is left.
     */
    amount?: types.Money;
    /**
     * The merchant's own words, up to 500 characters.
     */
    reason?: string;
  }, options?: CallOptions): Promise<types.Refund & Answered>;
  /**
   * Returns one refund. Errors: NOT_FOUND, reason REFUND_NOT_FOUND.
   */
  get(refundId: string, params?: Record<string, never>, options?: CallOptions): Promise<types.Refund & Answered>;
  /**
   * Lists the refunds of a payment, or at `/v1/refunds` of all payments, newest first. Pages follow AIP-158. Errors:
   * NOT_FOUND, reason PAYMENT_NOT_FOUND.
   */
  list(paymentId: string, params?: {
    /**
     * How many refunds at the most, up to 100. Left out or 0: 20.
     */
    page_size?: number;
    /**
     * `next_page_token` of the page before; empty for the first page.
     */
    page_token?: string;
    /**
     * Only refunds in one of these statuses.
     */
    statuses?: Array<("PENDING" | "SUCCESS" | "FAILED" | "NEEDS_REVIEW" | (string & {}))>;
    /**
     * Only refunds that were created at this time or later (RFC 3339).
     */
    create_time_from?: string;
    /**
     * Only refunds that were created before this time: a span includes its start and not its end.
     */
    create_time_to?: string;
    /**
     * Only refunds that were last changed at this time or later (RFC 3339).
     */
    update_time_from?: string;
    /**
     * Only refunds that were last changed before this time: a span includes its start and not its end.
     */
    update_time_to?: string;
    /**
     * Only refunds in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
     */
    currency?: string;
    /**
     * Only refunds of at least this amount, a decimal such as `12.00`.
     */
    min_amount?: string;
    /**
     * Only refunds of at most this amount, a decimal such as `12.00`.
     */
    max_amount?: string;
    /**
     * `create_time desc`, which is the default: the newest first; or `create_time asc`.
     */
    order_by?: string;
    /**
     * Only refunds of this order.
     */
    order_id?: string;
    /**
     * Only refunds in this status.
     */
    status?: ("PENDING" | "SUCCESS" | "FAILED" | "NEEDS_REVIEW" | (string & {}));
    /**
     * Only refunds whose money went back at this time or later (RFC 3339).
     */
    success_time_from?: string;
    /**
     * Only refunds whose money went back before this time: a span includes its start and not its end.
     */
    success_time_to?: string;
    /**
     * Only refunds whose money came back at this time or later (RFC 3339).
     */
    reverse_time_from?: string;
    /**
     * Only refunds whose money came back before this time: a span includes its start and not its end.
     */
    reverse_time_to?: string;
  }, options?: CallOptions): AsyncIterable<types.Refund>;
  /**
   * The same of all there are, whatever their `payment_id`.
   */
  list(params?: {
    /**
     * How many refunds at the most, up to 100. Left out or 0: 20.
     */
    page_size?: number;
    /**
     * `next_page_token` of the page before; empty for the first page.
     */
    page_token?: string;
    /**
     * Only refunds in one of these statuses.
     */
    statuses?: Array<("PENDING" | "SUCCESS" | "FAILED" | "NEEDS_REVIEW" | (string & {}))>;
    /**
     * Only refunds that were created at this time or later (RFC 3339).
     */
    create_time_from?: string;
    /**
     * Only refunds that were created before this time: a span includes its start and not its end.
     */
    create_time_to?: string;
    /**
     * Only refunds that were last changed at this time or later (RFC 3339).
     */
    update_time_from?: string;
    /**
     * Only refunds that were last changed before this time: a span includes its start and not its end.
     */
    update_time_to?: string;
    /**
     * Only refunds in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
     */
    currency?: string;
    /**
     * Only refunds of at least this amount, a decimal such as `12.00`.
     */
    min_amount?: string;
    /**
     * Only refunds of at most this amount, a decimal such as `12.00`.
     */
    max_amount?: string;
    /**
     * `create_time desc`, which is the default: the newest first; or `create_time asc`.
     */
    order_by?: string;
    /**
     * Only refunds of this order.
     */
    order_id?: string;
    /**
     * Only refunds in this status.
     */
    status?: ("PENDING" | "SUCCESS" | "FAILED" | "NEEDS_REVIEW" | (string & {}));
    /**
     * Only refunds whose money went back at this time or later (RFC 3339).
     */
    success_time_from?: string;
    /**
     * Only refunds whose money went back before this time: a span includes its start and not its end.
     */
    success_time_to?: string;
    /**
     * Only refunds whose money came back at this time or later (RFC 3339).
     */
    reverse_time_from?: string;
    /**
     * Only refunds whose money came back before this time: a span includes its start and not its end.
     */
    reverse_time_to?: string;
  }, options?: CallOptions): AsyncIterable<types.Refund>;
  /**
   * Exports the merchant's refunds as one file, oldest first, however many there are: CSV with a line for each,
   * amounts as decimals in the currency's own unit and times in UTC, or JSON Lines. The key is asked for at the
   * beginning: what is made after that is not in the file, and it takes an hour at the most. A file that could not be
   * finished ends with the connection, as an error of the client's, and never as a shorter file. Errors:
   * INVALID_ARGUMENT; RESOURCE_EXHAUSTED, reason TOO_MANY_EXPORTS, beside two that are under way.
   */
  export(params?: {
    /**
     * `csv`, which is the default, or `jsonl`: a line of JSON for each, as the API shows it.
     */
    format?: string;
    /**
     * Only refunds of this payment. Left out: of all payments.
     */
    payment_id?: string;
    /**
     * Only refunds in one of these statuses.
     */
    statuses?: Array<("PENDING" | "SUCCESS" | "FAILED" | "NEEDS_REVIEW" | (string & {}))>;
    /**
     * Only refunds that were created at this time or later (RFC 3339).
     */
    create_time_from?: string;
    /**
     * Only refunds that were created before this time: a span includes its start and not its end.
     */
    create_time_to?: string;
    /**
     * Only refunds that were last changed at this time or later (RFC 3339).
     */
    update_time_from?: string;
    /**
     * Only refunds that were last changed before this time: a span includes its start and not its end.
     */
    update_time_to?: string;
    /**
     * Only refunds in this currency (ISO 4217). Required with `min_amount` and `max_amount`.
     */
    currency?: string;
    /**
     * Only refunds of at least this amount, a decimal such as `12.00`.
     */
    min_amount?: string;
    /**
     * Only refunds of at most this amount, a decimal such as `12.00`.
     */
    max_amount?: string;
    /**
     * Only refunds of this order.
     */
    order_id?: string;
    /**
     * Only refunds in this status.
     */
    status?: ("PENDING" | "SUCCESS" | "FAILED" | "NEEDS_REVIEW" | (string & {}));
    /**
     * Only refunds whose money went back at this time or later (RFC 3339).
     */
    success_time_from?: string;
    /**
     * Only refunds whose money went back before this time: a span includes its start and not its end.
     */
    success_time_to?: string;
    /**
     * Only refunds whose money came back at this time or later (RFC 3339).
     */
    reverse_time_from?: string;
    /**
     * Only refunds whose money came back before this time: a span includes its start and not its end.
     */
    reverse_time_to?: string;
  }, options?: StreamOptions): AsyncIterable<Uint8Array>;
  /**
   * Waits until it has the status, or one of them; else until nothing is under way.
   */
  wait(id: string, options?: WaitOptions): Promise<types.Refund & Answered>;
}

/**
 * The merchant's routing policy: which provider takes a payment whose request names none.
 */
export class RoutingPolicy {
  /**
   * Returns the policy; without rules when none was ever set, and then the gateway's own order of providers applies.
   */
  get(params?: Record<string, never>, options?: CallOptions): Promise<types.RoutingPolicy & Answered>;
  /**
   * Replaces the policy as a whole. Without rules the gateway's own order of providers applies again. Errors:
   * INVALID_ARGUMENT with a `google.rpc.BadRequest`, reason PROVIDER_UNKNOWN for a target that is not on here.
   */
  update(params?: {
    /**
     * The rules, in the order in which they are tried.
     */
    rules?: Array<types.RoutingRule>;
  }, options?: CallOptions): Promise<types.RoutingPolicy & Answered>;
  /**
   * Says which provider would take a payment, and why, as the policy and the providers are now. Nothing is made, and
   * no provider is asked. Where the rule that decides has several weights, a payment is drawn by them; this names
   * each.
   */
  previewRoute(params: {
    /**
     * What it would be of.
     */
    amount: types.Money;
    /**
     * The customer's country, ISO 3166-1 alpha-2 in upper case. Empty: it is not known.
     */
    customer_country?: string;
  }, options?: CallOptions): Promise<types.PreviewRouteResponse & Answered>;
  /**
   * Lists what the policy was, newest first: the last 100 times that it was replaced.
   */
  listVersions(params?: Record<string, never>, options?: CallOptions): AsyncIterable<types.RoutingPolicyVersion>;
}

/**
 * The test clock: it lets what waits happen now, for test data alone. Nobody has to wait a day to see an order expire.
 */
export class TestClock {
  /**
   * Returns how far the merchant's test data was moved on. Errors: FAILED_PRECONDITION, reason TEST_MODE_ONLY, for a
   * live key.
   */
  get(params?: Record<string, never>, options?: CallOptions): Promise<types.TestClock & Answered>;
  /**
   * Brings what the merchant's test data waits for nearer, as if so much time had passed. Orders and payment links end
   * as much earlier, webhooks that wait are tried again, payments, refunds and operations that wait are asked about at
   * their provider, held amounts come to the end of their time, replaced signing secrets and old idempotency keys end.
   * What is created afterwards begins at the present. Nothing goes backwards, and nothing is decided by it: an outcome
   * that is not known is asked for at the provider, only earlier. Times of what has happened stay as they are, such as
   * `create_time`, and so does all that has ended. Deadlines have moved in all services within a second, and due
   * orders are looked for every 5 seconds: wait for the status. Of each kind the newest 5,000 are moved on. Idempotent
   * with an `Idempotency-Key` header, as `CreatePayment` is. Errors: INVALID_ARGUMENT with a `google.rpc.BadRequest`;
   * FAILED_PRECONDITION, reason TEST_MODE_ONLY, for a live key; RESOURCE_EXHAUSTED, reason CLOCK_JUST_ADVANCED, within
   * a second of the last time.
   */
  advance(params: {
    /**
     * By how much, from a second to 366 days: in JSON as seconds, such as `"90000s"` for 25 hours.
     */
    by: string;
  }, options?: CallOptions): Promise<types.TestClock & Answered>;
}

/**
 * What happened to an order, from its creation on.
 */
export class OrderTimeline {
  /**
   * Returns every change of an order, its payments, their attempts, refunds and disputes, and every provider webhook
   * that came for them, oldest first, in pages. Errors: NOT_FOUND, reason ORDER_NOT_FOUND; INVALID_ARGUMENT, reason
   * PAGE_TOKEN_INVALID.
   */
  get(orderId: string, params?: {
    /**
     * How many entries a page has at the most, 1 to 500; 500 when left out.
     */
    page_size?: number;
    /**
     * `next_page_token` of the page before.
     */
    page_token?: string;
  }, options?: CallOptions): Promise<types.OrderTimeline & Answered>;
  /**
   * Lists what was said to providers about a payment, what they answered, and the webhooks of theirs that came for it:
   * the newest, oldest first. Of each body only fields are kept that a provider's own list names, without card
   * numbers, keys and who the customer is; what is longer than 1,500 characters is cut off. Calls are written down
   * within a second or two after they were made, and deleted after 90 days unless the gateway's operator has set
   * another time; a process that is killed may take its last ones along. They explain what happened and prove nothing:
   * what counts is the payment. Errors: NOT_FOUND, reason PAYMENT_NOT_FOUND.
   */
  listProviderExchanges(paymentId: string, params?: {
    /**
     * How many to return at the most, 1 to 200; 100 when left out.
     */
    page_size?: number;
  }, options?: CallOptions): AsyncIterable<types.ProviderExchange>;
}

/** All resources, by their names. */
export class Resources {
  readonly events: Events;
  readonly notificationChannels: NotificationChannels;
  readonly webhookEndpoints: WebhookEndpoints;
  readonly pushKey: PushKey;
  readonly orders: Orders;
  readonly paymentLinks: PaymentLinks;
  readonly disputes: Disputes;
  readonly payments: Payments;
  readonly providerAccounts: ProviderAccounts;
  readonly refunds: Refunds;
  readonly routingPolicy: RoutingPolicy;
  readonly testClock: TestClock;
  readonly orderTimeline: OrderTimeline;
}

/** What is known of an answer beside its fields; it is not enumerable. */
export interface Answered {
  /** Whether it is that of an earlier request under the same idempotency key. */
  readonly replayed: boolean;
  /** What support asks for. */
  readonly requestId: string;
}

export interface CallOptions {
  /** Milliseconds, with all attempts. */
  timeout?: number;
  /** The same for all attempts; left out: a new one. */
  idempotencyKey?: string;
}

export interface StreamOptions {
  /** Ends the stream. */
  signal?: AbortSignal;
}

export interface WaitOptions {
  /** Statuses, such as `"SUCCESS"`. */
  until?: string | string[];
  /** Milliseconds; 60,000 when left out. */
  timeout?: number;
}

/** An event as streams and webhooks carry it. */
export interface WebhookDocument extends types.Event {
  create_time: string;
  data: types.EventData;
}
