"""A long job in a process of its own: `python -m doyen_workers.gate_training EXAMPLES.jsonl OUTPUT_DIR`.

Files in, an artifact out, progress as lines on standard output; it knows no database.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from pathlib import Path

from doyen_router.encoder.sentence_transformer import load_encoder
from doyen_router.gate.artifact import save_gate
from doyen_router.gate.examples import read_examples
from doyen_router.gate.sketch_file import read_sketches
from doyen_router.gate.training import fit_gate


def main() -> None:
    parser = argparse.ArgumentParser(prog="doyen_workers.gate_training")
    parser.add_argument("examples", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--sketches", type=Path, help="of the experts' stores, as `write_sketches` writes them")
    parser.add_argument("--encoder")
    parser.add_argument("--parent", type=int, help="the process without which this one ends", default=os.getppid())
    given = parser.parse_args()
    threading.Thread(target=_end_with, args=(given.parent,), daemon=True).start()
    os.nice(10)  # training may take every spare cycle, never a request's
    examples = read_examples(given.examples, fine_field="fine", group_field="group", context_field="context")
    sketches = read_sketches(given.sketches) if given.sketches else None
    gate = fit_gate(examples, load_encoder(given.encoder), sketches=sketches, progress=_tell)
    save_gate(gate, given.output)


def _end_with(parent: int) -> None:
    """A killed parent tells nobody: without this its child would train on, for nobody."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _tell(stage: str, share: float) -> None:
    print(f"{stage}: {share:.0%}", flush=True)


if __name__ == "__main__":
    main()
