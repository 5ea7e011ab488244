"""Odd requests to every public route: `python -m tests.fuzz --seconds 600` (`make fuzz`) on a stack of its own.

Schemathesis makes bodies, headers and queries from the OpenAPI document, and beside it come webhooks that each provider
has signed. What it holds: no request, however odd, gets a 5xx, and every answer is what the document says.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random

import httpx

from stack.envoy import render_envoy
from stack.settings import StackSettings
from stack.stack import Ready, Stack
from tests.support.providers.odd_webhooks import OddWebhook, odd_webhooks
from tests.support.providers.sandbox import Provider
from tests.support.stack.options import QUICK
from tools.openapi import RENDERED

CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance,ignored_auth"
UNLIMITED = 1_000_000


def fuzz(ready: Ready, api_key: str, seconds: int, seed: int | None = None) -> subprocess.CompletedProcess[str]:
    """Try odd requests for a while; the status is not 0 when an answer was not as documented.

    The same seed tries the same requests, as far as the time allows; without one they are new each time.
    """
    options = ["--url", ready.edge_url, "--header", f"Authorization: Bearer {api_key}", "--checks", CHECKS]
    options += ["--max-time", str(seconds), "--phases", "examples,coverage,fuzzing"]
    # an answer without an end would be waited for
    options += ["--exclude-path", "/v1/events:stream"]
    options += ["--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off", "--no-color"]
    options += [] if seed is None else ["--seed", str(seed)]
    program = Path(sys.executable).with_name("schemathesis")
    return subprocess.run([program, "run", *options, RENDERED], capture_output=True, text=True, check=False)


def fuzz_webhooks(ready: Ready, seconds: float, seed: int) -> list[OddWebhook]:
    """Send webhooks for a while, and return those that were answered 5xx."""
    sender, end = Provider.of(ready), time.monotonic() + seconds
    try:
        until = itertools.takewhile(lambda _: time.monotonic() < end, odd_webhooks(Random(seed)))
        sent = [(webhook, webhook.sent(ready, sender)) for webhook in until]
        sys.stdout.write(f"webhooks by status: {dict(Counter(status for _, status in sent))}\n")
        return [webhook for webhook, status in sent if status >= httpx.codes.INTERNAL_SERVER_ERROR]
    finally:
        sender.close()


def main() -> int:
    """Run on a stack of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    seconds = parser.parse_args().seconds
    # nearly all is refused
    render = partial(render_envoy, refused_requests_per_second=UNLIMITED)
    with Stack(StackSettings(service_env=QUICK, requests_per_second=UNLIMITED), envoy_config=render) as stack:
        seed = int(time.time())
        with ThreadPoolExecutor(1) as pool:
            webhooks = pool.submit(fuzz_webhooks, stack.ready, seconds, seed)
            done = fuzz(stack.ready, stack.ready.merchant.api_key, seconds)
        broken = webhooks.result()
    sys.stdout.write(done.stdout + done.stderr)
    for webhook in broken:
        sys.stdout.write(f"5xx for a webhook of {webhook.provider}: {webhook!r:.500}\n")
    sys.stdout.write(f"webhooks by seed {seed}: {len(broken)} answered 5xx\n")
    return done.returncode or bool(broken)


if __name__ == "__main__":
    sys.exit(main())
