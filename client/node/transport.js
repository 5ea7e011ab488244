// How calls travel: made again while that is safe, in time.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { FusionXPayError, StatusUnreachableError, WaitTimeoutError } from "./errors.js";
import { named } from "./webhooks.js";

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5000;
const UNDER_WAY = new Set(["NEW", "INITIATED", "PROCESSING", "REQUIRES_ACTION", "PENDING"]);
const SETTLED = ["SUCCESS", "PARTIALLY_REFUNDED", "REFUNDED"];
/** What may still come after a status in which nothing is under way, by resource, as in Python. */
const ENDED = {
  Order: { CANCELLED: [], EXPIRED: [], ...Object.fromEntries(SETTLED.map((one) => [one, SETTLED])) },
  Payment: { SUCCESS: [], FAILED: [], CANCELLED: [] },
  Refund: { SUCCESS: ["FAILED"], FAILED: [] },
};

export class Transport {
  constructor(apiKey, baseUrl, options = {}) {
    known(options, "timeout", "retries", "fetch");
    const { timeout = 30_000, retries = 8, fetch = globalThis.fetch } = options;
    if (!apiKey) throw new TypeError("an API key is needed");
    // the message must not hold the argument, which may be the key
    if (!URL.canParse(baseUrl)) throw new TypeError("the key comes first, then the gateway's address, such as https://pay.example.com");
    this._base = new URL(baseUrl).origin;
    this._headers = { authorization: `Bearer ${apiKey}`, accept: "application/json" };
    this._timeout = timeout;
    this._retries = retries;
    this._fetch = fetch;
  }

  /** Call an RPC. A write goes under its idempotency key, and all its attempts under the same. */
  async call(method, path, params, options = {}) {
    known(options, "idempotencyKey", "timeout");
    const key = method === "GET" ? "" : (options.idempotencyKey ?? randomUUID());
    const deadline = Date.now() + (options.timeout ?? this._timeout);
    const request = this._request(method, path, params, key);
    let pause = FIRST_PAUSE;
    for (let left = this._retries; ; left -= 1) {
      try {
        return await this._once(request, key, deadline);
      } catch (error) {
        const wait = Math.max(pause * (0.5 + Math.random() / 2), error.retryAfter ?? 0);
        if (!error.passes || left <= 0 || Date.now() + wait >= deadline) throw error;
        await sleep(wait);
        pause = Math.min(2 * pause, LONGEST_PAUSE);
      }
    }
  }

  /** All items of all pages, each page asked for when it is needed. */
  async *pages(path, field, params = {}, options = {}, shown = (item) => item) {
    let token = params.page_token ?? "";
    do {
      const page = await this.call("GET", path, token ? { ...params, page_token: token } : params, options);
      for (const item of page[field]) yield shown(item);
      token = page.next_page_token ?? "";
    } while (token);
  }

  /** Events as they come; the stream is opened again after the last one whenever it ends or breaks. */
  async *events(path, params = {}, options = {}) {
    known(options, "signal");
    let last = params.last_event_id ?? "";
    let pause = 1000;
    let failures = 0;
    while (!options.signal?.aborted) {
      try {
        const [url, init] = this._request("GET", path, { ...params, last_event_id: last || undefined }, "");
        init.headers.accept = "text/event-stream";
        const answer = await this._fetch(url, { ...init, signal: options.signal });
        if (!answer.ok) throw await refusal(answer, "");
        for await (const frame of frames(answer.body)) {
          failures = 0;
          pause = frame.retry ?? pause;
          if (!frame.data) continue;
          last = frame.id ?? last;
          yield named(JSON.parse(frame.data));
        }
      } catch (error) {
        if (options.signal?.aborted) return;
        if (error instanceof FusionXPayError && !error.passes) throw error;
        if ((failures += 1) > this._retries && !last) throw error;
      }
      await sleep(pause, undefined, { signal: options.signal }).catch(() => {});
    }
  }

  /** A file's bytes as they come; an error in between means that it is not whole. */
  async *content(path, params = {}, options = {}) {
    known(options, "signal");
    const [url, init] = this._request("GET", path, params, "");
    init.headers.accept = "*/*";
    try {
      const answer = await this._fetch(url, { ...init, signal: options.signal });
      if (!answer.ok) throw await refusal(answer, "");
      yield* answer.body;
    } catch (cause) {
      if (cause instanceof FusionXPayError || options.signal?.aborted) throw cause;
      throw new FusionXPayError(0, { message: `the file broke off: ${cause.message}` }, { cause });
    }
  }

  /** Wait until a resource has a status, or one of them; one that cannot come any more ends it at once. */
  async wait(get, kind, statuses, options = {}) {
    known(options, "until", "timeout");
    const { until = [], timeout = 60_000 } = options;
    const wanted = [until].flat();
    const unknown = wanted.filter((status) => !statuses.includes(status));
    if (unknown.length) throw new TypeError(`until: it is never ${unknown.join(", ")}; there are: ${statuses.join(", ")}`);
    const deadline = Date.now() + timeout;
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, 2000)) {
      const found = await get();
      if (wanted.length ? wanted.includes(found.status) : !UNDER_WAY.has(found.status)) return found;
      const after = wanted.length ? ENDED[kind]?.[found.status] : undefined;
      if (after && !wanted.some((status) => after.includes(status))) {
        throw new StatusUnreachableError(
          `the ${kind.toLowerCase()} is ${found.status}, and will not be ${wanted.join(" or ")} any more`,
          found,
        );
      }
      const left = deadline - Date.now();
      if (left <= 0) throw new WaitTimeoutError(`the ${kind.toLowerCase()} is still ${found.status} after ${timeout} ms`, found);
      await sleep(Math.min(pause, left));
    }
  }

  _request(method, path, params = {}, key) {
    const url = new URL(this._base + path);
    const headers = { ...this._headers };
    if (key) headers["idempotency-key"] = key;
    if (method === "GET" || method === "DELETE") {
      for (const [name, value] of Object.entries(params)) {
        for (const one of [value].flat()) {
          if (one !== undefined && one !== null) url.searchParams.append(name, one instanceof Date ? one.toISOString() : `${one}`);
        }
      }
      return [url, { method, headers }];
    }
    headers["content-type"] = "application/json";
    return [url, { method, headers, body: JSON.stringify(params) }];
  }

  async _once([url, init], key, deadline) {
    let answer;
    let text;
    try {
      const signal = AbortSignal.timeout(Math.max(1, deadline - Date.now()));
      answer = await this._fetch(url, { ...init, signal });
      text = await answer.text();
    } catch (cause) {
      throw new FusionXPayError(0, { message: `no answer: ${cause.message}` }, { idempotencyKey: key, cause });
    }
    if (!answer.ok) throw await refusal(answer, key, text);
    return JSON.parse(text);
  }
}

/** An option that there is none of is a slip of the pen; a key of idempotency that is not sent would be money paid twice. */
function known(options, ...names) {
  const other = Object.keys(options).find((name) => !names.includes(name));
  if (other) throw new TypeError(`there is no option ${other}: there are ${names.join(", ")}`);
}

async function refusal(answer, idempotencyKey, text) {
  let body = {};
  try {
    body = JSON.parse(text ?? (await answer.text()));
  } catch {
    // what stands between us and the gateway may answer in another form
  }
  const requestId = answer.headers.get("x-request-id") ?? "";
  const retryAfter = 1000 * (Number(answer.headers.get("retry-after")) || 0);
  return new FusionXPayError(answer.status, body, { requestId, idempotencyKey, retryAfter });
}

/** Server-Sent Events (WHATWG HTML, 9.2.6). */
async function* frames(body) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of body) {
    const blocks = (rest + decoder.decode(piece, { stream: true })).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const frame = {};
      for (const line of block.split("\n")) {
        const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
        if (name === "data") frame.data = frame.data === undefined ? value : `${frame.data}\n${value}`;
        else if (name === "id") frame.id = value;
        else if (name === "retry") frame.retry = Number(value);
      }
      yield frame;
    }
  }
}
