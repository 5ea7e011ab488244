"""`python -m tests.mutants.keeper`: keeps a stack up whose payment service is somebody else's to run.

With arguments it is of these components only.
"""

from __future__ import annotations

import json
import sys
import time

from stack.layout import COMPONENTS
from stack.stack import Stack
from tests.mutants.trial import TOLD
from tests.support.stack.keeper import RENDER, WATCH_SECONDS
from tests.support.stack.options import shared_settings
from tests.support.stack.run import Run

SERVICE = "payment_svc"


def main() -> None:
    """Run the stack until the run has ended."""
    run = Run.current()
    settings = shared_settings(data_dir=run.stack_folder, ready_file=run.ready_file)
    components = sys.argv[1:] or COMPONENTS
    with run.locked("keeper"), Stack(settings, components, RENDER) as stack:
        told: dict[str, object] = {}
        if SERVICE in components:
            stack.stop(SERVICE)
            command = stack._children[SERVICE]._command
            told = {"env": dict(command.env), "cwd": str(command.cwd), "metrics": stack.ready.metrics[SERVICE]}
        made = run.folder / f"{TOLD}.new"
        made.write_text(json.dumps(told))
        made.rename(run.folder / TOLD)
        while run.goes_on():
            time.sleep(WATCH_SECONDS)


if __name__ == "__main__":
    main()
