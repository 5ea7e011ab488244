"""The package for Node, against the stack: the calls of a shop, its errors, repetition, and webhooks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from fusionxpay_client.version import VERSION
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.client_package import NO_SECRETS
from tests.support.paths import ROOT

PACKAGE = ROOT / "client" / "node"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TIME = "2026-11-27T00:00:00Z"
ORDER = {"order_id": "o1", "version": 3}
SHOP = """
import { FusionXPay, FusionXPayError, WaitTimeoutError } from "fusionxpay";
const client = new FusionXPay(process.env.KEY, process.env.GATEWAY);
const said = {};
const seen = [];
let streamed;
const stop = new AbortController();
const first = await client.orders.create({ amount: { value: "1.00", currency: "EUR" } });
let beginning;
while (!beginning) {
  // it is in the log a moment after the order is there
  [beginning] = await all(client.events.list({ order_id: first.order_id }));
  await new Promise((soon) => setTimeout(soon, 50));
}
const reading = (async () => {
  const from = { last_event_id: beginning.event_id };
  for await (const event of client.events.stream(from, { signal: stop.signal })) {
    seen.push(event.type);
    streamed ??= event;
    if (event.type === "order.partially_refunded") return;
  }
})();
async function all(list) { const found = []; for await (const one of list) found.push(one); return found; }

const options = { idempotencyKey: "node-1" };
const asked = { amount: { value: "12.00", currency: "EUR" }, merchant_order_id: "N-1", metadata: { cart: "7" } };
const order = await client.orders.create(asked, options);
said.repeated = (await client.orders.create(asked, options)).order_id === order.order_id;
const card = { provider: "stripe", payment_method: "pm_card_visa" };
const payment = await client.payments.create({ order_id: order.order_id, ...card });
const paid = await client.orders.wait(order.order_id, { until: "SUCCESS" });
said.paid = [paid.status, paid.paid_amount.value, paid.metadata.cart];
await client.refunds.create(payment.payment_id, { amount: { value: "2.00", currency: "EUR" } });
said.refunded = (await client.orders.wait(order.order_id, { until: ["PARTIALLY_REFUNDED"] })).refunded_amount.value;
for (let count = 0; count < 4; count += 1) await client.orders.create({ amount: { value: "3.00", currency: "EUR" } });
const anHourAgo = new Date(Date.now() - 3600_000);
said.pages = (await all(client.orders.list({ page_size: 2, create_time_from: anHourAgo }))).length;
said.several = (await all(client.orders.list({ statuses: ["PARTIALLY_REFUNDED", "EXPIRED"] }))).length;
try {
  await client.orders.create({ amount: { value: "12.00", currency: "eur" }, descripton: "x" });
} catch (error) {
  const fields = error.violations.map((one) => one.field).sort();
  said.error = [error instanceof FusionXPayError, error.status, error.reason, fields];
  said.help = error.message.includes('did you mean "EUR"');
}
const words = (error) => error.message;
const wrong = (error) => {
  const isIt = error.found.order_id === order.order_id;
  return [words(error), error.name, error instanceof WaitTimeoutError, error.status, isIt];
};
said.never = await client.orders.wait(order.order_id, { until: "EXPIRED" }).catch(wrong);
said.late = await client.orders.wait(order.order_id, { until: "REFUNDED", timeout: 3000 }).catch(wrong);
said.unknown = await client.orders.wait(order.order_id, { until: "PAID" }).catch(words);
const down = new FusionXPay("sk_test_x", "http://127.0.0.1:9", { timeout: 300, retries: 2 });
said.away = await down.orders.get("x").catch((error) => [error.status, error.reason]);
await reading;
// an event is the same by whatever way it came
const got = await client.events.get(streamed.id);
const [listed] = (await all(client.events.list({ order_id: streamed.order_id }))).filter((one) => one.id === got.id);
const known = ["id", "event_id", "type", "timestamp", "create_time", "resource_id", "resource_version", "order_id"];
said.names = [
  got.id === got.event_id && got.timestamp === got.create_time,
  known.every((name) => streamed[name] === got[name]),
  known.every((name) => listed[name] === got[name]),
];
said.seen = seen.filter((type) => type.startsWith("order."));
console.log(JSON.stringify(said));
"""
HOOK = """
import { verifyWebhook } from "fusionxpay";
const { secret, body, cases } = JSON.parse(process.env.CASES);
const about = (event) => [event.type, event.id, event.event_id, event.create_time, event.resource_id, event.order_id];
console.log(JSON.stringify(cases.map(([text, headers]) => {
  try { return about(verifyWebhook(secret, text ?? body, headers)); } catch (error) { return error.name; }
})));
"""


def run(folder: Path, script: str, **environment: str) -> str:
    """Run a script that has the package, and return what it prints."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on the path")
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "fusionxpay").symlink_to(PACKAGE)
    (folder / "shop.mjs").write_text(script)
    command = [node, "--preserve-symlinks", str(folder / "shop.mjs")]
    variables = os.environ | environment
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_shop_in_node(gateway: Ready, merchant: Merchant, tmp_path: Path) -> None:
    said: dict[str, Any] = json.loads(run(tmp_path, SHOP, KEY=merchant.secret, GATEWAY=gateway.edge_url))
    assert said == {
        "repeated": True,
        "paid": ["SUCCESS", "12.00", "7"],
        "refunded": "2.00",
        "pages": 6,
        "several": 1,
        "error": [True, 400, "INVALID_ARGUMENT", ["amount.currency", "descripton"]],
        "help": True,
        "never": [
            "the order is PARTIALLY_REFUNDED, and will not be EXPIRED any more",
            *("StatusUnreachableError", True, "PARTIALLY_REFUNDED", True),
        ],
        "late": [
            "the order is still PARTIALLY_REFUNDED after 3000 ms",
            *("WaitTimeoutError", True, "PARTIALLY_REFUNDED", True),
        ],
        "names": [True, True, True],
        "unknown": "until: it is never PAID; there are: NEW, PROCESSING, SUCCESS, FAILED, CANCELLED, EXPIRED, "
        "PARTIALLY_REFUNDED, REFUNDED",
        "away": [0, "NO_ANSWER"],
        "seen": ["order.created", "order.processing", "order.succeeded", "order.partially_refunded"],
    }


def test_readmes_example_works_as_it_stands(gateway: Ready, merchant: Merchant, tmp_path: Path) -> None:
    (example,) = re.findall(r"```js\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    printed = run(tmp_path, example, KEY=merchant.secret, GATEWAY=gateway.edge_url)
    assert printed.startswith("SUCCESS 12.00\n")
    assert "400 INVALID_ARGUMENT" in printed


def test_webhooks_are_verified_as_the_standard_says(tmp_path: Path) -> None:
    body = json.dumps({"id": "e1", "type": "order.succeeded", "timestamp": TIME, "data": {"order": ORDER}})

    def headers(moment: datetime, secret: str = SECRET) -> dict[str, str]:
        signature = standardwebhooks.Webhook(secret).sign("e1", moment, body)
        stamp = str(int(moment.timestamp()))
        return {"Webhook-Id": "e1", "webhook-timestamp": stamp, "webhook-signature": f"v1,AAAA v1a,x {signature}"}

    now = datetime.now(UTC)
    cases = [
        (None, headers(now)),
        (body + " ", headers(now)),
        (None, headers(now, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        (None, headers(datetime(2026, 1, 1, tzinfo=UTC))),
        (None, {}),
    ]
    printed = run(tmp_path, HOOK, CASES=json.dumps({"secret": SECRET, "body": body, "cases": cases}))
    event = ["order.succeeded", "e1", "e1", TIME, "o1", "o1"]
    assert json.loads(printed) == [event, *["WebhookVerificationError"] * 4]


FORGED = """
import { createHmac } from "node:crypto";
import { verifyWebhook } from "fusionxpay";
const said = [];
for (const secret of JSON.parse(process.env.CASES)) {
  const stamp = `${Math.floor(Date.now() / 1000)}`;
  // as anybody signs who knows that there is no key
  const key = Buffer.from(`${secret ?? ""}`.slice(6), "base64");
  const signature = createHmac("sha256", key).update(`e1.${stamp}.{}`).digest("base64");
  const headers = { "webhook-id": "e1", "webhook-timestamp": stamp, "webhook-signature": `v1,${signature}` };
  try { verifyWebhook(secret, "{}", headers); said.push("accepted"); } catch (error) { said.push(error.name); }
}
console.log(JSON.stringify(said));
"""


def test_what_is_no_secret_verifies_nothing(tmp_path: Path) -> None:
    assert json.loads(run(tmp_path, FORGED, CASES=json.dumps(NO_SECRETS))) == ["TypeError"] * len(NO_SECRETS)


SLIPS = """
import { FusionXPay, verifyWebhook } from "fusionxpay";
const client = new FusionXPay("sk_test_x", "http://127.0.0.1:9", { timeout: 300 });
const cases = [
  () => client.refunds.create("x", {}, { idempotency_key: "return-1" }),
  () => client.orders.wait("x", { untill: "SUCCESS" }),
  () => client.orders.list({}, { time_out: 1 })[Symbol.asyncIterator]().next(),
  () => client.orders.export({}, { abort: 1 })[Symbol.asyncIterator]().next(),
  () => new FusionXPay("sk_test_x", "http://127.0.0.1:9", { apiKey: "x" }),
  () => new FusionXPay("http://127.0.0.1:9", "sk_live_x"),
  () => new FusionXPay("sk_test_x", "localhost:8080"),
  () => new FusionXPay("sk_test_x", "https://shop.example/pay"),
  () => new FusionXPay("sk_test_№", "http://127.0.0.1:9"),
  () => client.refunds.create("x", {}, { idempotencyKey: "" }),
  () => client.refunds.create("x", {}, { idempotencyKey: undefined }),
  () => client.refunds.create("x", {}, { idempotencyKey: "№5" }),
  () => client.refunds.create("x", { amount: undefined }),
  () => client.routingPolicy.update({ rules: [{ name: "a", countries: null }] }),
  () => client.orders.list({ merchant_order_id: undefined })[Symbol.asyncIterator]().next(),
  () => client.orders.list(null)[Symbol.asyncIterator]().next(),
  () => client.refunds.list(undefined),
  () => client.webhookEndpoints.listDeliveries(undefined),
  () => client.orders.get(""),
  () => verifyWebhook(undefined, "{}", {}),
  () => verifyWebhook(`whsec_${"A".repeat(32)}`, { id: "parsed" }, {}),
];
const said = [];
for (const one of cases) {
  try { await one(); said.push("nothing"); } catch (error) { said.push(`${error.name}: ${error.message}`); }
}
console.log(JSON.stringify(said));
"""


def test_slips_are_named_and_no_key_is_in_the_words(tmp_path: Path) -> None:
    said = json.loads(run(tmp_path, SLIPS))
    words = ["idempotencyKey", "until", "idempotencyKey", "signal", "retries", "key comes first", "key comes first"]
    words += ["without a path", "API key", "idempotencyKey", "idempotencyKey", "idempotencyKey", "amount is undefined"]
    words += ["rules[0].countries is null", "merchant_order_id is undefined", "params is null", "paymentId"]
    words += ["webhookEndpointId", "orderId", "whsec_", "express"]
    assert all(one in text for one, text in zip(words, said, strict=True)), said
    assert all(text.startswith("TypeError: ") for text in said[:-1]), said
    assert "sk_" not in "".join(said)


HALF = """
import { createServer } from "node:http";
import { FusionXPay, WaitTimeoutError } from "fusionxpay";
const seen = [];
let answer;
const server = createServer((request, response) => {
  seen.push([request.method, request.url, request.headers["idempotency-key"]]);
  const [status, headers, body] = answer(request);
  response.writeHead(status, headers);
  response.end(body);
});
await new Promise((listening) => server.listen(0, listening));
const url = `http://127.0.0.1:${server.address().port}`;
const client = new FusionXPay("sk_test_x", url);
const said = {};

answer = () => [308, { location: "http://127.0.0.1:9/v1/orders" }, ""];
const sent = (error) => [error.status, error.message.includes("https://"), seen.length];
said.elsewhere = await client.orders.create({}).catch(sent);

const again = { "idempotent-replayed": "true", "x-request-id": "r1" };
answer = () => [200, again, '{"order_id": "o1"}'];
const order = await client.orders.create({});
said.told = [order.replayed, order.requestId, JSON.stringify(order)];

answer = () => [429, { "retry-after": "1" }, '{"details": [{"@type": "x.ErrorInfo", "reason": "RATE_LIMITED"}]}'];
said.after = await client.orders.get("x", {}, { timeout: 100 }).catch((error) => [error.reason, error.retryAfter]);

let begun = Date.now();
const inTime = () => Date.now() - begun < 20_000;
const late = (error) => [error instanceof WaitTimeoutError, error.status, error.cause?.status, inTime()];
answer = () => [503, {}, "{}"];
said.late = await client.orders.wait("x", { timeout: 500 }).catch(late);
answer = () => [200, {}, '{"status": "ON_HOLD"}'];
said.newer = await client.orders.wait("x", { timeout: 300 }).catch(late);
answer = () => [200, {}, '{"status": "UNDER_REVIEW"}'];
said.dispute = await client.disputes.wait("x", { timeout: 300 }).catch(late);

seen.length = 0;
answer = () => [200, {}, '{"refunds": []}'];
for await (const _ of client.refunds.list({ status: "SUCCESS" })) throw new Error("there is none");
for await (const _ of client.refunds.list("p1", { status: "FAILED" })) throw new Error("there is none");
said.lists = seen.map(([, path]) => path);

seen.length = 0;
const event = "id: e1\\ndata: {}\\n\\n";
answer = () => (seen.length === 2 ? [429, {}, "{}"] : [200, {}, `retry: 1\\n${event}`]);
let events = 0;
for await (const _ of client.events.stream()) if ((events += 1) === 2) break;
said.stream = seen.map(([, path]) => path);
server.close();
console.log(JSON.stringify(said));
"""


def test_what_a_gateway_says_now_and_then(tmp_path: Path) -> None:
    assert json.loads(run(tmp_path, HALF)) == {
        "elsewhere": [308, True, 1],
        "told": [True, "r1", '{"order_id":"o1"}'],
        "after": ["RATE_LIMITED", 1000],
        "late": [True, "", 503, True],
        "newer": [True, "ON_HOLD", None, True],
        "dispute": [True, "UNDER_REVIEW", None, True],
        "lists": ["/v1/refunds?status=SUCCESS", "/v1/payments/p1/refunds?status=FAILED"],
        "stream": ["/v1/events:stream", *["/v1/events:stream?last_event_id=e1"] * 2],
    }


def test_package_has_the_gateways_version_and_no_dependencies() -> None:
    package = json.loads((PACKAGE / "package.json").read_text())
    assert package["version"] == VERSION
    assert "dependencies" not in package
