"""Hold the contracts against the last ones on main: `buf breaking` with the rules in `buf.yaml`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DESCRIPTORS = "gen/api.binpb"


def last_contract() -> bytes | None:
    """Return the descriptor set that main has; None where there is no history, as in an exported tree."""
    for revision in ("origin/main", "main", "HEAD"):
        shown = subprocess.run(["git", "show", f"{revision}:{DESCRIPTORS}"], cwd=ROOT, capture_output=True, check=False)
        if shown.returncode == 0 and shown.stdout:
            return shown.stdout
    return None


def main() -> int:
    """Return buf's exit status."""
    before = last_contract()
    if before is None:
        sys.stderr.write("no earlier contract to compare with\n")
        return 0
    with tempfile.NamedTemporaryFile(suffix=".binpb") as against:
        against.write(before)
        against.flush()
        buf = str(Path(sys.executable).parent / "buf")
        return subprocess.run(
            [buf, "breaking", DESCRIPTORS, "--against", against.name], cwd=ROOT, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
