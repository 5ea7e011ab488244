"""Thirty calls of a shop, by both packages, and as they stand in OpenAPI: all get the same answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from fusionx.payment.v1.routing_service_pb2 import RoutingRule
from google.protobuf import json_format

from fusionxpay_client import FusionXPay, FusionXPayError
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.thirty import CALLS, Json, check, filled
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE, POLL_SECONDS

OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"].items()
    for method, operation in methods.items()
}
NODE = """
import { FusionXPay, FusionXPayError } from "fusionxpay";
const client = new FusionXPay(process.env.KEY, process.env.GATEWAY);
const kept = {};
const fill = (part) => {
  if (Array.isArray(part)) return part.map(fill);
  if (part && typeof part === "object") return Object.fromEntries(Object.entries(part).map(([k, v]) => [k, fill(v)]));
  return typeof part === "string" && part.startsWith("$") ? kept[part.slice(1)] : part;
};
const camel = (name) => name.replace(/_(\\w)/g, (_, letter) => letter.toUpperCase());
async function ask(call, path) {
  const [resource, method] = call.method.split(".").map(camel);
  const options = call.key ? { idempotencyKey: call.key } : {};
  const asked = client[resource][method](...Object.values(path), fill(call.fields), options);
  if (method !== "list") return await asked;
  const items = [];
  for await (const one of asked) items.push(one);
  return { items };
}
const answers = [];
for (const call of JSON.parse(process.env.CALLS)) {
  let answer;
  do {
    answer = await ask(call, fill(call.path)).catch((error) => {
      if (!(error instanceof FusionXPayError)) throw error;
      return { reason: error.reason };
    });
  } while (call.until && answer.items.length < call.until);
  for (const [name, field] of Object.entries(call.keep)) kept[name] = answer[field];
  answers.push(answer);
}
console.log(JSON.stringify(answers));
"""


def all_answers(ask: Any) -> list[Json]:
    """Make each call by a function, with what the ones before have kept."""
    kept: dict[str, str] = {}
    answers: list[Json] = []
    for one in CALLS:
        path, fields = filled(one["path"], kept), filled(one["fields"], kept)
        answer = ask(one, path, fields)
        deadline = time.monotonic() + PATIENCE
        while len(answer.get("items", ())) < one.get("until", 0) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            answer = ask(one, path, fields)
        kept |= {name: answer[field] for name, field in one["keep"].items()}
        answers.append(answer)
    return answers


def test_by_python(gateway: Ready, merchant: Merchant) -> None:
    with FusionXPay(merchant.secret, gateway.edge_url) as client:

        def ask(one: Json, path: Json, fields: Json) -> Json:
            resource, method = one["method"].split(".")
            if "amount" in fields:
                fields |= {"amount": (fields["amount"]["value"], fields["amount"]["currency"])}
            if "rules" in fields:
                fields |= {"rules": [json_format.ParseDict(rule, RoutingRule()) for rule in fields["rules"]]}
            key = {"idempotency_key": one["key"]} if "key" in one else {}
            try:
                answer = getattr(getattr(client, resource), method)(*path.values(), **fields, **key)
                if method == "list":
                    return {"items": [shown(item) for item in answer]}
                return shown(answer)
            except FusionXPayError as error:
                return {"reason": error.reason}

        check(all_answers(ask))


def shown(model: Any) -> Json:
    """Return an answer as the API shows it."""
    document: Json = json_format.MessageToDict(model.proto, preserving_proto_field_name=True)
    return document


def test_by_node(gateway: Ready, merchant: Merchant, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on the path")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "fusionxpay").symlink_to(ROOT / "client" / "node")
    (tmp_path / "calls.mjs").write_text(NODE)
    variables = {"KEY": merchant.secret, "GATEWAY": gateway.edge_url, "CALLS": json.dumps(CALLS)}
    command = [node, "--preserve-symlinks", "calls.mjs"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | variables, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout))


def test_as_they_stand_in_openapi(gateway: Ready, merchant: Merchant) -> None:
    """What a generated client sends: the operation's method and path, query parameters or a body."""

    def ask(one: Json, path: Json, fields: Json) -> Json:
        method, template, operation = OPERATIONS[one["operation"]]
        headers = {"authorization": f"Bearer {merchant.secret}"}
        headers |= {"idempotency-key": one["key"]} if "key" in one else {}
        has_body = "requestBody" in operation
        answer = httpx.request(
            method,
            gateway.edge_url + template.format(**path),
            headers=headers,
            timeout=PATIENCE,
            json=fields if has_body else None,
            params=None if has_body else fields,
        )
        document: Json = answer.json()
        if answer.is_error:
            return {"reason": document["details"][0]["reason"]}
        listed = [name for name, value in document.items() if isinstance(value, list)]
        return {"items": document[listed[0]]} if one["method"].endswith(".list") else document

    check(all_answers(ask))


def test_there_are_thirty() -> None:
    assert len(CALLS) == 30
    assert {one["operation"] for one in CALLS} <= set(OPERATIONS)
