"""gRPC in, use case, gRPC out: the push key."""

from __future__ import annotations

from typing import Any

import grpc
from fusionx.notify.v1 import push_key_service_pb2 as push_key_pb2
from fusionx.notify.v1 import push_key_service_pb2_grpc as push_key_grpc

from notify_svc.use_cases.channel_registration import Channels

Context = grpc.aio.ServicerContext[Any, Any]


class PushKeyServicer(push_key_grpc.PushKeyServiceServicer):
    """The public contract of the push key; its promise is written there."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    async def GetPushKey(self, _request: push_key_pb2.GetPushKeyRequest, _: Context) -> push_key_pb2.PushKey:
        """Return what browsers subscribe with."""
        return push_key_pb2.PushKey(application_server_key=self._channels.push_key())
