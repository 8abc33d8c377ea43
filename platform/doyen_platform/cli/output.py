"""How commands print: tables for people, one JSON object for programs (`--json`), errors on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]

out = Console()
err = Console(stderr=True)


def fail(message: str, *, code: int = 2) -> NoReturn:
    print(f"doyen: {message}", file=sys.stderr)
    sys.exit(code)


def progress(line: str) -> None:
    """For people who wait: on standard error, never wrapped, never taken for markup."""
    err.print(line, markup=False, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:  # Any: JSON
    print(json.dumps(value, ensure_ascii=False, indent=None if not sys.stdout.isatty() else 2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    out.print(table)
