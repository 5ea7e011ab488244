"""Generate from the contracts: typed Python stubs and `api.binpb`, the one descriptor set, into `gen/`; the surface of
the client for merchants into `client/`.

Run by `make gen`. With `--check` nothing is written: the exit status says whether all of it is up to date.
"""

from __future__ import annotations

import argparse
import filecmp
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import protovalidate._gen.buf.validate.validate_pb as validate_pb
from google.protobuf import descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2
from google.protobuf.descriptor import FileDescriptor
from grpc_tools import protoc

from tools.client_surface import client_files
from tools.node_surface import node_files

PROTO = Path(__file__).resolve().parent.parent / "proto"
GEN = PROTO.parent / "gen"
CLIENT = PROTO.parent / "client"
VALIDATE = "buf/validate/validate.proto"


def validate_descriptors() -> bytes:
    """Return validate.proto and its imports as a descriptor set: protovalidate ships it only in that form."""
    files = descriptor_pb2.FileDescriptorSet()
    for module in (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2):
        descriptor: FileDescriptor = module.DESCRIPTOR
        descriptor.CopyToProto(files.file.add())
    files.file.add().ParseFromString(validate_pb.desc().proto.to_binary())
    return files.SerializeToString()


def google_protos() -> list[Path]:
    """Return the import roots that hold `google/**.proto`: both come with Python packages."""
    import google.api
    import grpc_tools

    return [Path(next(iter(google.api.__path__))).parents[1], Path(grpc_tools.__file__).parent / "_proto"]


def to_descriptor_set(validate: Path, target: Path) -> list[str]:
    """Compile every contract, and Google's error details for Envoy, into one descriptor set."""
    names = [str(path.relative_to(PROTO)) for path in sorted(PROTO.glob("fusionx/**/*.proto"))]
    run_protoc(
        [f"-I{PROTO}", *(f"-I{root}" for root in google_protos())],
        # validate.proto has no source, so whatever imports it needs a descriptor of it
        [f"--descriptor_set_in={validate}"],
        ["--include_imports", "--include_source_info", f"--descriptor_set_out={target}"],
        [*names, "google/rpc/error_details.proto", "google/rpc/status.proto"],
    )
    return names


def to_stubs(descriptors: Path, names: list[str], target: Path) -> None:
    """Write messages, typed interfaces and gRPC stubs."""
    outs = [f"--{kind}_out={target}" for kind in ("python", "grpc_python")]
    # found beside this interpreter, so that the virtual environment need not be on the PATH
    outs += [
        f"--plugin={name}={Path(sys.executable).parent / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
    ]
    outs += [f"--mypy_out=quiet:{target}", f"--mypy_grpc_out=quiet:{target}"]
    run_protoc([f"--descriptor_set_in={descriptors}"], outs, [VALIDATE, *names])
    for folder in (target / "fusionx", target / "buf"):
        (folder / "py.typed").touch()


def run_protoc(*parts: list[str]) -> None:
    """Run the bundled protoc. Raises SystemExit with protoc's own message on the terminal when it fails."""
    arguments = ["protoc", *(argument for part in parts for argument in part)]
    if protoc.main(arguments) != 0:
        raise SystemExit(1)


def generate(target: Path) -> None:
    """Write everything that the contracts generate into `target`."""
    with tempfile.TemporaryDirectory() as scratch:
        validate = Path(scratch) / "validate.binpb"
        validate.write_bytes(validate_descriptors())
        names = to_descriptor_set(validate, target / "api.binpb")
        to_stubs(target / "api.binpb", names, target)


def generated_files(root: Path) -> Iterator[Path]:
    """Yield the generated files below `root`, as paths relative to it."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(root)


def stale(fresh: Path, client: dict[str, str]) -> list[str]:
    """Return what differs between what was generated and what is committed."""
    names = sorted({*generated_files(fresh), *generated_files(GEN)})
    return [
        f"gen/{name}"
        for name in names
        if not (
            (fresh / name).exists() and (GEN / name).exists() and filecmp.cmp(fresh / name, GEN / name, shallow=False)
        )
    ] + [
        f"client/{name}"
        for name, text in client.items()
        if not (CLIENT / name).exists() or (CLIENT / name).read_text() != text
    ]


def main() -> int:
    """Generate, or check; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when something is stale")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        generate(fresh)
        descriptors = (fresh / "api.binpb").read_bytes()
        client = client_files(descriptors) | node_files(descriptors)
        if check:
            differing = stale(fresh, client)
            if differing:
                print("stale, run `make gen`:", *differing, sep="\n  ", file=sys.stderr)
            return bool(differing)
        shutil.rmtree(GEN, ignore_errors=True)
        shutil.copytree(fresh, GEN)
        for name, text in client.items():
            (CLIENT / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
