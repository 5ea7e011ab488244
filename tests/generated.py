"""Clients that public generators make of `docs/openapi.json` make the thirty calls: `make generated-clients`.

It fetches the generators into `dist/generated`, and starts a stack; Node is needed for two of them.
Exit status 1 when a generated client does not compile, or gets another answer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from contextlib import closing
from pathlib import Path

from stack.stack import Stack
from tests.support.merchant.api import Identities
from tests.support.merchant.thirty import CALLS, check
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE

OPENAPI = ROOT / "docs" / "openapi.json"
FOLDER = ROOT / "dist" / "generated"
FOR_PYTHON = ("openapi-python-client==0.29.1",)
FOR_NODE = (
    *("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "@hey-api/openapi-ts@0.95.0"),
    *("typescript@5.9.3", "esbuild@0.25.12", "@types/node@20.19.25"),
)
PYTHON = """
import inspect, json, os, re, time
from importlib import import_module
from typing import get_args
from made import AuthenticatedClient
from made.types import Unset

client = AuthenticatedClient(base_url=os.environ["GATEWAY"], token=os.environ["KEY"])
tags = {
    operation["operationId"]: operation["tags"][0]
    for methods in json.load(open(os.environ["OPENAPI"]))["paths"].values() for operation in methods.values()
}
snake = lambda name: re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
kept, answers = {}, []


def fill(part):
    if isinstance(part, dict):
        return {name: fill(value) for name, value in part.items()}
    return kept[part[1:]] if isinstance(part, str) and part.startswith("$") else part


def ask(call):
    module = import_module(f"made.api.{snake(tags[call['operation']])}.{snake(call['operation'])}")
    kinds = inspect.signature(module.sync_detailed).parameters
    given = fill(call["path"]) | ({"idempotency_key": call["key"]} if "key" in call else {})
    if "body" in kinds:
        kind = kinds["body"].annotation
        kind = next(one for one in get_args(kind) or (kind,) if one is not Unset)
        given["body"] = kind.from_dict(fill(call["fields"]))
    else:
        given |= {f"{name}_" if f"{name}_" in kinds else name: value for name, value in fill(call["fields"]).items()}
    answer = module.sync_detailed(client=client, **given)
    document = json.loads(answer.content)
    assert (type(answer.parsed).__name__ == "Status") == (answer.status_code >= 400)
    return document if answer.status_code < 400 else {"reason": document["details"][0]["reason"]}


def shown(call, answer):
    lists = [value for value in answer.values() if isinstance(value, list)]
    return {"items": lists[0]} if call["method"].endswith(".list") else answer


for call in json.loads(os.environ["CALLS"]):
    answer = shown(call, ask(call))
    deadline = time.monotonic() + float(os.environ["PATIENCE"])
    while len(answer.get("items", ())) < call.get("until", 0) and time.monotonic() < deadline:
        time.sleep(0.1)
        answer = shown(call, ask(call))
    kept |= {name: answer[field] for name, field in call["keep"].items()}
    answers.append(answer)
print(json.dumps(answers))
"""
FOUND = """
import { readFileSync } from "node:fs";
const found = {};
for (const [path, methods] of Object.entries(JSON.parse(readFileSync(process.env.OPENAPI, "utf8")).paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    found[operation.operationId] = [method.toUpperCase(), path, "requestBody" in operation];
  }
}
"""
NODE = """
const kept = {};
const fill = (part) => {
  if (Array.isArray(part)) return part.map(fill);
  if (typeof part === "object") return Object.fromEntries(Object.entries(part).map(([k, v]) => [k, fill(v)]));
  return typeof part === "string" && part.startsWith("$") ? kept[part.slice(1)] : part;
};
const shown = (call, { data, error }) => {
  if (error) return { reason: error.details[0].reason };
  if (!call.method.endsWith(".list")) return data;
  return { items: Object.values(data).find(Array.isArray) };
};
const answers = [];
for (const call of JSON.parse(process.env.CALLS)) {
  const headers = call.key ? { "Idempotency-Key": call.key } : {};
  const deadline = performance.now() + 1000 * process.env.PATIENCE;
  const once = async () => shown(call, await ask(call, fill(call.path), fill(call.fields), headers));
  let answer = await once();
  while (call.until && answer.items.length < call.until && performance.now() < deadline) {
    await new Promise((done) => setTimeout(done, 100));
    answer = await once();
  }
  for (const [name, field] of Object.entries(call.keep)) kept[name] = answer[field];
  answers.push(answer);
}
console.log(JSON.stringify(answers));
"""
HEY = """
import { client, sdk } from "./hey.js";
client.setConfig({ baseUrl: process.env.GATEWAY, auth: () => process.env.KEY });
const ask = (call, path, fields, headers) => {
  const operation = sdk[call.operation[0].toLowerCase() + call.operation.slice(1)];
  return operation({ path, headers, ...(found[call.operation][2] ? { body: fields } : { query: fields }) });
};
"""
FETCH = """
import createClient from "openapi-fetch";
const headers = { authorization: `Bearer ${process.env.KEY}` };
const client = createClient({ baseUrl: process.env.GATEWAY, headers });
const ask = (call, path, fields, header) => {
  const [method, url, hasBody] = found[call.operation];
  const given = hasBody ? { params: { path, header }, body: fields } : { params: { path, query: fields } };
  return client[method](url, given);
};
"""
HEY_ENTRY = 'export * as sdk from "./hey/sdk.gen";\nexport { client } from "./hey/client.gen";\n'
TYPED = """
import createClient from "openapi-fetch";
import type { paths } from "./api.js";
const client = createClient<paths>({ baseUrl: "http://127.0.0.1" });
export async function shop(): Promise<string> {
  const body = { amount: { value: "12.00", currency: "EUR" }, merchant_order_id: "1" };
  const { data, error } = await client.POST("/v1/orders", { body });
  if (error) return error.message;
  const page = await client.GET("/v1/orders", { params: { query: { statuses: ["NEW"] } } });
  return data.order_id + (page.data?.orders[0]?.amount?.value ?? "");
}
"""


def run(*command: str | Path, **env: str) -> str:
    """Run a command in the folder; what it said when it failed ends the program."""
    done = subprocess.run(
        list(map(str, command)), cwd=FOLDER, env=os.environ | env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))[:200]}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def make_clients() -> None:
    """Have all of them made and compiled."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    venv.create(FOLDER / "venv", with_pip=True)
    run("venv/bin/python", "-m", "pip", "--quiet", "install", *FOR_PYTHON)
    made = ("--path", OPENAPI, "--output-path", "made", "--meta", "none", "--overwrite")
    run("venv/bin/openapi-python-client", "generate", *made)
    (FOLDER / "package.json").write_text('{"type": "module", "private": true}')
    run("npm", "install", "--silent", "--no-audit", "--no-fund", *FOR_NODE)
    run("npx", "--no-install", "openapi-typescript", OPENAPI, "-o", "api.d.ts")
    run("npx", "--no-install", "openapi-ts", "-i", OPENAPI, "-o", "hey")
    (FOLDER / "typed.ts").write_text(TYPED)
    (FOLDER / "hey-entry.ts").write_text(HEY_ENTRY)
    strict = ("--noEmit", "--strict", "--target", "es2022", "--skipLibCheck", "--module", "es2022")
    run("npx", "--no-install", "tsc", *strict, "--moduleResolution", "bundler", "typed.ts", "hey-entry.ts")
    run("npx", "--no-install", "esbuild", "hey-entry.ts", "--bundle", "--format=esm", "--outfile=hey.js")


def new_key(stack: Stack) -> str:
    """Return the key of a merchant that nobody else knows."""
    with closing(Identities(stack.ready)) as identities:
        return identities.new_merchant()[1].secret


def main() -> int:
    """Make the clients, and have each make the calls as a merchant of its own."""
    make_clients()
    programs = {"made.py": PYTHON, "fetch.mjs": FOUND + FETCH + NODE, "hey.mjs": FOUND + HEY + NODE}
    with Stack() as stack:
        env = {"GATEWAY": stack.ready.edge_url, "OPENAPI": str(OPENAPI), "CALLS": json.dumps(CALLS)}
        env["PATIENCE"] = str(PATIENCE)
        for name, text in programs.items():
            (FOLDER / name).write_text(text)
            interpreter = "venv/bin/python" if name.endswith(".py") else "node"
            check(json.loads(run(interpreter, name, **env, KEY=new_key(stack))))
            sys.stdout.write(f"{name}: {len(CALLS)} calls\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
