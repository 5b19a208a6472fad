"""Kills a training again and again and compares what it leaves to a run that nobody killed, bit for bit.

    python scripts/soak.py [--rounds 20] [--seed 0] [--workers 0,2] [--output outputs/soak] [key=value ...]

Each round starts the same command with another number of loader processes and kills it (SIGKILL, with its loader
processes) at a random moment of a random kind: while it starts, in a step, while a checkpoint is written, while the end
is measured. The rounds are spread over all stages of the curriculum. The last start is left alone until it is through.
Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from rscnet import records
from rscnet.callbacks.checkpoints import BEST, LAST
from rscnet.console import say
from rscnet.errors import UserError
from rscnet.failures import guarded

WORDS = [
    "experiment=rsc_full", "preset=smoke", "people.train=96", "logger=csv", "trainer.log_every_n_steps=1",
    "callbacks.checkpoints.every_n_steps=3", "evaluation.panel_samples=2", "evaluation.rivals.start=null",
]  # fmt: skip
ROOT = Path(__file__).resolve().parents[1]
KINDS = {"step": 5, "checkpoint": 4, "start": 1}
"""Kinds of moments and how often each is drawn; the last round is killed while the end is measured."""
LOOK = 0.0005  # seconds between two looks at the run folder
TIMED = ("cost", "evaluation_seconds")  # what no two runs share
FOLDERS, REPORT, REFERENCE_LOG = ("run", "reference", "logs"), "soak.json", "reference.log"
WAIT = 600.0  # seconds for a moment to come


@dataclass(frozen=True)
class Round:
    """One start: where it was killed, by the last step that it had logged (-1: none)."""

    kind: str
    workers: int
    resumed_from: str
    step: int
    seconds: float


@dataclass(frozen=True)
class Moment:
    """When a process is killed: its kind, the step that it must have logged, and seconds to wait then."""

    kind: str
    step: int
    delay: float


def start(words: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """A real training in a process group of its own."""
    command = [sys.executable, "-m", "rscnet.run", *words]
    with log.open("wb") as file:
        return subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True, cwd=ROOT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},  # what a killed process said is not lost
        )  # fmt: skip


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the process and its loader processes."""
    with contextlib.suppress(ProcessLookupError):  # it has ended by itself
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run_folder(output: Path) -> Path | None:
    """The one run folder under `output`."""
    found = [path.parent for path in output.glob("*/*/*/seed*/config.yaml")]
    return found[0] if found else None


def last_step(folder: Path | None) -> int:
    """The last step that a run has logged, -1 before the first."""
    try:
        lines = (folder / records.METRICS).read_text().splitlines() if folder else []
    except FileNotFoundError:
        return -1
    for line in reversed(lines):
        try:
            return int(json.loads(line)["step"])
        except ValueError:  # half a line
            continue
    return -1


def wait_for(moment: Moment, process: subprocess.Popen[bytes], output: Path, last: int) -> None:
    """Returns at the moment, or when the process ends by itself.

    Raises:
        UserError: the moment does not come, or the process fails.
    """
    began, before = time.monotonic(), _inode(run_folder(output))

    def reached() -> bool:
        folder = run_folder(output)
        if moment.kind == "start":
            return True
        if folder is None or _inode(folder) in (None, before):  # a process that goes on writes the file anew first
            return False
        step = last_step(folder)
        if moment.kind == "checkpoint":
            return step >= moment.step and any((folder / "checkpoints").glob("*.new"))
        return step >= (last if moment.kind == "end" else moment.step)

    while not reached():
        if process.poll() is not None:
            if process.returncode:
                raise UserError(f"soak: the training failed with exit code {process.returncode}; see its log")
            break
        if time.monotonic() - began > WAIT:
            raise UserError(f"soak: nothing to kill within {WAIT:g} s")
        time.sleep(LOOK)
    time.sleep(moment.delay)


def _inode(folder: Path | None) -> int | None:
    try:
        return (folder / records.METRICS).stat().st_ino if folder else None
    except FileNotFoundError:
        return None


def moments(rounds: int, steps: int, draw: random.Random) -> list[Moment]:
    """Kinds at random, places spread over the whole run."""
    found = []
    for number in range(rounds):
        kind = "end" if number == rounds - 1 else draw.choices(list(KINDS), list(KINDS.values()))[0]
        place = int(steps * (number + draw.random()) / rounds)
        longest = {"step": 0.3, "checkpoint": 0.03, "start": 8.0, "end": 1.0}[kind]
        found.append(Moment(kind, place, draw.uniform(0, longest)))
    return found


def finish(words: Sequence[str], log: Path) -> None:
    """Runs a training to its end.

    Raises:
        UserError: it fails.
    """
    if start(words, log).wait():
        raise UserError(f"soak: the training failed: {log.read_text().strip().splitlines()[-1]}; see {log}")


def kill_again_and_again(
    words: Sequence[str], output: Path, logs: Path, workers: Sequence[int], planned: Sequence[Moment], steps: int
) -> Iterator[Round]:
    """Starts and kills the training once for each moment, each time with the next number of loader processes."""
    for number, moment in enumerate(planned):
        count, log = workers[number % len(workers)], logs / f"round{number:02d}.log"
        began = time.monotonic()
        process = start([*words, f"workers={count}"], log)
        try:
            wait_for(moment, process, output, steps - 1)
        finally:
            kill(process)
        resumed = next((line.rsplit("/", 1)[1] for line in log.read_text().splitlines() if "going on" in line), "-")
        yield Round(moment.kind, count, resumed, last_step(run_folder(output)), round(time.monotonic() - began, 1))


def differences(found: Any, expected: Any, where: str) -> Iterator[str]:
    """Where two trees of tensors and plain values differ, to the bit."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for key in expected.keys() ^ found.keys():
            yield f"{where}.{key}: only in one of them"
        for key in expected.keys() & found.keys():
            yield from differences(found[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list | tuple) and isinstance(found, list | tuple) and len(found) == len(expected):
        for i, (a, b) in enumerate(zip(found, expected, strict=True)):
            yield from differences(a, b, f"{where}[{i}]")
    elif isinstance(expected, torch.Tensor) and isinstance(found, torch.Tensor):
        if not _same(found, expected):
            yield f"{where}: tensors differ"
    elif type(found) is not type(expected) or (found != expected and not (found != found and expected != expected)):
        yield f"{where}: {repr(found)[:80]} instead of {repr(expected)[:80]}"


def _same(found: torch.Tensor, expected: torch.Tensor) -> bool:
    alike = found.dtype == expected.dtype and found.shape == expected.shape
    return alike and _bytes(found) == _bytes(expected)


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint without what no two runs share: their cost and their loader processes."""
    content = torch.load(path, weights_only=True)
    content["callbacks"] = {name: state for name, state in content["callbacks"].items() if not name.startswith("Cost")}
    content["rscnet"]["config"].pop("workers")
    content["rscnet"]["config"]["data"].pop("workers")
    return content


def logged(path: Path) -> list[Any]:
    """Rows of `metrics.jsonl` or of a CSV file without what no two runs share."""
    lines = path.read_text().splitlines()
    if path.suffix == ".jsonl":
        rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    else:
        rows = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
    return [_untimed(row) for row in rows]


def _untimed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if not key.startswith(TIMED)}


def compare(found: Path, expected: Path) -> dict[str, list[str]]:
    """What differs between two run folders, by file; nothing where they are the same to the bit."""
    result = {}
    for name in (LAST, BEST):
        pair = [checkpoint(folder / "checkpoints" / name) for folder in (found, expected)]
        for part in pair[1]:
            title = f"{name}: {part}"
            result[title] = list(differences(pair[0].get(part), pair[1][part], part))
    for path in sorted(path for path in expected.rglob("*") if path.suffix in (".jsonl", ".csv")):
        name = str(path.relative_to(expected))
        result[name] = list(differences(logged(found / name), logged(path), "row"))
    results = [json.loads((folder / records.RESULT).read_text()) for folder in (found, expected)]
    result[records.RESULT] = list(differences(_untimed(results[0]), _untimed(results[1]), "result"))
    for path in sorted(expected.glob("*.png")):
        same = (found / path.name).read_bytes() == path.read_bytes()
        result[path.name] = [] if same else ["pictures differ"]
    left = [path.name for path in found.rglob("*.new")]
    result["left-overs"] = [f"{name} was left behind" for name in left]
    return result


def clear(output: Path) -> None:
    """Removes what an earlier soak has left.

    Raises:
        UserError: a folder with other things in it and no earlier soak.
    """
    earlier = (output / REPORT, output / "logs" / REFERENCE_LOG)  # the last and the first thing that a soak writes
    if output.exists() and any(output.iterdir()) and not any(path.exists() for path in earlier):
        raise UserError(f"--output: {output} is not empty and holds no earlier soak; expected a folder of its own")
    (output / REPORT).unlink(missing_ok=True)
    for name in FOLDERS:
        shutil.rmtree(output / name, ignore_errors=True)


@guarded
def main(arguments: Sequence[str] | None = None) -> None:
    """Soaks and reports; exit code 1 where the killed run ends differently."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="overrides of the training's configuration")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of kinds, places and delays")
    parser.add_argument("--workers", default="0,2", help="loader processes of the rounds, in turn")
    parser.add_argument("--output", type=Path, default=Path("outputs/soak"))
    chosen = parser.parse_args(arguments)
    clear(chosen.output)
    output, kept, logs = (chosen.output.resolve() / name for name in FOLDERS)
    logs.mkdir(parents=True)
    words = [*WORDS, f"paths.output={output}", *chosen.words]
    workers = [int(word) for word in chosen.workers.split(",")]
    finish([*words, "workers=0"], logs / REFERENCE_LOG)
    output.rename(kept)  # both runs have the same name: it is part of their checkpoints
    reference = run_folder(kept)
    assert reference is not None
    steps = int(json.loads((reference / records.RESULT).read_text())["steps"])
    say(f"reference: {steps} steps; now {chosen.rounds} kills")
    done = []
    planned = moments(chosen.rounds, steps, random.Random(chosen.seed))
    for one in kill_again_and_again(words, output, logs, workers, planned, steps):
        done.append(one)
        say(f"  {len(done):2} killed ({one.kind}, {one.workers} workers, from {one.resumed_from}) at step {one.step}")
    finish([*words, f"workers={workers[-1]}"], logs / "last.log")
    folder = run_folder(output)
    assert folder is not None
    found = compare(folder, reference)
    report(chosen.output, reference, done, found, steps)
    raise SystemExit(1 if any(found.values()) else 0)


def report(output: Path, reference: Path, done: Sequence[Round], found: Mapping[str, list[str]], steps: int) -> None:
    """Prints the table of comparisons and writes `soak.json`."""
    table = Table("compared", "same")
    for name, lines in found.items():
        table.add_row(name, "yes" if not lines else f"NO: {lines[0]}" + (f" (+{len(lines) - 1})" if lines[1:] else ""))
    say(table)
    stages = _stages(reference, [one.step for one in done])
    records.write_json(
        output / REPORT,
        {
            "same": not any(found.values()), "rounds": len(done), "steps": steps, "kills_in_stage": stages,
            "kills": [asdict(one) for one in done], "differences": dict(found), **records.provenance(),
        },
    )  # fmt: skip
    say(f"{len(done)} kills, by stage {stages}; written to {output / REPORT}")


def _stages(reference: Path, steps: Sequence[int]) -> dict[str, int]:
    """How many kills fell into each stage of the curriculum."""
    rows = (json.loads(line) for line in (reference / records.METRICS).read_text().splitlines())
    stage = {row["step"]: int(row["train/stage"]) for row in rows if "train/stage" in row}
    counts = {str(number): 0 for number in sorted(set(stage.values()))}
    for step in steps:
        counts[str(stage.get(step, min(stage.values())))] += 1
    return counts


if __name__ == "__main__":
    main()
