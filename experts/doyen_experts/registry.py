"""The kinds of expert that are installed: what the entry points of the group `doyen.experts` name, built-ins too.

A plugin is loaded when it is asked for; one that is broken is reported by its name and harms no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from doyen_experts.contract import ExpertKind
from doyen_router.errors import Invalid

Model = TypeVar("Model", bound=BaseModel)

GROUP = "doyen.experts"
_ATTRIBUTES = ("config_model", "uses_store", "concurrency", "max_batch", "open")


class UnknownKind(Invalid):
    code = "unknown_kind"

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"no kind of expert is called {name!r}; there are: {', '.join(known) or 'none'}", param="kind")


class BrokenKind(Invalid):
    code = "broken_kind"

    def __init__(self, name: str, target: str, reason: str) -> None:
        super().__init__(f"the kind {name!r} ({target}) cannot be used: {reason}; repair or remove the plugin")


class ConfigInvalid(Invalid):
    """`fields` has each wrong field's path and what is wrong with it; the values are not repeated."""

    code = "config_invalid"

    def __init__(self, kind: str, fields: list[tuple[str, str]]) -> None:
        told = "; ".join(f"{path}: {reason}" for path, reason in fields)
        super().__init__(
            f"the config of kind {kind!r} is not valid: {told}", param=f"config.{fields[0][0]}".rstrip(".")
        )
        self.fields = fields


@lru_cache(1)
def _entries() -> dict[str, EntryPoint]:
    """Read once: what is installed later is there at the next start."""
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: not entry.value.startswith("doyen_experts.")):
        found.setdefault(entry.name, entry)  # Doyen's own first: a plugin cannot take a built-in's name
    return found


def kinds() -> dict[str, type[ExpertKind]]:
    """The kinds that load, by name. The others are in `broken_kinds`."""
    return _loaded()[0]


def broken_kinds() -> dict[str, BrokenKind]:
    return _loaded()[1]


def _loaded() -> tuple[dict[str, type[ExpertKind]], dict[str, BrokenKind]]:
    good: dict[str, type[ExpertKind]] = {}
    broken: dict[str, BrokenKind] = {}
    for name, entry in sorted(_entries().items()):
        try:
            good[name] = _load(entry)
        except BrokenKind as error:
            broken[name] = error
    return good, broken


def _load(entry: EntryPoint) -> type[ExpertKind]:
    try:
        made: Any = entry.load()  # Any: whatever the plugin names, checked below
    except Exception as error:  # a plugin may fail in any way while it is imported
        raise BrokenKind(entry.name, entry.value, f"{type(error).__name__}: {error}") from error
    missing = [attribute for attribute in _ATTRIBUTES if not hasattr(made, attribute)]
    if not isinstance(made, type) or missing:
        reason = f"it lacks {', '.join(missing)}" if missing else "it is not a class"
        raise BrokenKind(entry.name, entry.value, reason)
    return made


def kind(name: str) -> ExpertKind:
    """A kind, ready to open experts. Raises UnknownKind or BrokenKind."""
    entries = _entries()
    if name not in entries:
        raise UnknownKind(name, sorted(entries))
    made = _load(entries[name])
    try:
        return made()
    except Exception as error:  # as above: the plugin's own code
        raise BrokenKind(name, entries[name].value, f"{type(error).__name__}: {error}") from error


def validate_config(name: str, config: Mapping[str, Any]) -> BaseModel:  # Any: what the caller sent, checked here
    """The config as the kind's own model. Raises ConfigInvalid with the path of every wrong field."""
    return parsed_config(kind(name).config_model, config, kind_name=name)


def parsed_config(model: type[Model], config: Mapping[str, Any], *, kind_name: str) -> Model:
    try:
        return model.model_validate(dict(config))
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        fields = [(".".join(str(part) for part in problem["loc"]), problem["msg"]) for problem in problems]
        raise ConfigInvalid(kind_name, fields) from error
