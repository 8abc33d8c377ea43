"""The experts that are open in this process. It does not know who sends requests, nor how experts came to be."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from doyen_experts.contract import Expert, ExpertKind, ExpertSpec, Resources
from doyen_experts.registry import kind as find_kind
from doyen_workers.dispatch import ExpertNotHosted

log = logging.getLogger(__name__)


@dataclass
class _Hosted:
    """`seats` keep the promise of the kind's `concurrency`, also while a version of another kind takes over."""

    spec: ExpertSpec
    kind: ExpertKind
    expert: Expert
    users: int = 0
    retired: bool = False
    seats: threading.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.seats = threading.Semaphore(self.kind.concurrency)

    def close(self) -> None:
        """Never raises: by now another version serves, and nobody could do anything about it."""
        try:
            self.expert.close()
        except Exception as error:  # a plugin may fail in any way
            log.warning("version %s of expert %s did not close", self.spec.version, self.spec.name, exc_info=error)


@dataclass(frozen=True, slots=True)
class Loan:
    expert: Expert
    max_batch: int


class ExpertHost:
    """Opens experts, lends them to callers, and swaps versions under load.

    A replaced or dropped expert serves the calls that have it, and is closed when the last of them ends.
    """

    def __init__(self, resources: Resources, *, find_kind: Callable[[str], ExpertKind] = find_kind) -> None:
        self._resources = resources
        self._find_kind = find_kind
        self._hosted: dict[str, _Hosted] = {}
        self._lock = threading.Lock()

    def put(self, spec: ExpertSpec) -> None:
        """Opens this version and swaps it in. When opening fails, the version that served goes on serving."""
        with self._lock:
            current = self._hosted.get(spec.name)
        if current is not None and current.spec == spec:
            return
        kind = self._find_kind(spec.kind)
        hosted = _Hosted(spec, kind, kind.open(spec, self._resources))
        with self._lock:
            previous = self._hosted.get(spec.name)
            self._hosted[spec.name] = hosted
        if previous is not None:
            self._retire(previous)

    def version_of(self, name: str) -> int | None:
        """The version that is open here; None when the expert is not."""
        with self._lock:
            hosted = self._hosted.get(name)
            return None if hosted is None else hosted.spec.version

    def drop(self, name: str) -> None:
        with self._lock:
            hosted = self._hosted.pop(name, None)
        if hosted is not None:
            self._retire(hosted)

    def names(self) -> list[str]:
        with self._lock:
            return sorted(self._hosted)

    def kind_of(self, name: str) -> ExpertKind:
        with self._lock:
            return self._get(name).kind

    @contextlib.contextmanager
    def borrow(self, name: str) -> Iterator[Loan]:
        """Keeps this version open while it is used. Waits while as many use it as its kind allows."""
        with self._lock:
            hosted = self._get(name)
            hosted.users += 1
        try:
            with hosted.seats:
                yield Loan(hosted.expert, hosted.kind.max_batch)
        finally:
            self._give_back(hosted)

    def close(self) -> None:
        for name in self.names():
            self.drop(name)

    def _get(self, name: str) -> _Hosted:
        try:
            return self._hosted[name]
        except KeyError:
            raise ExpertNotHosted(name) from None

    def _retire(self, hosted: _Hosted) -> None:
        with self._lock:
            hosted.retired = True
            idle = hosted.users == 0
        if idle:
            hosted.close()

    def _give_back(self, hosted: _Hosted) -> None:
        with self._lock:
            hosted.users -= 1
            last = hosted.retired and hosted.users == 0
        if last:
            hosted.close()
