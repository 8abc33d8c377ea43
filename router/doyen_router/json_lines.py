"""JSON Lines files: one object a line, told apart from everything that only looks like it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from doyen_router.errors import Invalid

# Makes the caller's own error of (path, what is wrong, line or None).
Refusal = Callable[[Path, str, int | None], Invalid]


def read_objects(path: Path, refusal: Refusal) -> list[tuple[int, dict[str, object]]]:
    """Objects with their line numbers; blank lines are skipped."""
    try:
        content = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise refusal(path, f"cannot be read ({error.strerror})", None) from error
    except UnicodeDecodeError as error:
        raise refusal(path, f"is not UTF-8 (byte {error.start})", None) from error
    rows: list[tuple[int, dict[str, object]]] = []
    # Not splitlines: a text may hold U+2028 and its like, which end no JSON line.
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise refusal(path, f"is not JSON ({error})", number) from error
        if not isinstance(row, dict):
            raise refusal(path, "is not a JSON object", number)
        rows.append((number, row))
    return rows
