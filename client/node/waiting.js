// Waits until a resource has come to a status, by asking for it again and again.
import { setTimeout as sleep } from "node:timers/promises";
import { FusionXPayError, StatusUnreachableError, WaitTimeoutError } from "./errors.js";

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2000;
/** What the last question has for its answer: one without time would never have any. */
const LAST_ANSWER = 250;
const UNDER_WAY = new Set([
  ...["NEW", "INITIATED", "PROCESSING", "REQUIRES_ACTION", "PENDING"],
  ...["NEEDS_RESPONSE", "UNDER_REVIEW"],
]);
const SETTLED = ["SUCCESS", "PARTIALLY_REFUNDED", "REFUNDED"];
/** What may still come after a status in which nothing is under way, by resource, as in Python. */
const ENDED = {
  Order: { CANCELLED: [], EXPIRED: [], ...Object.fromEntries(SETTLED.map((one) => [one, SETTLED])) },
  Payment: { SUCCESS: [], FAILED: [], CANCELLED: [] },
  Refund: { SUCCESS: ["FAILED"], FAILED: [] },
};

/** `get` asks for the resource within so many milliseconds; `statuses` are all that this package knows of it. */
export async function waitFor(get, kind, statuses, wanted, timeout) {
  const unknown = wanted.filter((status) => !statuses.includes(status));
  if (unknown.length) throw new TypeError(`until: it is never ${unknown.join(", ")}; there are: ${statuses.join(", ")}`);
  const [deadline, what] = [Date.now() + timeout, kind.toLowerCase()];
  let found;
  for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    let cause;
    try {
      found = await get(Math.max(1, deadline - Date.now()));
      // a status that is newer than this package ends nothing
      const isEnd = statuses.includes(found.status) && !UNDER_WAY.has(found.status);
      if (wanted.length ? wanted.includes(found.status) : isEnd) return found;
    } catch (error) {
      if (!(error instanceof FusionXPayError) || !error.passes) throw error;
      cause = error;
    }
    const after = wanted.length ? ENDED[kind]?.[found?.status] : undefined;
    if (after && !wanted.some((status) => after.includes(status))) {
      throw new StatusUnreachableError(`the ${what} is ${found.status}, and will not be ${wanted.join(" or ")} any more`, found);
    }
    const left = deadline - LAST_ANSWER - Date.now();
    if (left <= 0) {
      const words = found ? `the ${what} is still ${found.status}` : `nothing was heard of the ${what}`;
      throw new WaitTimeoutError(`${words} after ${timeout} ms`, found, { cause });
    }
    await sleep(Math.min(pause, left));
  }
}
