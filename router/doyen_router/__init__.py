"""The router: who should answer. Usable alone, without a server:

>>> from doyen_router import Example, Policy, decide, fit_gate, load_encoder, snapshot_of
>>> encoder = load_encoder()
>>> texts = {"billing": ["refund my order", "where is my invoice"], "weather": ["will it rain", "is it cold today"]}
>>> gate = fit_gate([Example(text, expert) for expert in texts for text in texts[expert]], encoder)
>>> decide(gate, encoder.encode(["I want my money back"])[0], snapshot_of(gate), Policy()).experts
['billing']
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from doyen_router.encoder.contract import Encoder, Vector
    from doyen_router.encoder.microbatch import BatchedEncoder
    from doyen_router.encoder.onnx import OnnxEncoder
    from doyen_router.encoder.packaged import packaged_encoder
    from doyen_router.encoder.sentence_transformer import load_encoder
    from doyen_router.gate.artifact import load_gate, save_gate
    from doyen_router.gate.card import GateCard
    from doyen_router.gate.decide import decide, pin, snapshot_of
    from doyen_router.gate.decision import Candidate, Choice, Policy, RouteReason, Snapshot
    from doyen_router.gate.evaluation import Evaluation, evaluate
    from doyen_router.gate.examples import Example, read_examples, read_texts
    from doyen_router.gate.gate import Gate, empty_gate, remove_expert
    from doyen_router.gate.imprint import Confusion, add_expert
    from doyen_router.gate.training import fit_gate

# Loaded when first used: the other parts import `doyen_router.errors`, and must not pay for ONNX Runtime with it.
_PLACES = {
    "doyen_router.encoder.contract": ("Encoder", "Vector"),
    "doyen_router.encoder.microbatch": ("BatchedEncoder",),
    "doyen_router.encoder.onnx": ("OnnxEncoder",),
    "doyen_router.encoder.packaged": ("packaged_encoder",),
    "doyen_router.encoder.sentence_transformer": ("load_encoder",),
    "doyen_router.gate.artifact": ("load_gate", "save_gate"),
    "doyen_router.gate.card": ("GateCard",),
    "doyen_router.gate.decide": ("decide", "pin", "snapshot_of"),
    "doyen_router.gate.decision": ("Candidate", "Choice", "Policy", "RouteReason", "Snapshot"),
    "doyen_router.gate.evaluation": ("Evaluation", "evaluate"),
    "doyen_router.gate.examples": ("Example", "read_examples", "read_texts"),
    "doyen_router.gate.gate": ("Gate", "empty_gate", "remove_expert"),
    "doyen_router.gate.imprint": ("Confusion", "add_expert"),
    "doyen_router.gate.training": ("fit_gate",),
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _PLACE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACE_OF[name]), name)


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
