"""Command line: each reader in a process of its own, so that a crash of native code is a finding like any other."""

from __future__ import annotations

import argparse
import contextlib
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from typing import Any

from rich.table import Table

from rscnet import records
from rscnet.console import say
from rscnet.errors import UserError
from rscnet.failures import guarded

from .engine import Tally, attack, fuzz, watch
from .targets import TARGETS

MEMORY = 2 << 30  # bytes that a reader may ask for beside what the process has
COUNTS = ("inputs", "refused", "read")


def limit_memory() -> None:
    """What a file may ask for is refused by the system, not by its end."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    limit = pages * resource.getpagesize() + MEMORY
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _work(name: str, count: int, seed: int, folder: Path, first: int, counts: Any, results: Any) -> None:
    limit_memory()
    watch()
    tally = Tally(name)
    for tally in fuzz(name, count, seed, folder, first):
        counts[:] = [getattr(tally, key) for key in COUNTS]
    results.send(tally)


def fuzz_in_process(name: str, count: int, seed: int, folder: Path) -> Tally:
    """Attacks one reader; where it takes the process down, the file is kept and the next one follows."""
    context, total, first = get_context("spawn"), Tally(name), 0
    while first < count:
        counts: SynchronizedArray[int] = context.Array("q", len(COUNTS))
        receive, send = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(name, count, seed, folder, first, counts, send))
        process.start()
        send.close()
        tally = Tally(name)
        try:
            tally = receive.recv()
            process.join()
        except EOFError:
            process.join()
            if process.exitcode and process.exitcode > 0:  # an error of this program; crashes are below zero
                raise UserError(f"fuzz: {name}: exit code {process.exitcode}, see above") from None
            tally.inputs, tally.refused, tally.read = (*counts[:],)
            number = first + tally.inputs
            tally.inputs += 1
            tally.faults.append(f"{number}: the process died (exit code {process.exitcode})")
            _keep(folder, name, number)
        for key in (*COUNTS, "seconds"):
            setattr(total, key, getattr(total, key) + getattr(tally, key))
        total.slowest = max(total.slowest, tally.slowest)
        total.faults += tally.faults
        first += max(1, tally.inputs)
    return total


def _keep(folder: Path, name: str, number: int) -> None:
    suffix = TARGETS[name].suffix
    (folder / "crashes").mkdir(parents=True, exist_ok=True)
    if (folder / f"input{suffix}").exists():
        shutil.copy(folder / f"input{suffix}", folder / "crashes" / f"{name.replace(' ', '_')}-{number}{suffix}")


def guided(name: str, count: int, seed: int, folder: Path) -> None:
    """The same watch with atheris, which searches for new paths through our code; never returns.

    Raises:
        UserError: atheris is not installed.
    """
    try:
        import atheris
    except ImportError:
        raise UserError("fuzz: --engine atheris needs: pip install rscnet[fuzz]") from None
    target, tally = TARGETS[name], Tally(name)
    corpus = folder / "corpus" / name.replace(" ", "_")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(target.seeds()):
        (corpus / f"seed{number}").write_bytes(content)
    watch()

    def one(content: bytes) -> None:
        if fault := attack(target, folder / f"input{target.suffix}", content, tally):
            raise AssertionError(fault)

    for module in [m for key, m in sys.modules.items() if key.startswith("rscnet.") and key != "rscnet.errors"]:
        for key, value in list(vars(module).items()):
            if callable(value) and getattr(value, "__module__", "") == module.__name__ and hasattr(value, "__code__"):
                setattr(module, key, atheris.instrument_func(value))  # type: ignore[attr-defined]
    words = [sys.argv[0], f"-runs={count}", f"-seed={seed + 1}", "-max_len=65536", "-verbosity=0", str(corpus)]
    atheris.Setup(words, one)
    atheris.Fuzz()


def main(arguments: Sequence[str] | None = None) -> None:
    """Fuzzes and reports; exit code 1 where a reader did anything but read or refuse."""
    parser = argparse.ArgumentParser(description="Damaged files for every reader of files of others.")
    parser.add_argument("--inputs", type=int, default=100_000, help="files in total")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=list(TARGETS), help="one reader")
    parser.add_argument("--engine", choices=["mutation", "atheris"], default="mutation")
    parser.add_argument("--output", type=Path, default=Path("outputs/fuzz"))
    chosen = parser.parse_args(arguments)
    names = [chosen.only] if chosen.only else list(TARGETS)
    count = -(-chosen.inputs // len(names))
    chosen.output.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(chosen.output / "crashes", ignore_errors=True)
    if chosen.engine == "atheris":
        _all_guided(names, count, chosen)
        return
    tallies = []
    for name in names:
        tallies.append(fuzz_in_process(name, count, chosen.seed, chosen.output))
        one = tallies[-1]
        say(f"{name}: {one.inputs} files, {one.refused} refused, {one.read} read, {len(one.faults)} faults")
    report(chosen.output, tallies)
    raise SystemExit(1 if any(tally.faults for tally in tallies) else 0)


def _all_guided(names: Sequence[str], count: int, chosen: argparse.Namespace) -> None:
    if len(names) == 1:
        guided(names[0], count, chosen.seed, chosen.output)
    for name in names:  # libFuzzer ends its process
        words = ["--engine", "atheris", "--only", name, "--inputs", str(count), "--seed", str(chosen.seed)]
        done = subprocess.run([sys.executable, sys.argv[0], *words, "--output", str(chosen.output)], check=False)
        say(f"{name}: {'no fault' if not done.returncode else f'exit code {done.returncode}'}")
        if done.returncode:
            raise SystemExit(1)


def report(output: Path, tallies: Sequence[Tally]) -> None:
    """Prints the table and writes `fuzz.json`."""
    table = Table("reader", "files", "refused", "read", "slowest s", "faults")
    for one in tallies:
        table.add_row(
            one.target, f"{one.inputs}", f"{one.refused}", f"{one.read}", f"{one.slowest:.2f}", f"{len(one.faults)}"
        )
    say(table)
    for one in tallies:
        for line in one.faults[:10]:
            say(f"{one.target}: {line}")
    total = sum(one.inputs for one in tallies)
    records.write_json(
        output / "fuzz.json",
        {"inputs": total, "readers": [one.plain() for one in tallies], **records.provenance()},
    )
    say(f"{total} files, {sum(len(one.faults) for one in tallies)} faults; written to {output / 'fuzz.json'}")


def command() -> None:
    """As `main`; a user's mistake is one line."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    guarded(main)()
