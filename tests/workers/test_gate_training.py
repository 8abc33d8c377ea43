"""Training in a process of its own: files in, an artifact out, progress on standard output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import until

from doyen_router.gate.artifact import load_gate

QUESTIONS = {
    "garden": ["How often are tomatoes watered?", "When are roses pruned?", "What goes on a compost heap?"],
    "sky": ["How far away is the moon?", "What is a red giant?", "Why do stars twinkle at night?"],
}


def train(examples: Path, output: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "doyen_workers.gate_training", str(examples), str(output)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)


def test_it_makes_a_gate_that_knows_the_experts_of_the_file(tmp_path: Path) -> None:
    lines = [
        {
            "text": f"{question} ({number})",
            "expert": expert,
            "fine": None,
            "group": question,
            "context": {"feature": f"{expert}-page"},
        }
        for expert, questions in QUESTIONS.items()
        for question in questions
        for number in range(5)
    ]
    examples = tmp_path / "examples.jsonl"
    examples.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = train(examples, tmp_path / "gate")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1].endswith("100%")
    gate = load_gate(tmp_path / "gate")
    assert sorted(gate.experts) == ["garden", "sky"]
    assert gate.card.context_features == ("feature=garden-page", "feature=sky-page")


def test_it_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "examples.jsonl")  # nobody writes: reading it never ends
    command = [
        sys.executable,
        "-m",
        "doyen_workers.gate_training",
        str(tmp_path / "examples.jsonl"),
        str(tmp_path / "gate"),
    ]
    starter = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([*sys.argv[1:], '--parent', str(os.getpid())])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", starter, *command], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(1)
    assert is_running(child)
    parent.kill()
    parent.wait()
    try:
        until(lambda: not is_running(child), seconds=20)  # it looks once a second, after its imports
    finally:
        if is_running(child):
            os.kill(child, signal.SIGKILL)
        parent.stdout.close()


def is_running(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_bad_examples_end_it_with_a_reason_and_leave_no_artifact(tmp_path: Path) -> None:
    examples = tmp_path / "examples.jsonl"
    examples.write_text('{"text": "cut')
    done = train(examples, tmp_path / "gate")
    assert done.returncode != 0
    assert "examples.jsonl" in done.stderr.strip().splitlines()[-1]
    assert not (tmp_path / "gate").exists()
