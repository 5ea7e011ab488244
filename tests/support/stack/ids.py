"""What a test has forked: makes ids, as services do."""

from __future__ import annotations

import sys

from mesh.ids import new_id

for _ in range(10):
    sys.stdout.write(f"{new_id()}\n")
