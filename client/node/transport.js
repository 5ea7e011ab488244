// How calls travel: made again while that is safe, in time.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { address, authorization, key as keyOf, known, whole } from "./checks.js";
import { FusionXPayError, STILL_RUNS } from "./errors.js";
import { waitFor } from "./waiting.js";
import { named } from "./webhooks.js";

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5000;

export class Transport {
  constructor(apiKey, baseUrl, options = {}) {
    known(options, "timeout", "retries", "fetch");
    const { timeout = 30_000, retries = 8, fetch = globalThis.fetch } = options;
    this._base = address(baseUrl);
    this._headers = { authorization: authorization(apiKey), accept: "application/json" };
    this._timeout = timeout;
    this._retries = retries;
    this._fetch = fetch;
  }

  /** Call an RPC. A write goes under its idempotency key, and all its attempts under the same. */
  async call(method, path, params, options = {}) {
    known(options, "idempotencyKey", "timeout");
    const given = "idempotencyKey" in options ? keyOf(options.idempotencyKey) : randomUUID();
    const key = method === "GET" ? "" : given;
    const deadline = Date.now() + (options.timeout ?? this._timeout);
    const request = this._request(method, path, params, key);
    let pause = FIRST_PAUSE;
    let left = this._retries;
    for (let isFirst = true; ; isFirst = false) {
      try {
        return await this._once(request, key, deadline);
      } catch (error) {
        const wait = Math.max(pause * (0.5 + Math.random() / 2), error.retryAfter ?? 0);
        // an attempt of the call that still runs is waited for until the deadline
        const waits = error.reason === STILL_RUNS && !isFirst;
        if (!error.passes || !(left > 0 || waits) || Date.now() + wait >= deadline) throw error;
        left -= waits ? 0 : 1;
        await sleep(wait);
        pause = Math.min(2 * pause, LONGEST_PAUSE);
      }
    }
  }

  /** All items of all pages, each page asked for when it is needed. */
  async *pages(path, field, params = {}, options = {}, shown = (item) => item) {
    let token = whole(params).page_token ?? "";
    do {
      const page = await this.call("GET", path, token ? { ...params, page_token: token } : params, options);
      for (const item of page[field]) yield shown(item);
      token = page.next_page_token ?? "";
    } while (token);
  }

  /** Events as they come; the stream is opened again after the last one whenever it ends or breaks. */
  async *events(path, params = {}, options = {}) {
    known(options, "signal");
    let last = whole(params).last_event_id ?? "";
    let pause = 1000;
    let failures = 0;
    let opened = false;
    while (!options.signal?.aborted) {
      let least = 0;
      try {
        const [url, init] = this._request("GET", path, last ? { ...params, last_event_id: last } : params, "");
        init.headers.accept = "text/event-stream";
        const answer = await this._fetch(url, { ...init, signal: options.signal });
        if (!answer.ok) throw await refusal(answer, "");
        for await (const frame of frames(answer.body)) {
          failures = 0;
          opened = true;
          pause = frame.retry ?? pause;
          if (!frame.data) continue;
          last = frame.id ?? last;
          yield named(JSON.parse(frame.data));
        }
      } catch (error) {
        if (options.signal?.aborted) return;
        // a place among the merchant's streams comes back to a stream that had one
        if (error instanceof FusionXPayError && !error.passes && !(opened && error.status === 429)) throw error;
        if ((failures += 1) > this._retries && !opened) throw error;
        least = error.retryAfter ?? 0;
      }
      await sleep(Math.max(pause, least), undefined, { signal: options.signal }).catch(() => {});
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
    const within = (left) => get({ timeout: Math.min(left, this._timeout) });
    return waitFor(within, kind, statuses, [until].flat(), timeout);
  }

  _request(method, path, params = {}, key) {
    whole(params);
    const url = new URL(this._base + path);
    const headers = { ...this._headers };
    if (key) headers["idempotency-key"] = key;
    if (method === "GET" || method === "DELETE") {
      for (const [name, value] of Object.entries(params)) {
        for (const one of [value].flat()) {
          url.searchParams.append(name, one instanceof Date ? one.toISOString() : `${one}`);
        }
      }
      return [url, { method, headers, redirect: "manual" }];
    }
    headers["content-type"] = "application/json";
    return [url, { method, headers, redirect: "manual", body: JSON.stringify(params) }];
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
    return answered(JSON.parse(text), answer.headers);
  }
}

/** What else is known of an answer, beside the fields that the gateway has told. */
function answered(body, headers) {
  return Object.defineProperties(body, {
    replayed: { value: headers.get("idempotent-replayed") === "true" },
    requestId: { value: headers.get("x-request-id") ?? "" },
  });
}

async function refusal(answer, idempotencyKey, text) {
  const requestId = answer.headers.get("x-request-id") ?? "";
  if (answer.type === "opaqueredirect" || (answer.status >= 300 && answer.status < 400)) {
    // what is sent on would carry the key to wherever that is
    const message = "the gateway's address sends elsewhere, and is not followed: give the one that answers, with https:// perhaps";
    return new FusionXPayError(answer.status || 308, { message }, { requestId, idempotencyKey });
  }
  let body = {};
  try {
    body = JSON.parse(text ?? (await answer.text()));
  } catch {
    // what stands between us and the gateway may answer in another form
  }
  const after = answer.headers.get("retry-after") ?? "";
  const retryAfter = /^\d+$/.test(after) ? 1000 * Number(after) : undefined;
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
