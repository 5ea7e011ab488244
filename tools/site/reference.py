"""The API reference, from `docs/openapi.json`: a page of Markdown for each kind of resource, and one of the types."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
FOR_PROVIDERS = "Webhook"
"""The tag of what is not for merchants: where providers' webhooks come in."""
ALIAS = "Alias"
TYPES = "types"
BASE = "reference/api"
TITLES = {
    "Order": "Orders",
    "Payment": "Payments",
    "PaymentLink": "Payment links",
    "Refund": "Refunds",
    "Dispute": "Disputes",
    "Notify": "Webhook endpoints",
    "Event": "Events",
    "NotificationChannel": "Notification channels",
    "PushKey": "Push key",
    "ProviderAccount": "Provider accounts",
    "Routing": "Routing policy",
    "Timeline": "Order timeline",
    "TestClock": "Test clock",
}
BRANCHES = ("oneOf", "anyOf", "allOf")


def pages(document: Json) -> dict[str, str]:
    """Return the reference's pages by their paths below the site's root."""
    said = {tag["name"]: tag.get("description", "") for tag in document["tags"]}
    found = {f"{BASE}/{slug(tag)}.md": _page(document, tag, said[tag]) for tag in TITLES}
    known = {operation["tags"][0] for _, _, operation in operations(document)}
    if missing := known - {*TITLES, FOR_PROVIDERS}:
        raise ValueError(f"no title for {', '.join(sorted(missing))}")
    return {f"{BASE}/index.md": _index(document), **found, f"{BASE}/{TYPES}.md": _types(document)}


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield each operation for merchants with its method and path, without second names of others."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if not operation["operationId"].endswith(ALIAS):
                yield method.upper(), path, operation


def slug(tag: str) -> str:
    """Return the name of a tag's page."""
    return TITLES[tag].lower().replace(" ", "-")


def _index(document: Json) -> str:
    lines = [
        "# API reference",
        "",
        "Made from the contract, as is the [OpenAPI document](../../openapi.json), version 3.1, for generators.",
        "Every request carries `Authorization: Bearer …` ([keys](../../authentication.md)), every body is JSON.",
        "Answers may gain fields at any time: ignore what you do not know. Unknown fields of requests are refused.",
        "",
        "| call | what it does |",
        "|---|---|",
    ]
    for method, path, operation in operations(document):
        tag = operation["tags"][0]
        if tag != FOR_PROVIDERS:
            link = f"{slug(tag)}.md#{operation['operationId'].lower()}"
            lines.append(f"| [`{method} {path}`]({link}) | {_cell(_title(operation))} |")
    return "\n".join(lines) + "\n"


def _page(document: Json, tag: str, description: str) -> str:
    parts = [f"# {TITLES[tag]}\n\n{description}\n"]
    for method, path, operation in operations(document):
        if operation["tags"][0] == tag:
            parts.append("\n".join(_operation(document, method, path, operation)))
    return "\n".join(parts)


def _operation(document: Json, method: str, path: str, operation: Json) -> Iterator[str]:
    yield f"## {_title(operation)} {{ #{operation['operationId'].lower()} }}"
    yield f"\n`{method} {path}`\n"
    rest = operation["summary"].removeprefix(_title(operation)).lstrip(". ")
    yield _paragraphs("\n\n".join(text for text in (rest, operation.get("description", "")) if text))
    if parameters := operation.get("parameters"):
        yield "\n| parameter | type | meaning |\n|---|---|---|"
        for one in parameters:
            kind = _kind(one["schema"]) + ("" if one["in"] == "query" else f", in the {one['in']}")
            yield f"| `{one['name']}` | {kind} | {_cell(one.get('description', ''))} |"
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if body:
        schema = _resolved(document, body["schema"])
        if schema.get("properties"):
            yield "\n" + "\n".join(_fields(schema, "field of the body"))
    yield f"\n```sh\n{_curl(method, path, body.get('example'))}\n```\n"
    for status, answer in operation["responses"].items():
        for media, content in answer.get("content", {}).items():
            if status != "default":
                words = "an [error](../../errors.md)"
                yield f"Answers {status} with {_kind(content['schema'])} (`{media}`), or {words}.\n"


def _title(operation: Json) -> str:
    """Return the first sentence of what an operation does."""
    return str(operation["summary"]).split(". ")[0].rstrip(".")


def _curl(method: str, path: str, example: Any) -> str:
    filled = re.sub(r"{(\w+)}", lambda name: f"${name[1].upper()}", path)
    lines = [f'curl -sS "$GATEWAY{filled}" -H "Authorization: Bearer $KEY"']
    if method != "GET" and not (method == "POST" and example is not None):
        lines[0] = lines[0].replace("-sS", f"-sS -X {method}")
    if example is not None:
        lines[0] += ' -H "Content-Type: application/json"'
        if method == "POST":
            lines[0] += ' -H "Idempotency-Key: …"'
        body = json.dumps(example, ensure_ascii=False).replace("'", "'\\''")
        lines.append(f"  -d '{body}'")
    return " \\\n".join(lines)


def _types(document: Json) -> str:
    parts = ["# Types\n\nWhat requests and answers are made of.\n"]
    for name, schema in sorted(document["components"]["schemas"].items()):
        if not name.endswith(("Request", "Response")):
            parts.append("\n".join(_type(name, schema)))
    return "\n".join(parts)


def _type(name: str, schema: Json) -> Iterator[str]:
    yield f"## {name} {{ #{_anchor(name)} }}\n"
    yield _paragraphs(schema.get("description", ""))
    if schema.get("properties"):
        yield "\n" + "\n".join(_fields(schema, "field")) + "\n"
    elif not schema.get("description"):
        yield f"{_kind(schema)}\n"


def _fields(schema: Json, title: str) -> Iterator[str]:
    required = set(schema.get("required", ()))
    yield f"| {title} | type | meaning |\n|---|---|---|"
    for name, one in schema["properties"].items():
        mark = " *required*" if name in required else ""
        yield f"| `{name}`{mark} | {_kind(one)} | {_cell(one.get('description', ''))} |"


def _kind(schema: Json) -> str:
    """Return a schema in a few words of Markdown, with links to the types that it names."""
    if reference := schema.get("$ref"):
        return _link(reference.rsplit("/", 1)[-1])
    if values := schema.get("enum"):
        return " \\| ".join(f"`{value}`" for value in values)
    if "const" in schema:
        return f"`{schema['const']}`"
    for branch in BRANCHES:
        if branch in schema:
            kinds = dict.fromkeys(map(_kind, schema[branch]))
            return " or ".join(kinds)
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_kind(schema['additionalProperties'])}"
    word = schema.get("type", "any")
    word = " or ".join(word) if isinstance(word, list) else word
    formats = {"date-time": "time, RFC 3339", "uuid": "UUID", "uri": "URL"}
    return formats.get(schema.get("format", ""), word)


def _link(name: str) -> str:
    if name.endswith(("Request", "Response")):
        shown = re.sub(r"^List(?:Event)?(\w+)Response$", r"a page of \1", name)
        return shown if shown != name else f"`{name}`"
    return f"[{name}]({TYPES}.md#{_anchor(name)})"


def _anchor(name: str) -> str:
    return name.lower().replace(".", "-")


def _resolved(document: Json, schema: Json) -> Json:
    if reference := schema.get("$ref"):
        found: Json = document["components"]["schemas"][reference.rsplit("/", 1)[-1]]
        return found
    return schema


def _cell(text: str) -> str:
    return _escaped(" ".join(text.split())).replace("|", "\\|")


def _paragraphs(text: str) -> str:
    return _escaped(text) + "\n" if text else ""


def _escaped(text: str) -> str:
    """Return text without what Markdown would take for HTML, outside of code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)
