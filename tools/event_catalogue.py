"""The catalogue of events, from the contract into `docs/`: `python -m tools.event_catalogue [--check]`.

The types and when each is published are read from the contract's options and comments, so the pages cannot say anything
else: the table in `webhooks.md`, and `events.md` with each type's payload and an example.
"""

from __future__ import annotations

import sys
from pathlib import Path

import orjson

from mesh.contract.descriptors import described_files
from mesh.contract.generated import Files, main
from notify_svc.contract.event_types import public_events
from tools.event_examples import example

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "webhooks.md"
EXAMPLES = ROOT / "docs" / "events.md"
BEGIN = "<!-- The table of events is written by `make gen`. -->\n"
END = "<!-- End of the table of events. -->\n"
_FILE_MESSAGES = 4
HEAD = """\
# Events, one by one

Written by `make gen`. What holds for all events is in [webhooks.md](webhooks.md). Each is the body of a webhook.

The payload's type carries its version: within `v1` fields are only added, and what would break a reader becomes a `v2`
beside it. Ignore fields and types that you do not know.
"""


def descriptions() -> dict[str, str]:
    """Return each public type of event with what the contract says of it."""
    said: dict[str, str] = {}
    for file in described_files():
        for location in file.source_code_info.location:
            if len(location.path) == 2 and location.path[0] == _FILE_MESSAGES:
                name = f"{file.package}.{file.message_type[location.path[1]].name}"
                said[name] = " ".join(location.leading_comments.split())
    return {public_type: said[message.full_name] for public_type, message in public_events().items()}


def table() -> str:
    """Return the catalogue as a table of Markdown."""
    rows = [f"| `{name}` | {description} |\n" for name, description in descriptions().items()]
    return "| type | when |\n|---|---|\n" + "".join(rows)


def page(text: str) -> str:
    """Return the page with the table as it should be. Raises ValueError when it has no place for it."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGE} has no place for the table of events")
    return before + begin + table() + end + after


def examples() -> str:
    """Return the page of payloads and examples."""
    types = public_events()
    parts = [HEAD]
    for name, description in descriptions().items():
        shown = orjson.dumps(orjson.loads(example(name)), option=orjson.OPT_INDENT_2).decode()
        parts.append(f"## {name}\n\n{description} Payload: `{types[name].full_name}`\n\n```json\n{shown}\n```\n")
    return "\n".join(parts)


def rendered() -> Files:
    """Return what each page holds."""
    return {PAGE: page(PAGE.read_text()), EXAMPLES: examples()}


if __name__ == "__main__":
    sys.exit(main(__doc__, rendered))
