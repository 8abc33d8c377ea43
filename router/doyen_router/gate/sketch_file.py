"""Sketches of several experts' stores in one file, for a training job: safetensors, the texts in its header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from doyen_router.errors import Invalid
from doyen_router.gate.sketch import Sketch


class SketchesUnreadable(Invalid):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} holds no sketches: {reason}", param="sketches")


def write_sketches(path: Path, sketches: Mapping[str, Sketch]) -> None:
    texts = {name: [sketch.texts, sketch.documents] for name, sketch in sketches.items()}
    tensors = {name: sketch.vectors_PD for name, sketch in sketches.items()}
    save_file(tensors, path, metadata={"texts": json.dumps(texts)})


def read_sketches(path: Path) -> dict[str, Sketch]:
    try:
        with safe_open(path, framework="numpy") as file:
            texts = json.loads((file.metadata() or {})["texts"])
            return {
                name: Sketch(file.get_tensor(name), tuple(of_passages), tuple(documents))
                for name, (of_passages, documents) in texts.items()
            }
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise SketchesUnreadable(path, str(error)) from error
