"""aurelio's `semantic-router` from PyPI, in an environment and a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import doyen_router
from benchmarks.gate.data import KnownVectors
from doyen_router import Example
from doyen_router.encoder.packaged import packaged_files

VERSION = "1.1.1"
INSTALL_SECONDS = 600


class RivalUnavailable(RuntimeError):
    """Carries the last of what pip or the process said."""

    def __init__(self, step: str, said: str) -> None:
        last = "; ".join(line.strip() for line in said.strip().splitlines()[-2:])
        super().__init__(f"semantic-router=={VERSION} could not be {step}: {last}")


class Rival:
    """Indexes every training text; then answers as often as asked, and rests in between."""

    def __init__(self, cache: Path, train: Sequence[Example], known: KnownVectors) -> None:
        python = _environment(cache)
        self._folder = tempfile.TemporaryDirectory(prefix="doyen-rival-")
        texts = list(dict.fromkeys(example.text for example in train))
        experts = {example.text: example.expert for example in train}
        folder = Path(self._folder.name)
        # The same vectors as its encoder would give, so that indexing takes no minute.
        np.save(folder / "vectors.npy", known.encode(texts))
        model, tokenizer = packaged_files()
        (folder / "task.json").write_text(
            json.dumps(
                {
                    "texts": texts,
                    "experts": [experts[text] for text in texts],
                    "model": str(model),
                    "tokenizer": str(tokenizer),
                    "identity": known.identity,
                }
            )
        )
        roots = [Path(doyen_router.__file__).parents[1], Path(__file__).parents[2]]
        self._process = subprocess.Popen(
            [str(python), "-m", "benchmarks.gate.rival_process", str(folder)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, roots))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Rival:
        try:
            self.version = str(self._answer()["version"])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._folder.cleanup()

    def asked(self, texts: Sequence[str], callers: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"texts": list(texts), "callers": callers}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise RivalUnavailable("asked", f"its process ended with {self._process.wait()}") from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            # The library may log to the same stream.
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise RivalUnavailable("run", f"its process ended with {self._process.wait()}")


def _environment(cache: Path) -> Path:
    """The Python of a virtual environment that has the rival; made when it is not there."""
    folder = cache / f"semantic-router-{VERSION}-python{sys.version_info.major}.{sys.version_info.minor}"
    python, complete = folder / "bin" / "python", folder / "complete"
    if complete.is_file():
        return python
    print(f"installing semantic-router=={VERSION} from PyPI into {folder}", file=sys.stderr, flush=True)
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)], "given an environment")
    # The same ONNX Runtime and numpy as here: the encoder is to be the same.
    wanted = [
        f"semantic-router=={VERSION}",
        f"onnxruntime=={onnxruntime.__version__}",
        f"numpy=={np.__version__}",
        "tokenizers",
    ]
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, *wanted], "installed")
    complete.touch()
    return python


def _run(command: list[str], step: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RivalUnavailable(step, str(error)) from error
    if done.returncode:
        raise RivalUnavailable(step, done.stderr or done.stdout)
