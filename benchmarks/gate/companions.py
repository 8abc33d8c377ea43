"""The other benchmarks of the gate, each in a process of its own; their last lines are merged into this one's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# evidence: the ablation of it. conversations: carry, switch, and the flip rate of paraphrases. quality: AIQ and APGR.
COMPANIONS = ("quality", "conversations", "evidence")
LIMIT_SECONDS = 1_500


def companion(name: str, data: Path) -> dict[str, Any]:
    """What it printed last, and its `seconds`; or `error`, for a part that fails must not lose the rest."""
    module = f"benchmarks.{name}"
    if find_spec(module) is None:
        return {"error": f"there is no {module}"}
    started = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, "--data", str(data)],
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"it took more than {LIMIT_SECONDS} seconds"}
    if done.returncode:
        return {"error": "; ".join(done.stderr.strip().splitlines()[-3:])}
    lines = done.stdout.strip().splitlines()
    try:
        printed: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        return {"error": f"its last line is no JSON: {lines[-1][:200] if lines else 'nothing was printed'}"}
    printed.pop("machine", None)
    figures: dict[str, Any] = printed.get(name, printed)
    return figures | {"seconds": round(time.perf_counter() - started, 1)}
