"""The wheel of the package, in an environment that has nothing else: what its README shows works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.paths import ROOT

README = (ROOT / "client" / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
KINDS = ("sync", "async")
OURS = ("mesh", "order_svc", "payment_svc", "notify_svc", "edge", "audit_svc", "sandbox", "cli", "fusionx.identity")
pytestmark = pytest.mark.xdist_group("client-package")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel, as `make client` builds it, and what that asks for."""
    folder = tmp_path_factory.mktemp("client")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT / "client")])
    (wheel,) = folder.glob("*.whl")
    run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")])
    python = folder / "venv" / "bin" / "python"
    # without their hashes, which pip would then ask of the wheel as well
    pins = re.findall(r"^[\w.-]+==[^ ]+", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    (folder / "pins.txt").write_text("\n".join(pins))
    constraints = ["--constraint", str(folder / "pins.txt")]
    # what is never imported need not be compiled
    run([*pip, "--python", str(python), "install", "--no-compile", *constraints, str(wheel)])
    return python


def run(command: list[str], **env: str) -> str:
    """Run a program as it is run outside of this folder, and return what it printed."""
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | env
    done = subprocess.run(command, env=outside, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_nothing_of_the_gateways_own_comes_along(python: Path) -> None:
    program = "import importlib.util as u, sys, fusionxpay_client; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    assert run([str(python), "-c", program, *OURS]) == "[]\n"


@pytest.mark.parametrize(("example", "said"), list(zip(EXAMPLES, ("1001 12.00", "1002 5.50"), strict=True)), ids=KINDS)
def test_example_of_the_readme_ends_with_a_paid_order(
    python: Path, gateway: Ready, merchant: Merchant, example: str, said: str
) -> None:
    printed = run([str(python), "-c", example], GATEWAY=gateway.edge_url, KEY=merchant.secret)
    assert printed.splitlines()[-1] == f"order.succeeded {said}"
    (order,) = merchant.get("/v1/orders")["orders"]
    assert order["status"] == "SUCCESS"


@pytest.mark.parametrize(("example", "orders"), list(zip(EXAMPLES, ("Orders", "AsyncOrders"), strict=True)), ids=KINDS)
def test_example_is_typed_by_what_comes_along(python: Path, tmp_path: Path, example: str, orders: str) -> None:
    program = tmp_path / "example.py"
    program.write_text(example.replace(" client.orders.create(", " reveal_type(client.orders).create("))
    # for both examples, what comes along is looked at once
    cache = python.parents[2] / "mypy"
    strict = ["-m", "mypy", "--strict", "--cache-dir", str(cache), "--python-executable", str(python)]
    assert f'Revealed type is "fusionxpay_client.surface.{orders}"' in run([sys.executable, *strict, str(program)])
