"""What a test has forked: says what it was told, and ends, or waits to be ended."""

from __future__ import annotations

import os
import signal
import sys
import threading

sys.stdout.write(f"{os.environ['TOLD']} {sys.argv[1:]} {threading.active_count()}\n")
sys.stdout.flush()
if os.environ.get("WAITS"):
    signal.pause()
raise SystemExit(7)
