"""The contracts as the process can read them: the one descriptor set, and the modules that are generated of it."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from google.protobuf.descriptor import FieldDescriptor, FileDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

DESCRIPTORS = Path(__file__).resolve().parents[2] / "gen" / "api.binpb"


def described_files() -> Sequence[FileDescriptorProto]:
    """Return all files of the set with their comments: ours, and what they import, each after what it imports.

    They are read anew each time: kept, they would take megabytes of every process.
    """
    return FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file


@cache
def contract_files() -> tuple[FileDescriptor, ...]:
    """Return our own files, in the order of the set; their generated modules are imported for it."""
    names = [file.name for file in described_files() if file.name.startswith("fusionx/")]
    return tuple(importlib.import_module(_module(name)).DESCRIPTOR for name in names)


def contract_services() -> list[ServiceDescriptor]:
    """Return every service of the contracts."""
    return [service for file in contract_files() for service in file.services_by_name.values()]


def is_map(field: FieldDescriptor) -> bool:
    """Whether a field is a map, which descriptors show as a list of pairs."""
    return field.is_repeated and field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _module(name: str) -> str:
    return name.removesuffix(".proto").replace("/", ".") + "_pb2"
