"""Reads wandb's offline run file: a LevelDB-style log of protobuf records (wandb has no public reader any more)."""

import json
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

BLOCK, HEADER = 32 * 1024, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def ended(path: Path, seconds: float = 60.0) -> Path:
    """The file once its last record is there: wandb's process writes it a little after the run's `finish`."""
    deadline = time.monotonic() + seconds
    while all(record.WhichOneof("record_type") != "exit" for record in records(path)):
        assert time.monotonic() < deadline, f"{path} has no end"
        time.sleep(0.05)
    return path


def records(path: Path) -> Iterator[Any]:
    """The records of a `run-<id>.wandb` file, each chunk checked against its sum."""
    content = path.read_bytes()
    assert content[:4] == b":W&B"
    at, parts = HEADER, b""
    while at + HEADER <= len(content):
        left = BLOCK - at % BLOCK
        if left < HEADER:  # a header never crosses a block's end
            at += left
            continue
        expected, length, kind = struct.unpack("<IHB", content[at : at + HEADER])
        data = content[at + HEADER : at + HEADER + length]
        if len(data) < length:
            return  # is being written
        assert expected == zlib.crc32(bytes([kind]) + data)
        parts = data if kind in (FULL, FIRST) else parts + data
        at += HEADER + length
        if kind in (FULL, LAST):
            record = Record()
            record.ParseFromString(parts)
            yield record


def history(path: Path) -> list[dict[str, Any]]:
    """The logged rows; nested keys joined by a slash."""
    return [_items(record.history.item) for record in records(path) if record.WhichOneof("record_type") == "history"]


def run_record(path: Path) -> Any:
    """Name, group, tags and so on."""
    return next(record.run for record in records(path) if record.WhichOneof("record_type") == "run")


def config(path: Path) -> dict[str, Any]:
    """All keys of the configuration as last set."""
    found: dict[str, Any] = {}
    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "config":
            found |= _items(record.config.update)
        elif kind == "run":
            found |= _items(record.run.config.update)
    return found


def artifacts(path: Path) -> list[Any]:
    """The artifacts that were logged, with their manifests."""
    found = []
    for record in records(path):
        if record.WhichOneof("record_type") == "artifact":
            found.append(record.artifact)
        elif record.WhichOneof("record_type") == "request" and record.request.HasField("log_artifact"):
            found.append(record.request.log_artifact.artifact)
    return found


def _items(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
