"""gRPC in, use case, gRPC out: notification channels."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import grpc
from fusionx.notify.v1 import event_pb2
from fusionx.notify.v1 import notification_channel_pb2 as channel_pb2
from fusionx.notify.v1 import notification_channel_service_pb2 as service_pb2
from fusionx.notify.v1 import notification_channel_service_pb2_grpc as service_grpc

from mesh import context
from mesh.storage.idempotency import Answer
from notify_svc.contract import messages as mapping
from notify_svc.domain.endpoint import CHANNELS
from notify_svc.use_cases.channel_registration import Channels, NewChannel, NewEmail, NewPush
from notify_svc.use_cases.endpoints import Change, Endpoints

Context = grpc.aio.ServicerContext[Any, Any]


CREATED = Answer(channel_pb2.NotificationChannel, mapping.channel_message)
SENT = Answer(event_pb2.Event, mapping.event_message)


class NotificationChannelServicer(service_grpc.NotificationChannelServiceServicer):
    """The public contract of notification channels; each RPC's promise is written there."""

    def __init__(self, channels: Channels, endpoints: Endpoints) -> None:
        self._channels = channels
        self._endpoints = endpoints

    async def CreateNotificationChannel(
        self, request: service_pb2.CreateNotificationChannelRequest, _: Context
    ) -> channel_pb2.NotificationChannel:
        """Add a channel."""
        new, claim = _new_channel(request), CREATED.claim(request)
        return CREATED.reply(await self._channels.create(context.merchant(), new, claim))

    async def GetNotificationChannel(
        self, request: service_pb2.GetNotificationChannelRequest, _: Context
    ) -> channel_pb2.NotificationChannel:
        """Return one channel."""
        found = await self._endpoints.get(context.merchant(), UUID(request.notification_channel_id), CHANNELS)
        return mapping.channel_message(found)

    async def ListNotificationChannels(
        self, _request: service_pb2.ListNotificationChannelsRequest, _: Context
    ) -> service_pb2.ListNotificationChannelsResponse:
        """Return all channels."""
        found = await self._endpoints.all_of(context.merchant(), CHANNELS)
        return service_pb2.ListNotificationChannelsResponse(
            notification_channels=[mapping.channel_message(channel) for channel in found]
        )

    async def UpdateNotificationChannel(
        self, request: service_pb2.UpdateNotificationChannelRequest, _: Context
    ) -> channel_pb2.NotificationChannel:
        """Change a channel."""
        change = Change(
            event_types=tuple(request.event_types),
            description=request.description if request.HasField("description") else None,
            enabled=request.enabled if request.HasField("enabled") else None,
        )
        channel_id = UUID(request.notification_channel_id)
        return mapping.channel_message(await self._endpoints.update(context.merchant(), channel_id, change, CHANNELS))

    async def DeleteNotificationChannel(
        self, request: service_pb2.DeleteNotificationChannelRequest, _: Context
    ) -> channel_pb2.NotificationChannel:
        """Delete a channel."""
        channel_id = UUID(request.notification_channel_id)
        return mapping.channel_message(await self._endpoints.delete(context.merchant(), channel_id, CHANNELS))

    async def PingNotificationChannel(
        self, request: service_pb2.PingNotificationChannelRequest, _: Context
    ) -> event_pb2.Event:
        """Send a test event."""
        channel_id = UUID(request.notification_channel_id)
        return SENT.reply(await self._endpoints.ping(context.merchant(), channel_id, SENT.claim(request), CHANNELS))

    async def ConfirmNotificationChannel(
        self, request: service_pb2.ConfirmNotificationChannelRequest, _: Context
    ) -> channel_pb2.NotificationChannel:
        """Confirm a mailbox."""
        channel_id = UUID(request.notification_channel_id)
        return mapping.channel_message(await self._channels.confirm(context.merchant(), channel_id, request.token))


def _new_channel(request: service_pb2.CreateNotificationChannelRequest) -> NewChannel:
    push = request.push
    return NewChannel(
        destination=NewPush(push.endpoint, push.keys.p256dh, push.keys.auth)
        if request.HasField("push")
        else NewEmail(request.email.address),
        event_types=tuple(request.event_types),
        description=request.description,
        language=channel_pb2.NotificationChannel.Language.Name(request.language or channel_pb2.NotificationChannel.EN),
    )
