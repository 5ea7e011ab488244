// What callers write, held against what was meant: a slip of the pen is a TypeError, before anything is sent.
const KEY = /^[ -~]{1,255}$/;
const API_KEY = /^[!-~]+$/;

/** An option that there is none of is a slip of the pen; a key of idempotency that is not sent would be money paid twice. */
export function known(options, ...names) {
  const other = Object.keys(options).find((name) => !names.includes(name));
  if (other) throw new TypeError(`there is no option ${other}: there are ${names.join(", ")}`);
  const unset = Object.keys(options).find((name) => options[name] === undefined || options[name] === null);
  if (unset) throw new TypeError(`${unset} is ${options[unset]}: leave it out, or give it a value`);
}

/** What is left out of a call often means all of it, so a value that is missing is never taken for one that was left out. */
export function whole(value, path = "") {
  if (value === undefined || value === null) throw new TypeError(`${path || "params"} is ${value}: leave it out, or give it a value`);
  if (typeof value !== "object" || value instanceof Date) return value;
  for (const [name, one] of Object.entries(value)) {
    whole(one, Array.isArray(value) ? `${path}[${name}]` : path ? `${path}.${name}` : name);
  }
  return value;
}

/** An id as a segment of a path. */
export function segment(name, value) {
  if (typeof value !== "string" || !value) throw new TypeError(`${name}: a text that is not empty, not ${typed(value)}`);
  return encodeURIComponent(value);
}

/** The idempotency key of a write, whose repetitions are safe under nothing else. */
export function key(given) {
  if (typeof given !== "string" || !KEY.test(given)) {
    throw new TypeError("idempotencyKey: 1 to 255 printable characters of ASCII; leave it out for a new one");
  }
  return given;
}

/** The headers that say whose calls they are. */
export function authorization(apiKey) {
  if (typeof apiKey !== "string" || !API_KEY.test(apiKey)) {
    throw new TypeError("an API key is needed, without spaces or line ends around it");
  }
  return `Bearer ${apiKey}`;
}

/** The gateway's address. Calls go to paths of its own, so that one with a path would be another. */
export function address(baseUrl) {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  const isOne = ["http:", "https:"].includes(url?.protocol) && /^\/?$/.test(url.pathname) && !url.search && !url.username;
  // the message must not hold the argument, which may be the key
  if (!isOne) throw new TypeError("the key comes first, then the gateway's address without a path, such as https://pay.example.com");
  return url.origin;
}

function typed(value) {
  return value === "" ? "an empty one" : value === null ? "null" : typeof value;
}
