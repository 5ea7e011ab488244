"""Replicas that no layout knows of, in Envoy's configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from stack.envoy import render_envoy
from stack.layout import StackLayout


def with_addresses(site: StackLayout, further: Mapping[str, str]) -> Path:
    """Render Envoy's configuration with a further address of each of these clusters, and return the file."""
    path = render_envoy(site)
    config = json.loads(path.read_text())
    clusters = {cluster["name"]: cluster for cluster in config["static_resources"]["clusters"]}
    for cluster, listen in further.items():
        host, _, port = listen.rpartition(":")
        address = {"socket_address": {"address": host, "port_value": int(port)}}
        endpoints = clusters[cluster]["load_assignment"]["endpoints"][0]["lb_endpoints"]
        endpoints.append({"endpoint": {"address": address}})
    path.write_text(json.dumps(config))
    return path
