// Webhooks as they come in, verified by Standard Webhooks: HMAC-SHA256 over id, timestamp and body.
import { createHmac, timingSafeEqual } from "node:crypto";

// 24 bytes at the least, in base64: what is shorter, or no base64, would be a key that anybody can guess
const SECRET = /^whsec_([A-Za-z0-9+/]{32,}={0,2})$/;
const TOLERANCE_SECONDS = 300;

export class WebhookVerificationError extends Error {
  constructor(message) {
    super(message);
    this.name = "WebhookVerificationError";
  }
}

export function verifyWebhook(secret, body, headers) {
  const key = typeof secret === "string" && SECRET.exec(secret)?.[1];
  if (!key) throw new TypeError("a signing secret is whsec_ and 32 letters or more of base64, as the gateway shows it");
  const [id, stamp, signatures] = ["id", "timestamp", "signature"].map((name) => header(headers, `webhook-${name}`));
  if (typeof body !== "string" && !ArrayBuffer.isView(body) && !(body instanceof ArrayBuffer)) {
    throw new WebhookVerificationError('the body has to be as it came, not parsed: with Express, express.raw({ type: "application/json" })');
  }
  const text = typeof body === "string" ? body : Buffer.from(body).toString("utf8");
  if (!/^\d+$/.test(stamp) || Math.abs(Date.now() / 1000 - Number(stamp)) > TOLERANCE_SECONDS) {
    throw new WebhookVerificationError("the timestamp is missing, or more than five minutes off");
  }
  const expected = createHmac("sha256", Buffer.from(key, "base64")).update(`${id}.${stamp}.${text}`).digest();
  const given = signatures.split(" ").filter((one) => one.startsWith("v1,"));
  // during a rotation there is one for each secret
  const genuine = given.some((one) => same(Buffer.from(one.slice(3), "base64"), expected));
  if (!genuine) throw new WebhookVerificationError("no signature is that of this secret");
  return named(JSON.parse(text));
}

/** An event under the names of the API and those of a webhook's document, whichever of both it is. */
export function named(event) {
  const [id, timestamp] = [event.id ?? event.event_id, event.timestamp ?? event.create_time];
  const [kind, resource = {}] = Object.entries(event.data ?? {})[0] ?? [];
  // a ping is of an endpoint or of a channel, has no version of its own and belongs to no order
  const about = {
    resource_id: resource[`${kind}_id`] || resource.webhook_endpoint_id || resource.notification_channel_id || "",
    resource_version: `${resource.version ?? 1}`,
    order_id: resource.order_id ?? "",
  };
  const shown = { ...about, ...event, id, event_id: id, timestamp, create_time: timestamp };
  for (const told of ["replayed", "requestId"]) {
    if (told in event) Object.defineProperty(shown, told, { value: event[told] });
  }
  return shown;
}

function header(headers, name) {
  const value = typeof headers.get === "function" ? headers.get(name) : byName(headers, name);
  return [value].flat()[0] ?? "";
}

function byName(headers, name) {
  return headers[name] ?? Object.entries(headers).find(([one]) => one.toLowerCase() === name)?.[1];
}

function same(one, other) {
  return one.length === other.length && timingSafeEqual(one, other);
}
