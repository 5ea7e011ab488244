"""The catalogue of events, from the contract into `docs/webhooks.md`: `python -m notify_svc.catalogue [--check]`.

The types and when each is told are read from the contract's options and comments, so the page cannot say anything else.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from notify_svc.event_types import public_events

ROOT = Path(__file__).resolve().parent.parent
DESCRIPTORS = ROOT / "gen" / "api.binpb"
PAGE = ROOT / "docs" / "webhooks.md"
BEGIN = "<!-- The table of events is written by `make gen`. -->\n"
END = "<!-- End of the table of events. -->\n"
_FILE_MESSAGES = 4


def architecture_names(public_type: str) -> str:
    """Return what the architecture calls an event: it has one name for all changes of an order's status."""
    resource, _, fact = public_type.partition(".")
    if resource == "order" and fact != "created":
        return "`ORDER_STATUS_CHANGED`, `ORDER_UPDATED`"
    # in capitals, and a success by the word that the status has
    return f"`{public_type.replace('.', '_').upper().replace('SUCCEEDED', 'SUCCESS')}`"


def descriptions() -> dict[str, str]:
    """Return each public type of event with what the contract says of it."""
    said: dict[str, str] = {}
    for file in FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file:
        for location in file.source_code_info.location:
            if len(location.path) == 2 and location.path[0] == _FILE_MESSAGES:
                name = f"{file.package}.{file.message_type[location.path[1]].name}"
                said[name] = " ".join(location.leading_comments.split())
    return {public_type: said[message.full_name] for public_type, message in public_events().items()}


def table() -> str:
    """Return the catalogue as a table of Markdown."""
    rows = [
        f"| `{name}` | {description} | {architecture_names(name)} |\n" for name, description in descriptions().items()
    ]
    return "| type | when | in the architecture |\n|---|---|---|\n" + "".join(rows)


def page(text: str) -> str:
    """Return the page with the table as it should be. Raises ValueError when it has no place for it."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGE} has no place for the table of events")
    return before + begin + table() + end + after


def main() -> int:
    """Write the page, or with `--check` tell whether the one that is there is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    now = PAGE.read_text()
    if not check:
        PAGE.write_text(page(now))
        return 0
    if page(now) == now:
        return 0
    sys.stderr.write(f"{PAGE} is stale: run `make gen`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
