"""How one element's numbers become sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]  # Any: a row of SQLite


@dataclass(frozen=True, slots=True)
class Measure:
    noun: str
    unit: str
    meaning: str

    def shown(self, value: float) -> str:
        number = f"{value:,.4g}".replace(",", "") if abs(value) < 1e6 else f"{value:.3g}"
        text = f"{number} {self.unit}".strip()
        return f"{text} ({value - 273.15:.1f} °C)" if self.unit == "K" else text


MEASURES: Mapping[str, Measure] = {
    "melting_point": Measure(
        "melting point", "K", "The melting point is the temperature at which the solid becomes liquid."
    ),
    "boiling_point": Measure(
        "boiling point", "K", "The boiling point is the temperature at which the liquid becomes gas."
    ),
    "density": Measure("density", "g/cm³", "The density is mass per volume, here near room temperature."),
    "atomic_weight": Measure("atomic weight", "Da", "The atomic weight is the mean mass of an atom over the isotopes."),
    "en_pauling": Measure(
        "electronegativity",
        "(Pauling)",
        "Electronegativity says how strongly an atom attracts the electrons of a bond.",
    ),
    "ionization_energy": Measure(
        "first ionization energy", "eV", "The first ionization energy removes one electron from the neutral atom."
    ),
    "electron_affinity": Measure(
        "electron affinity", "eV", "The electron affinity is released when a neutral atom takes up an electron."
    ),
    "atomic_radius": Measure("atomic radius", "pm", "The atomic radius is a measure of the size of an atom."),
    "vdw_radius": Measure(
        "van der Waals radius", "pm", "The van der Waals radius is half the distance of atoms that do not bond."
    ),
    "thermal_conductivity": Measure(
        "thermal conductivity", "W/(m K)", "The thermal conductivity says how well heat flows through the element."
    ),
    "specific_heat_capacity": Measure(
        "specific heat capacity", "J/(g K)", "The specific heat capacity is the heat that warms one gram by one kelvin."
    ),
    "evaporation_heat": Measure(
        "heat of evaporation", "kJ/mol", "The heat of evaporation turns one mole of liquid into gas."
    ),
    "fusion_heat": Measure("heat of fusion", "kJ/mol", "The heat of fusion melts one mole of the solid."),
    "abundance_crust": Measure(
        "abundance in the Earth's crust", "mg/kg", "How common the element is in the Earth's crust."
    ),
    "abundance_sea": Measure("abundance in sea water", "mg/L", "How common the element is in the oceans."),
    "price_per_kg": Measure("price", "USD/kg", "What a kilogram of the element costs, roughly."),
    "relative_supply_risk": Measure(
        "supply risk", "of 10", "How much the supply of the element is at risk, from 1 to 10."
    ),
    "discovery_year": Measure("year of discovery", "", "When the element was discovered."),
}


def prose_of(row: Row, oxidation_states: list[int]) -> tuple[str, list[str]]:
    """The text, and the nouns of what it tells."""
    name = row["name"]
    place = (
        f"period {row['period']}"
        + (f", group {row['group_id']}" if row["group_id"] else "")
        + f", {row['block']}-block"
    )
    parts = [
        f"{name} (symbol {row['symbol']}) is the chemical element with atomic number {row['atomic_number']}.",
        row["description"],
    ]
    topics = ["symbol", "atomic number"]
    family = (row["series"] or "").removesuffix("s").replace("gase", "gas").lower()
    parts.append(
        f"It stands in {place} of the periodic table"
        + (f" and is {'an' if family[:1] in 'ai' else 'a'} {family}." if family else ".")
    )
    for column, noun, sentence in (
        ("uses", "uses", "Uses: {}"),
        ("sources", "sources", "Sources: {}"),
        ("name_origin", "origin of the name", "Origin of the name: {}"),
        ("discoverers", "discoverer", "Discovered by: {}"),
    ):
        if row[column]:
            parts.append(sentence.format(str(row[column]).strip()))
            topics.append(noun)
    if row["discovery_year"] and row["discovery_location"]:
        parts.append(f"It was discovered in {row['discovery_year']} in {row['discovery_location']}.")
    facts = []
    for column, measure in MEASURES.items():
        if row[column] is not None and column != "discovery_year":
            how = "sublimation point" if column == "boiling_point" and row["is_sublimation_point"] else measure.noun
            form = f" (as {row['allotrope']})" if measure.unit == "K" and row["allotrope"] else ""
            facts.append(f"The {how} of {name}{form} is {measure.shown(row[column])}.")
            topics.append(measure.noun)
    if row["electronic_configuration"]:
        facts.append(f"Its electron configuration is {row['electronic_configuration']}.")
        topics.append("electron configuration")
    if oxidation_states:
        facts.append(f"Its main oxidation states are {', '.join(f'{state:+d}' for state in oxidation_states)}.")
        topics.append("oxidation states")
    facts.append(f"{name} is {'' if row['is_radioactive'] else 'not '}radioactive.")
    return "\n\n".join([*(str(part) for part in parts if part), " ".join(facts)]), topics
