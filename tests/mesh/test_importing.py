"""What services import is what they need."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import mesh
from mesh.importing import without

LOOKED_FOR = {"rich", "pygments", "click", "opentelemetry", "psutil"}


def test_service_imports_nothing_that_libraries_only_look_for() -> None:
    show = "import sys, payment_svc.__main__; print(*{name.partition('.')[0] for name, m in sys.modules.items() if m})"
    ran = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    assert LOOKED_FOR.isdisjoint(ran.stdout.split())


def test_what_is_hidden_can_be_imported_again() -> None:
    with without("wave"), pytest.raises(ImportError):
        import wave
    import wave

    with without("wave"):
        import wave as again
    assert again is wave


@pytest.mark.parametrize("service", ["order_svc", "payment_svc", "notify_svc", "edge", "audit_svc", "console"])
def test_how_grpc_runs_is_said_before_it_is_imported(service: str) -> None:
    """It reads its switches once; a stub that came first would be its old cost again, in silence."""
    show = f"""
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "grpc":
            print(os.environ.get("GRPC_EXPERIMENTS"))
            os._exit(0)
sys.meta_path.insert(0, Watch())
import {service}.__main__
"""
    env = {name: value for name, value in os.environ.items() if name != "GRPC_EXPERIMENTS"}
    ran = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True, env=env)
    assert ran.stdout.strip() == mesh.GRPC_EXPERIMENTS


def test_grpc_knows_the_switches() -> None:
    """A name that it no longer has would be an error line at each start."""
    show = "import mesh, grpc.aio, asyncio; asyncio.run(grpc.aio.insecure_channel('127.0.0.1:1').close())"
    env = {name: value for name, value in os.environ.items() if name != "GRPC_EXPERIMENTS"}
    ran = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True, env=env)
    assert "experiment" not in ran.stderr
