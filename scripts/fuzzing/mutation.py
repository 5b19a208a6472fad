"""Damage as disks, networks and adversaries do it, drawn from a seed: the same number, the same file."""

from __future__ import annotations

import copy
import json
import random
import re
import struct
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

NUMBERS = (0, 1, 2, 7, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1)
STRANGE: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, -1e308, float("nan"), float("inf"), 2**70, "", "x", "../../etc/passwd", [], {}, [[]],
    [1, 2, 3, 4], {"id": 1}, "\0", "é" * 50, 0.5, 1e-300,
)  # fmt: skip
LARGEST = 1 << 16  # bytes of a mutated file


def mutate(data: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    """One to four kinds of damage; `others` are files whose pieces may be put in."""
    for _ in range(draw.randint(1, 4)):
        data = draw.choice(_KINDS)(data, others, draw)
    return data[:LARGEST]


def mutate_zip(data: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    """Damage inside the members of an archive, whose checksums are right again; or as `mutate`, where it is none."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, RuntimeError):
        return mutate(data, others, draw)
    kind, chosen = draw.random(), draw.choice(list(members))
    if kind < 0.1:
        del members[chosen]
    elif kind < 0.2:
        members[draw.choice(list(members))] = members[chosen]
    else:
        members[chosen] = mutate(members[chosen], list(members.values()), draw)
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def mutate_json(data: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    """Values that make no sense somewhere in a JSON file; or as `mutate`, where it is none."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return mutate(data, others, draw)
    for _ in range(draw.randint(1, 3)):
        tree = _strange(tree, draw)
    return json.dumps(tree).encode()[:LARGEST]


def _strange(tree: Any, draw: random.Random) -> Any:
    if not tree or not isinstance(tree, dict | list) or draw.random() < 0.1:
        return copy.deepcopy(draw.choice(STRANGE))
    key = draw.choice(list(tree) if isinstance(tree, dict) else range(len(tree)))
    kind = draw.random()
    if kind < 0.15:
        del tree[key]
    elif kind < 0.25 and isinstance(tree, list):
        tree.append(copy.deepcopy(tree[key]))
    else:
        tree[key] = _strange(tree[key], draw)
    return tree


def _flip(data: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 8, 64)) if changed else 0):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _truncate(data: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def _splice(data: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    other = draw.choice(others)
    start, length = draw.randrange(len(other) + 1), draw.choice((4, 16, 64, 1024))
    place = draw.randrange(len(data) + 1)
    return data[:place] + other[start : start + length] + data[place + draw.choice((0, length)) :]


def _repeat(data: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    place, length = draw.randrange(len(data) + 1), draw.choice((1, 8, 64))
    return data[:place] + data[place : place + length] * draw.choice((2, 3, 50)) + data[place + length :]


def _cut(data: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    place = draw.randrange(len(data) + 1)
    return data[:place] + data[place + draw.choice((1, 2, 8, 64)) :]


def _number(data: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    """A field of 1 to 8 bytes set to a value at the edge of its range."""
    width, order = draw.choice((1, 2, 4, 8)), draw.choice("<>")
    place = draw.randrange(max(1, len(data) - width + 1))
    value = draw.choice(NUMBERS) % (1 << (8 * width))
    return data[:place] + struct.pack(f"{order}{'BHIQ'[(1, 2, 4, 8).index(width)]}", value) + data[place + width :]


def _digits(data: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    """A number written in letters replaced by another."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?", data))
    if not found:
        return _flip(data, others, draw)
    one = draw.choice(found)
    other = draw.choice((str(draw.choice(NUMBERS)), f"-{draw.choice(NUMBERS)}", "nan", "inf", "1e999", "", "0x", "0.5"))
    return data[: one.start()] + other.encode() + data[one.end() :]


_KINDS: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (
    _flip, _flip, _truncate, _splice, _repeat, _cut, _number, _number, _digits,
)  # fmt: skip
