"""The router: who should answer. Usable alone, without a server:

>>> from doyen_router import Example, Policy, decide, features, fit_gate, load_encoder, snapshot_of
>>> encoder = load_encoder()
>>> texts = {"billing": ["refund my order", "where is my invoice"], "weather": ["will it rain", "is it cold today"]}
>>> gate = fit_gate([Example(text, expert) for expert in texts for text in texts[expert]], encoder)
>>> decide(gate, features(encoder, ["I want my money back"])[0], snapshot_of(gate), Policy()).experts
['billing']
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from doyen_router.conversation import Reading, Turn, read
    from doyen_router.encoder.contract import Encoder, Vector, truncates
    from doyen_router.encoder.export import export_encoder
    from doyen_router.encoder.microbatch import BatchedEncoder
    from doyen_router.encoder.onnx import OnnxEncoder
    from doyen_router.encoder.packaged import packaged_encoder
    from doyen_router.encoder.sentence_transformer import load_encoder
    from doyen_router.encoder.tuning import tune_encoder
    from doyen_router.gate.artifact import load_gate, save_gate
    from doyen_router.gate.balance import LoadBalancer
    from doyen_router.gate.card import GateCard
    from doyen_router.gate.confusion import Confusion
    from doyen_router.gate.decide import decide, pin, snapshot_of
    from doyen_router.gate.decision import (
        Arm,
        Candidate,
        Choice,
        Conditions,
        Exploration,
        Load,
        Policy,
        RouteReason,
        Snapshot,
    )
    from doyen_router.gate.evaluation import Evaluation, evaluate
    from doyen_router.gate.examples import Example, read_examples, read_texts
    from doyen_router.gate.explanation import Explanation, explain
    from doyen_router.gate.gate import Gate
    from doyen_router.gate.imprint import add_expert
    from doyen_router.gate.members import empty_gate, remove_expert
    from doyen_router.gate.sketch import Sketch, sketched
    from doyen_router.gate.training import fit_gate
    from doyen_router.quality.artifact import load_quality, save_quality
    from doyen_router.quality.choice import QualityChoice, choose
    from doyen_router.quality.evaluation import evaluate_quality
    from doyen_router.quality.model import QualityModel
    from doyen_router.quality.rows import ScoredText, read_rows
    from doyen_router.quality.training import fit_quality
    from doyen_router.text_features import features

# Loaded when first used: the other parts import `doyen_router.errors`, and must not pay for ONNX Runtime with it.
_PLACES = {
    "doyen_router.conversation": ("Reading", "Turn", "read"),
    "doyen_router.encoder.contract": ("Encoder", "Vector", "truncates"),
    "doyen_router.encoder.export": ("export_encoder",),
    "doyen_router.encoder.tuning": ("tune_encoder",),
    "doyen_router.encoder.microbatch": ("BatchedEncoder",),
    "doyen_router.encoder.onnx": ("OnnxEncoder",),
    "doyen_router.encoder.packaged": ("packaged_encoder",),
    "doyen_router.encoder.sentence_transformer": ("load_encoder",),
    "doyen_router.text_features": ("features",),
    "doyen_router.gate.artifact": ("load_gate", "save_gate"),
    "doyen_router.gate.card": ("GateCard",),
    "doyen_router.gate.decide": ("decide", "pin", "snapshot_of"),
    "doyen_router.gate.decision": (
        "Arm",
        "Candidate",
        "Choice",
        "Conditions",
        "Exploration",
        "Load",
        "Policy",
        "RouteReason",
        "Snapshot",
    ),
    "doyen_router.gate.evaluation": ("Evaluation", "evaluate"),
    "doyen_router.gate.examples": ("Example", "read_examples", "read_texts"),
    "doyen_router.gate.gate": ("Gate",),
    "doyen_router.gate.members": ("empty_gate", "remove_expert"),
    "doyen_router.gate.confusion": ("Confusion",),
    "doyen_router.gate.explanation": ("Explanation", "explain"),
    "doyen_router.gate.imprint": ("add_expert",),
    "doyen_router.gate.sketch": ("Sketch", "sketched"),
    "doyen_router.gate.balance": ("LoadBalancer",),
    "doyen_router.gate.training": ("fit_gate",),
    "doyen_router.quality.artifact": ("load_quality", "save_quality"),
    "doyen_router.quality.choice": ("QualityChoice", "choose"),
    "doyen_router.quality.evaluation": ("evaluate_quality",),
    "doyen_router.quality.model": ("QualityModel",),
    "doyen_router.quality.rows": ("ScoredText", "read_rows"),
    "doyen_router.quality.training": ("fit_quality",),
}
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _PLACE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACE_OF[name]), name)


__all__ = [
    "Arm",
    "BatchedEncoder",
    "Candidate",
    "Choice",
    "Conditions",
    "Confusion",
    "Encoder",
    "Evaluation",
    "Example",
    "Explanation",
    "Exploration",
    "Gate",
    "GateCard",
    "Load",
    "LoadBalancer",
    "OnnxEncoder",
    "Policy",
    "QualityChoice",
    "QualityModel",
    "Reading",
    "RouteReason",
    "ScoredText",
    "Sketch",
    "Snapshot",
    "Turn",
    "Vector",
    "add_expert",
    "choose",
    "decide",
    "empty_gate",
    "evaluate",
    "evaluate_quality",
    "explain",
    "export_encoder",
    "features",
    "fit_gate",
    "fit_quality",
    "load_encoder",
    "load_gate",
    "load_quality",
    "packaged_encoder",
    "pin",
    "read",
    "read_examples",
    "read_rows",
    "read_texts",
    "remove_expert",
    "save_gate",
    "save_quality",
    "sketched",
    "snapshot_of",
    "truncates",
    "tune_encoder",
]
