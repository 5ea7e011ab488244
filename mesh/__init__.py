"""What every service of the mesh is built from."""

from __future__ import annotations

import os

GRPC_EXPERIMENTS = "-event_engine_client,-event_engine_listener"
"""Switches of gRPC's core: its newer engine hands each call's bytes from thread to thread, a quarter more of work."""

# read once, when gRPC is imported first: whatever imports stubs before imports this package before those
os.environ.setdefault("GRPC_EXPERIMENTS", GRPC_EXPERIMENTS)
