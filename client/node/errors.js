// What the gateway refused, or could not answer in time.
const PASSING = new Set([0, 502, 503, 504]);
export const STILL_RUNS = "IDEMPOTENCY_KEY_IN_USE";
const OF_SOMEBODY_ELSE = "UNKNOWN";

export class FusionXPayError extends Error {
  constructor(status, body, { requestId = "", idempotencyKey = "", retryAfter, cause } = {}) {
    const details = Object.fromEntries((body.details ?? []).map((one) => [one["@type"]?.split(".").pop(), one]));
    super(body.message ?? `the gateway answered ${status}`, { cause });
    this.name = "FusionXPayError";
    this.status = status;
    this.reason = details.ErrorInfo?.reason ?? (status ? OF_SOMEBODY_ELSE : "NO_ANSWER");
    this.violations = details.BadRequest?.field_violations ?? [];
    this.metadata = details.ErrorInfo?.metadata ?? {};
    this.requestId = details.RequestInfo?.request_id ?? requestId;
    this.idempotencyKey = idempotencyKey;
    this.retryAfter = retryAfter;
  }

  /** Whether the same call may be answered a moment later. */
  get passes() {
    if (PASSING.has(this.status) || this.reason === STILL_RUNS) return true;
    // without a time to come back at, it is a limit of the gateway's that waiting does not lift
    return this.status === 429 && (this.retryAfter !== undefined || this.reason === OF_SOMEBODY_ELSE);
  }
}

/** A wait ended before the status came; `found` is the resource as it was last, where anything was heard of it. */
export class WaitTimeoutError extends Error {
  constructor(message, found, { cause } = {}) {
    super(message, { cause });
    this.name = this.constructor.name;
    this.found = found;
    this.status = found?.status ?? "";
  }
}

/** The status that was waited for cannot come any more. */
export class StatusUnreachableError extends WaitTimeoutError {}
