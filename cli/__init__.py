"""The `fusionxpay` command, and the embedded stack that it shares with the bench and the tests."""

import os

# A supervisor forks (stack/process.py), and its health probes use gRPC. gRPC core's own fork handler would start poller
# threads again in the child, which then abort it when the child closes its descriptors before exec. Core reads this
# once, when it is first used; no child of ours uses gRPC between fork and exec.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
