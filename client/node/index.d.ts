import { Resources } from "./surface.js";
import type { WebhookDocument } from "./surface.js";

export type * from "./types.js";

export interface ClientOptions {
  /** Milliseconds for a call with all its attempts; 30,000 when left out. */
  timeout?: number;
  /** How often a call is made again that the gateway could not answer; 8 when left out. */
  retries?: number;
  /** Used in place of the global `fetch`. */
  fetch?: typeof fetch;
}

/** A client; one is enough for a process. */
export class FusionXPay extends Resources {
  constructor(apiKey: string, baseUrl: string, options?: ClientOptions);
}

export interface FieldViolation {
  field: string;
  description: string;
}

/** What the gateway refused, or could not answer in time. */
export class FusionXPayError extends Error {
  /** The HTTP status; 0 without an answer. */
  readonly status: number;
  /** For programs, such as `ORDER_NOT_PAYABLE`. */
  readonly reason: string;
  /** The fields that are wrong. */
  readonly violations: FieldViolation[];
  readonly metadata: Record<string, string>;
  /** What support asks for. */
  readonly requestId: string;
  /** The key of a write: call again under it, and what was done is not done twice. */
  readonly idempotencyKey: string;
  /** Milliseconds after which the gateway asks to come back, where it says so. */
  readonly retryAfter?: number;
  /** Whether the same call may be answered a moment later. */
  readonly passes: boolean;
}

/** A `wait` ended before the status came. */
export class WaitTimeoutError extends Error {
  /** The status that the resource had last; empty where nothing was heard of it. */
  readonly status: string;
  /** The resource as it was last, where anything was heard of it. */
  readonly found?: { status: string };
  /** What kept the last answer away, where that was it. */
  readonly cause?: FusionXPayError;
}

/** The status that was waited for cannot come any more; said at once. */
export class StatusUnreachableError extends WaitTimeoutError {}

export class WebhookVerificationError extends Error {}

/** An event as it is sent, with the names that the API has for the same (`event_id`, `create_time`, `resource_id`) beside it. */
export type WebhookEvent = WebhookDocument;

/**
 * Returns the event of a request, from its body as it came. Throws WebhookVerificationError for what is not genuine, or more
 * than five minutes off.
 */
export function verifyWebhook(
  secret: string,
  body: string | Uint8Array,
  headers: Record<string, string | string[] | undefined> | Headers,
): WebhookEvent;
