"""What spans hold by the document."""

from __future__ import annotations

import re

from tests.support.paths import ROOT

ENVOYS = "Envoy's"


def attributes_of_spans() -> dict[str, str]:
    """Return, for each attribute of the table in `docs/operations.md`, which spans have it."""
    text = (ROOT / "docs" / "operations.md").read_text()
    table = text.partition("| attribute | on spans of |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {name: row[1] for row in rows for name in re.findall(r"`([^`]+)`", row[0])}
