"""A Prometheus beside a stack, with the alert rules of `deploy/observability/`, where one is installed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stack.ports import HOST, Ports
from stack.probes import http_ok
from stack.process import Child, Command, StackError
from stack.servers import outside_env
from stack.stack import Ready

RULES = Path(__file__).resolve().parent.parent / "deploy" / "observability"
START_SECONDS = 30.0
HOW = "there is no `prometheus` on the PATH: it is Debian's package of that name, or one file of its release"


def targets_of(ready: Ready) -> dict[str, str]:
    """Return whom to scrape: the services, and Envoy."""
    return ready.metrics | ({"envoy": ready.envoy_metrics} if ready.envoy_metrics else {})


def _expecting(components: Container[str], rules: str) -> str:
    """Return the rules without those that miss what this stack has not."""
    missing = re.compile(r'\s*or absent\(up\{.*component="(\w+)"\}\)\n')
    return missing.sub(lambda one: one[0] if one[1] in components else "\n", rules)


@contextmanager
def prometheus(metrics: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Run a Prometheus that scrapes these addresses every 5 s, and keeps its data in the folder; yield its URL.

    Raises StackError when there is no program of the name, or it does not start.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise StackError(HOW)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(RULES / "prometheus.yaml", folder / "prometheus.yaml")
    (folder / "alerts.yaml").write_text(_expecting(metrics, (RULES / "alerts.yaml").read_text()))
    targets = [{"targets": [address], "labels": {"component": name}} for name, address in metrics.items()]
    (folder / "targets.json").write_text(json.dumps(targets))
    with Ports() as ports:
        url = f"http://{HOST}:{ports.take()}"
        command = Command(
            [
                program,
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={url.removeprefix('http://')}",
                "--log.level=warn",
            ],
            outside_env(),
            folder,
        )
        child = Child("prometheus", command, folder / "prometheus.log", ready=lambda: http_ok(f"{url}/-/ready"))
        child.start()
        try:
            child.wait_ready(START_SECONDS)
            yield url
        finally:
            child.stop(5.0)
