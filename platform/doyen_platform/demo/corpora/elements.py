"""The chemistry expert: the elements, from the SQLite file of the package `mendeleev`, which is never imported."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from doyen_platform.demo.corpora.document import Corpus, CorpusDocument, within_budget
from doyen_platform.demo.corpora.element_facts import MEASURES, Row, prose_of
from doyen_platform.demo.corpora.packages import origin_of

_ROWS = """
    SELECT e.*, s.name AS series, g.name AS group_name, p.melting_point, p.boiling_point, p.critical_temperature,
           p.is_sublimation_point, p.allotrope, i.ionization_energy
    FROM elements e
    LEFT JOIN series s ON s.id = e.series_id
    LEFT JOIN groups g ON g.group_id = e.group_id
    LEFT JOIN phasetransitions p ON p.id = (SELECT MIN(id) FROM phasetransitions WHERE atomic_number = e.atomic_number)
    LEFT JOIN ionizationenergies i ON i.atomic_number = e.atomic_number AND i.ion_charge = 0
    ORDER BY e.atomic_number
"""
_MAIN_STATES = """
    SELECT atomic_number, oxidation_state FROM oxidationstates WHERE category = 'main' ORDER BY oxidation_state DESC
"""


def corpus() -> Corpus:
    """Raises ModuleNotFoundError when the package is not installed."""
    spec = find_spec("mendeleev")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'mendeleev'", name="mendeleev")
    rows, oxidation = _read(spec.submodule_search_locations[0])
    documents = [
        *(_element(row, oxidation.get(row["atomic_number"], [])) for row in rows),
        *_families(rows),
        *_rankings(rows),
    ]
    return Corpus(
        "chemistry",
        "The chemical elements",
        "The chemical elements and the periodic table: symbols, atomic weights, melting and boiling points, densities, "
        "discovery, uses, oxidation states, electronegativity, groups and periods.",
        "MIT",
        origin_of(["mendeleev"]),
        tuple(within_budget(documents, chunks=340)),
    )


def _read(folder: str) -> tuple[list[Row], dict[int, list[int]]]:
    path = Path(folder) / "elements.db"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        rows: list[Row] = [dict(row) for row in connection.execute(_ROWS)]
        states: dict[int, list[int]] = {}
        for number, state in connection.execute(_MAIN_STATES):
            states.setdefault(number, []).append(state)
    return rows, states


def _element(row: Row, oxidation_states: list[int]) -> CorpusDocument:
    text, topics = prose_of(row, oxidation_states)
    return CorpusDocument(
        id=f"element-{row['symbol']}",
        title=f"{row['name']} ({row['symbol']})",
        text=text,
        source=f"mendeleev:elements/{row['symbol']}",
        summary=re.split(r"(?<=[a-z)]\.)\s", str(row["description"] or ""))[0]
        or f"{row['name']} is a chemical element.",
        kind="element",
        names=(row["name"], row["symbol"]),
        topics=tuple(topics),
    )


def _families(rows: list[Row]) -> Iterator[CorpusDocument]:
    for column, what in (("series", "series"), ("group_id", "group"), ("period", "period"), ("block", "block")):
        for value in dict.fromkeys(row[column] for row in rows if row[column] is not None):
            members = [row for row in rows if row[column] == value]
            group_name = members[0]["group_name"] if what == "group" else ""
            name = str(value) if what == "series" else f"{what} {value}" + (f" ({group_name})" if group_name else "")
            listed = ", ".join(f"{row['name']} ({row['symbol']}, {row['atomic_number']})" for row in members[:40])
            lines = [
                f"The {name.lower() if what == 'series' else name} of the periodic table has {len(members)} elements: "
                f"{listed}."
            ]
            lines += _extremes(members)
            yield CorpusDocument(
                id=f"family-{what}-{value}",
                title=f"{name[0].upper()}{name[1:]} of the periodic table",
                text="\n\n".join(lines),
                source=f"mendeleev:{what}/{value}",
                summary=f"Which elements belong to {name.lower()}?",
                kind="property",
                names=tuple(one for one in (name, group_name) if one),
                topics=tuple(row["name"] for row in members[:8]),
            )


def _extremes(members: list[Row]) -> list[str]:
    lines = []
    for column in ("melting_point", "density", "en_pauling"):
        known = sorted((row for row in members if row[column] is not None), key=lambda row: row[column])
        if len(known) > 1:
            noun = MEASURES[column].noun
            lines.append(f"Of them {known[0]['name']} has the lowest {noun} and {known[-1]['name']} the highest.")
    return lines


def _rankings(rows: list[Row]) -> Iterator[CorpusDocument]:
    for column, measure in MEASURES.items():
        known = sorted((row for row in rows if row[column] is not None), key=lambda row: row[column])
        if len(known) < 20:
            continue
        low = ", ".join(f"{row['name']} ({measure.shown(row[column])})" for row in known[:8])
        high = ", ".join(f"{row['name']} ({measure.shown(row[column])})" for row in reversed(known[-8:]))
        yield CorpusDocument(
            id=f"property-{column}",
            title=f"Elements by {measure.noun}",
            text=f"{measure.meaning}\n\nThe elements with the highest {measure.noun}: {high}.\n\n"
            f"The elements with the lowest {measure.noun}: {low}.",
            source=f"mendeleev:property/{column}",
            summary=f"Which chemical elements have the highest and the lowest {measure.noun}?",
            kind="property",
            names=(measure.noun,),
            topics=(f"highest {measure.noun}", f"lowest {measure.noun}"),
        )
