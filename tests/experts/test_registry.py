"""Kinds come by entry points: built-ins and plugins alike, a broken one alone."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from doyen_experts import registry
from doyen_experts.kinds.echo import EchoConfig, EchoKind
from doyen_experts.registry import BrokenKind, ConfigInvalid, UnknownKind

BUILT_IN = {
    "echo": "doyen_experts.kinds.echo:EchoKind",
    "remote": "doyen_experts.kinds.remote:RemoteKind",
    "retrieval": "doyen_experts.kinds.retrieval:RetrievalKind",
}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    (tmp_path / "a_plugin_of_a_test.py").write_text(
        "from doyen_experts.kinds.echo import EchoKind\n"
        "class Fine(EchoKind): ...\n"
        "class Half: ...\n"
        "class Failing(EchoKind):\n    def __init__(self): raise RuntimeError('no licence')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "a_plugin_of_a_test", raising=False)
    plugins = {
        "fine": "a_plugin_of_a_test:Fine",
        "half": "a_plugin_of_a_test:Half",
        "failing": "a_plugin_of_a_test:Failing",
        "absent": "no_such_module_anywhere:Kind",
    }
    entries = [EntryPoint(name, value, registry.GROUP) for name, value in (BUILT_IN | plugins).items()]
    entries.insert(0, EntryPoint("echo", "a_plugin_of_a_test:Fine", registry.GROUP))
    monkeypatch.setattr(registry, "_entries", registry._entries.__wrapped__)
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints(entries).select(group=group))


def test_good_kinds_load_beside_broken_ones() -> None:
    assert sorted(registry.kinds()) == ["echo", "failing", "fine", "remote", "retrieval"]
    broken = registry.broken_kinds()
    assert sorted(broken) == ["absent", "half"]
    assert "no_such_module_anywhere" in str(broken["absent"])
    assert "lacks config_model" in str(broken["half"])


def test_a_kind_opens_by_name_and_a_plugin_cannot_take_a_built_ins() -> None:
    assert type(registry.kind("echo")) is EchoKind
    assert registry.kind("fine").max_batch == 64


def test_unknown_and_broken_kinds_are_named() -> None:
    with pytest.raises(UnknownKind, match=r"'nope'; there are: absent, echo, .*retrieval"):
        registry.kind("nope")
    with pytest.raises(BrokenKind, match="no licence"):
        registry.kind("failing")
    with pytest.raises(BrokenKind, match="'absent'"):
        registry.kind("absent")


def test_a_config_is_checked_by_its_kind() -> None:
    assert registry.validate_config("echo", {"delay_seconds": 1}) == EchoConfig(delay_seconds=1)
    with pytest.raises(ConfigInvalid) as caught:
        registry.validate_config("echo", {"delay_seconds": -1, "surprise": "sk-123"})
    assert [path for path, _ in caught.value.fields] == ["delay_seconds", "surprise"]
    assert caught.value.param == "config.delay_seconds"
    assert "sk-123" not in str(caught.value)


def test_the_project_declares_its_built_in_kinds(pytestconfig: pytest.Config) -> None:
    import tomllib

    project = tomllib.loads((pytestconfig.rootpath / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][registry.GROUP] == BUILT_IN
