// What the gateway refused, or could not answer in time.
const PASSING = new Set([0, 429, 503, 504]);
const STILL_RUNS = "IDEMPOTENCY_KEY_IN_USE";

export class FusionXPayError extends Error {
  constructor(status, body, { requestId = "", idempotencyKey = "", retryAfter = 0, cause } = {}) {
    const details = Object.fromEntries((body.details ?? []).map((one) => [one["@type"]?.split(".").pop(), one]));
    super(body.message ?? `the gateway answered ${status}`, { cause });
    this.name = "FusionXPayError";
    this.status = status;
    this.reason = details.ErrorInfo?.reason ?? (status ? "UNKNOWN" : "NO_ANSWER");
    this.violations = details.BadRequest?.field_violations ?? [];
    this.metadata = details.ErrorInfo?.metadata ?? {};
    this.requestId = details.RequestInfo?.request_id ?? requestId;
    this.idempotencyKey = idempotencyKey;
    this.retryAfter = retryAfter;
  }

  /** Whether the same call may be answered a moment later. */
  get passes() {
    return PASSING.has(this.status) || this.reason === STILL_RUNS;
  }
}

/** A wait ended before the status came; `found` is the resource as it was last. */
export class WaitTimeoutError extends Error {
  constructor(message, found) {
    super(message);
    this.name = this.constructor.name;
    this.found = found;
    this.status = found.status;
  }
}

/** The status that was waited for cannot come any more. */
export class StatusUnreachableError extends WaitTimeoutError {}
