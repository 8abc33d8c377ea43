"""Fixtures of the router's tests: the packaged encoder once, and a gate of three small domains."""

from __future__ import annotations

import pytest

from doyen_router import OnnxEncoder, packaged_encoder
from doyen_router.gate.examples import Example
from doyen_router.gate.gate import Gate
from doyen_router.gate.training import fit_gate

TEXTS = {
    "banking": [
        "transfer money to my savings account", "what is my account balance", "block my stolen credit card",
        "how do I pay my electricity bill", "why was I charged an overdraft fee", "interest rate on my loan",
        "freeze my bank account please", "order new checks for my account", "when is my credit card payment due",
        "report a fraudulent transaction on my card", "how much did I spend last month", "raise my credit limit",
    ],
    "cooking": [
        "how long do I boil an egg", "recipe for tomato soup", "what can I use instead of butter",
        "how many calories are in an apple", "suggest a dish with chicken and rice", "what temperature for roast beef",
        "how do I knead bread dough", "ingredients for pancakes", "how long does milk keep in the fridge",
        "how do I cook lentils", "what spices go with fish", "how do I make vanilla pudding",
    ],
    "travel": [
        "book a flight to Rome", "do I need a visa for Canada", "find me a hotel in Berlin",
        "how far is the airport from downtown", "what vaccines do I need for Kenya", "my luggage got lost",
        "is it safe to travel to Peru", "what plug do they use in England", "when does my plane board",
        "carry-on rules for the airline", "rent a car in Lisbon", "which sights should I see in Paris",
    ],
}  # fmt: skip


@pytest.fixture(scope="session")
def encoder() -> OnnxEncoder:
    return packaged_encoder()


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    return [Example(text, expert) for expert, texts in TEXTS.items() for text in texts]


@pytest.fixture(scope="session")
def gate(encoder: OnnxEncoder, examples: list[Example]) -> Gate:
    return fit_gate(examples, encoder)
