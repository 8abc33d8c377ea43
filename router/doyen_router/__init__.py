"""The router: who should answer. Usable alone, without a server:

>>> from doyen_router import Example, Policy, decide, fit_gate, load_encoder, snapshot_of
>>> encoder = load_encoder()
>>> texts = {"billing": ["refund my order", "where is my invoice"], "weather": ["will it rain", "is it cold today"]}
>>> gate = fit_gate([Example(text, expert) for expert in texts for text in texts[expert]], encoder)
>>> decide(gate, encoder.encode(["I want my money back"])[0], snapshot_of(gate), Policy()).experts
['billing']
"""

from doyen_router.encoder import BatchedEncoder, Encoder, OnnxEncoder, Vector, load_encoder, packaged_encoder
from doyen_router.gate.artifact import load_gate, save_gate
from doyen_router.gate.card import GateCard
from doyen_router.gate.decide import decide, pin, snapshot_of
from doyen_router.gate.decision import Candidate, Choice, Policy, RouteReason, Snapshot
from doyen_router.gate.evaluation import Evaluation, evaluate
from doyen_router.gate.examples import Example, read_examples, read_texts
from doyen_router.gate.gate import Gate, empty_gate, remove_expert
from doyen_router.gate.imprint import Confusion, add_expert
from doyen_router.gate.training import fit_gate

__all__ = [
    "BatchedEncoder",
    "Candidate",
    "Choice",
    "Confusion",
    "Encoder",
    "Evaluation",
    "Example",
    "Gate",
    "GateCard",
    "OnnxEncoder",
    "Policy",
    "RouteReason",
    "Snapshot",
    "Vector",
    "add_expert",
    "decide",
    "empty_gate",
    "evaluate",
    "fit_gate",
    "load_encoder",
    "load_gate",
    "packaged_encoder",
    "pin",
    "read_examples",
    "read_texts",
    "remove_expert",
    "save_gate",
    "snapshot_of",
]
