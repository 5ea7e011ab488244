"""What every service of the mesh is built from."""

from __future__ import annotations

import os

GRPC_EXPERIMENTS = "-event_engine_listener"
"""Switches of gRPC's core: under its newer engine a server hands each call's bytes from thread to thread, a sixth more
of work. Clients keep it: without it a channel whose connections fell silent does not come back."""

# read once, when gRPC is imported first: whatever imports stubs before imports this package before those
os.environ.setdefault("GRPC_EXPERIMENTS", GRPC_EXPERIMENTS)
