"""`make bench-gate`: the gate's figures beside those of its neighbours, all of one run on one machine.

    python -m benchmarks.gate --data DIR

DIR has `clinc150/` (train, val and oos_val.jsonl) and `banking77/` (train and dev.jsonl), and what the other benchmarks
of the gate want. What is about quality runs first, on as many processes as there are cores; what is about time runs
alone after it. A table is printed, and one JSON object as the last line.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from benchmarks.gate.companions import COMPANIONS, companion
from benchmarks.gate.data import FULL, QUICK, Size, domains_alone, encode_all, encoder, known_vectors, read_sets
from benchmarks.gate.hot_add import averaged, joined, newcomers
from benchmarks.gate.report import markdown, rows
from benchmarks.gate.speed import with_encoder, without_encoder
from benchmarks.gate.throughput import throughput
from benchmarks.gate.training import GATE, Task, ablations, trained_gate
from benchmarks.machine import machine
from doyen_router import load_gate

TIMED = ("speed", "throughput")
PARTS = ("training", "ablations", "hot_add", *TIMED, *COMPANIONS)
TASKS: tuple[Task, ...] = ("clinc_domains", "clinc_intents", "banking")

Figures = dict[str, Any]
Wanted = ParamSpec("Wanted")
Found = TypeVar("Found")


class Here(Executor):
    """One thing after the other in this process."""

    def submit(self, fn: Callable[Wanted, Found], /, *args: Wanted.args, **kwargs: Wanted.kwargs) -> Future[Found]:
        future: Future[Found] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Clock:
    """Says on the standard error what is done, and when."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        return round(time.perf_counter() - self._started, 1)

    def __call__(self, message: str) -> None:
        print(f"{self.seconds:7.1f} s  {message}", file=sys.stderr, flush=True)


def lanes(processes: int) -> Executor:
    # Spawned: a forked child would inherit the threads of the encoder.
    return Here() if processes == 1 else ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))


def of_quality(data: Path, work: Path, size: Size, parts: Sequence[str], pool: Executor, clock: Clock) -> Figures:
    if {"training", "ablations", "hot_add"} & set(parts):
        texts = read_sets(data, size).texts()
        clock(f"encoding {len(texts)} texts")
        encode_all(texts, work, pool)
    tasks: dict[str, Future[Any]] = {}

    def begin(name: str, function: Callable[..., Any], *arguments: Any) -> None:
        tasks[name] = pool.submit(function, *arguments)
        tasks[name].add_done_callback(lambda _done: clock(f"{name}: done"))

    clock(f"measuring {', '.join(part for part in parts if part not in TIMED)}")
    # The longest first, so that no process is left alone with it at the end.
    for name in [name for name in COMPANIONS if name in parts]:
        begin(name, companion, name, data)
    for task in TASKS if "training" in parts else ():
        begin(f"training {task}", trained_gate, task, data, work, size)
    joining = newcomers(data, size) if "hot_add" in parts else []
    for newcomer in joining:
        begin(f"hot add {newcomer}", joined, newcomer, data, work, size)
    if "ablations" in parts:
        begin("ablations", ablations, data, work, size)
    found = {name: future.result() for name, future in tasks.items()}
    figures: Figures = {}
    if "training" in parts:
        figures["training"] = {task: found[f"training {task}"] for task in TASKS}
    if joining:
        figures["hot_add"] = averaged([found[f"hot add {newcomer}"] for newcomer in joining])
    figures.update((name, found[name]) for name in ("ablations", *COMPANIONS) if name in found)
    return figures


def of_time(data: Path, work: Path, size: Size, parts: Sequence[str], cache: Path, clock: Clock) -> Figures:
    figures: Figures = {}
    sets = read_sets(data, size)
    train, test = domains_alone(sets.clinc_train), domains_alone(sets.clinc_test)
    gate = load_gate(work / GATE)
    if "speed" in parts:
        clock("timing decisions without the encoder")
        figures["decide_us"] = without_encoder(size)
        clock("timing decisions with the encoder")
        texts = [example.text for example in test]
        figures["with_encoder_ms"] = with_encoder(gate, texts[:: max(1, len(texts) // size.encodings)], encoder())
    if "throughput" in parts:
        clock("timing concurrent callers")
        figures["throughput"] = throughput(gate, train, test, known_vectors(work), cache, size)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the labelled sets")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "doyen-bench", help="of environments")
    parser.add_argument("--skip", nargs="*", choices=PARTS, default=(), help="parts to leave out")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="for what is not timed")
    parser.add_argument("--quick", action="store_true", help="a little of everything: seconds, and no real figures")
    given = parser.parse_args()
    # One thread a process: two that wait for each other are slower than one.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    size = QUICK if given.quick else FULL
    parts = [part for part in PARTS if part not in given.skip]
    clock = Clock()
    figures: Figures = {"machine": machine(), "quick": given.quick, "threads": os.environ["OMP_NUM_THREADS"]}
    with tempfile.TemporaryDirectory(prefix="doyen-bench-gate-") as directory:
        work = Path(directory)
        with lanes(given.processes) as pool:
            figures |= of_quality(given.data, work, size, parts, pool, clock)
        if "training" in parts:
            figures |= of_time(given.data, work, size, parts, given.cache, clock)
        else:
            clock("no gate was trained: nothing is timed")
    made = rows(figures)
    figures["rows"] = [row.figures() for row in made]
    figures["seconds"] = clock.seconds
    print(markdown(made))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
