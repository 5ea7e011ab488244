"""What clients of gRPC ask before they call: what there is, with a key, at once, and of the public services alone."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from fusionx.order.v1 import order_service_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from mesh.contract.descriptors import DESCRIPTORS
from mesh.rpc.routes import REFLECTION_PATHS, contract_routes
from stack.stack import Ready
from tests.support.merchant.api import Merchant
from tests.support.merchant.blocks import blocks_of
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE

PUBLIC = {route.service for route in contract_routes() if route.is_authenticated}
GUIDE = ROOT / "docs" / "guides" / "grpc.md"


class Conversation:
    """Questions one after another; the client's side stays open, as that of `grpcurl` does."""

    def __init__(self, channel: grpc.Channel, path: str, metadata: Any) -> None:
        self._asked: queue.SimpleQueue[ServerReflectionRequest | None] = queue.SimpleQueue()
        call = channel.stream_stream(
            path, ServerReflectionRequest.SerializeToString, ServerReflectionResponse.FromString
        )
        self._answers = call(iter(self._asked.get, None), metadata=metadata, timeout=PATIENCE)

    def ask(self, **question: str) -> ServerReflectionResponse:
        """Return the answer to a question."""
        self._asked.put(ServerReflectionRequest(**question))
        answer: ServerReflectionResponse = next(self._answers)
        return answer

    def end(self) -> None:
        """Hang up."""
        self._answers.cancel()
        self._asked.put(None)


@pytest.fixture
def channel(gateway: Ready) -> Iterator[grpc.Channel]:
    """Native gRPC to the public listener."""
    with grpc.insecure_channel(gateway.edge_grpc) as channel:
        yield channel


@pytest.mark.parametrize("path", REFLECTION_PATHS)
def test_public_services_are_reflected_and_no_other(path: str, channel: grpc.Channel, merchant: Merchant) -> None:
    talk = Conversation(channel, path, merchant.metadata)
    listed = talk.ask(list_services="").list_services_response.service
    assert {service.name for service in listed} == PUBLIC
    found = talk.ask(file_containing_symbol="fusionx.order.v1.OrderService").file_descriptor_response
    files = [FileDescriptorProto.FromString(file).name for file in found.file_descriptor_proto]
    assert files[0] == order_service_pb2.DESCRIPTOR.name
    for internal in ("fusionx.order.v1.OrderPaymentService", "fusionx.identity.v1.IdentityService"):
        assert talk.ask(file_containing_symbol=internal).error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    talk.end()


@pytest.mark.parametrize("path", REFLECTION_PATHS)
def test_without_a_key_it_is_refused_at_once(path: str, channel: grpc.Channel) -> None:
    talk = Conversation(channel, path, ())
    with pytest.raises(grpc.RpcError) as refused:
        talk.ask(list_services="")
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    talk.end()


@pytest.mark.parametrize("words", ["buf curl", "buf curl --schema", "grpcurl", "import grpc"])
def test_guide_works_as_it_stands(words: str, gateway: Ready, merchant: Merchant, tmp_path: Path) -> None:
    command, _, option = words.partition(" --")
    (code,) = [block.code for block in blocks_of(GUIDE) if f"\n{command}" in f"\n{block.code}"]
    if option:
        code = code.replace("--reflect-header '*'", f"--schema {DESCRIPTORS}")
    if command == "grpcurl" and shutil.which(command) is None:
        pytest.skip("no grpcurl on the path")
    order = merchant.new_order()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-c", code] if command == "import grpc" else ["bash", "-euo", "pipefail", "-c", code],
        # where no schema lies about
        cwd=tmp_path,
        env=os.environ
        | {"PATH": path, "NO_PROXY": "127.0.0.1", "PYTHONPATH": str(ROOT / "gen"), "HOME": str(tmp_path)}
        | {"GATEWAY": gateway.edge_url, "KEY": merchant.secret},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, order["order_id"] in done.stdout) == (0, True), done.stderr
