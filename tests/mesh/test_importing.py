"""What services import is what they need."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
