"""Lines on disk until they are delivered: numbered segments, and a place for those that nobody can deliver.

It knows neither decisions nor a database. Not thread-safe: its one user has a lock.
"""

from __future__ import annotations

import errno
import fcntl
import io
import logging
from collections import deque
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Segment:
    """A file that is written no more. `records` counts the lines that this process wrote."""

    path: Path
    records: int


class Journal:
    """Several processes may share a directory: an open segment is locked, and one that a dead process left is not."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        found = sorted(directory.glob("*.jsonl"))
        self.ready: deque[Segment] = deque(Segment(path, 0) for path in found if _is_abandoned(path))
        self._number = int(found[-1].stem) if found else 0
        self._file: io.FileIO | None = None
        self._path = directory
        self._bytes = 0
        self.written = 0  # lines in the open segment

    def append(self, line: bytes) -> None:
        """The line is with the system when this returns. Raises OSError, and then leaves no part of the line."""
        file = self._file or self._open()
        try:
            if file.write(line) < len(line):
                raise OSError(errno.ENOSPC, "the line did not fit")
        except OSError:
            file.seek(self._bytes)
            file.truncate()
            raise
        self._bytes += len(line)
        self.written += 1

    def rotate(self) -> None:
        """Makes the open segment ready. The next line opens another."""
        if self._file is None:
            return
        self._file.close()
        self._file = None
        self.ready.append(Segment(self._path, self.written))
        self.written = 0

    def remove(self, segment: Segment) -> None:
        self.ready.remove(segment)
        segment.path.unlink(missing_ok=True)

    def reject(self, lines: list[bytes], source: str) -> None:
        """Puts lines aside for a person to look at."""
        directory = self._directory / "rejected"
        directory.mkdir(exist_ok=True)
        with (directory / f"{source}.jsonl").open("ab") as file:
            file.writelines(line.rstrip(b"\n") + b"\n" for line in lines)

    def _open(self) -> io.FileIO:
        while True:
            self._number += 1
            path = self._directory / f"{self._number:012d}.jsonl"
            try:
                file = io.FileIO(path, "x")
            except FileExistsError:
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # a process that starts now looks whether this one was left behind
                file.close()
                continue
            self._file, self._path, self._bytes = file, path, 0
            return file


def _is_abandoned(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        return False
    return True
