"""The directory where an embedded platform keeps everything. One process at a time: it holds live state beside it."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from doyen_router.errors import Conflict, Invalid


class DirectoryInUse(Conflict):
    def __init__(self, path: Path) -> None:
        super().__init__(f"another platform is using {path}: stop it, or name another directory with --data")


class DirectoryUnusable(Invalid):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"the data directory {path} cannot be used: {reason}; name another with --data")


class DataDirectory:
    """Held until `close`, or until the process ends in whatever way."""

    def __init__(self, path: Path) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
            # Not of one thread: it is opened in one and closed in another.
            self._lock = FileLock(path / "lock", thread_local=False)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise DirectoryInUse(path) from None
        except OSError as error:
            raise DirectoryUnusable(path, error.strerror or str(error)) from error

    def close(self) -> None:
        self._lock.release()
