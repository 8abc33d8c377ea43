"""How long commands tell how far they are, and how those that work from files fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from doyen_platform.cli.output import err, fail
from doyen_router.encoder.encoding import Progress as Told
from doyen_router.errors import DoyenError


@contextmanager
def failing_in_one_line() -> Iterator[None]:
    try:
        yield
    except DoyenError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")


@contextmanager
def bars() -> Iterator[Told]:
    """A bar on standard error for each stage."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def told(stage: str, share: float) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=1.0)
            bar.update(tasks[stage], completed=share)

        yield told
