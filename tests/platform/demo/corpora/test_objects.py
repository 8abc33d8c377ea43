from __future__ import annotations

import sys
from pathlib import Path

import pytest

from doyen_platform.demo.corpora.catalogue import LIBRARIES, Library
from doyen_platform.demo.corpora.objects import documents_of, find

MODULE = '''
"""A module."""
__all__ = ["Engine", "motor", "old", "same", "hidden"]

class Engine:
    """Turns fuel into motion, and motion into noise, for as long as there is fuel."""
    def start(self, key, *, slowly=False):
        """Starts the engine, which must not run, and returns when it runs evenly enough."""

def motor(fuel, speed=object()):
    """Makes an engine that burns the given fuel; it is not started by that, only made."""

def old():
    """.. deprecated:: 1.0 use `motor`, which does all that this function ever did, and more."""

same = motor

def __getattr__(name):
    raise ImportError(name)
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "enginery.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "enginery", raising=False)
    return "enginery"


def test_public_current_objects_are_found_once(package: str) -> None:
    found = [one.path for one in find([package, f"{package}.Engine.*", "no.such.module"])]
    assert found == ["enginery.Engine", "enginery.motor", "enginery.Engine.start"]


def test_a_document_has_a_stable_signature_and_a_source(package: str) -> None:
    by_path = {one.path: one for one in find([package, f"{package}.Engine.*"])}
    [motor] = documents_of(by_path["enginery.motor"], characters=900)
    assert motor.text.startswith("`motor(fuel, speed)`\n\nMakes an engine")
    assert motor.source == "python:enginery.motor"
    [start] = documents_of(by_path["enginery.Engine.start"], characters=900)
    assert start.text.startswith("`Engine.start(key, slowly=False)`")


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
def test_every_place_of_the_catalogue_still_exists(library: Library) -> None:
    places = [place for shelf in library.shelves for place in shelf.places]
    assert [place for place in places if not list(find([place]))] == []
