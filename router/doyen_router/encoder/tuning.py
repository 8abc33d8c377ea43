"""Tuning an encoder on labelled texts: trained, exported, and compared with the base before anybody uses it.

The examples fall into three parts that never mix: those tuned on, those that choose the epoch (and calibrate the
gates), and those that only the comparison sees. Legend: N texts.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.artifact import (
    EncoderArtifactInvalid,
    EncoderCard,
    EpochFigures,
    GateFigures,
    Tuning,
    load_artifact,
    new_draft,
    write_artifact,
)
from doyen_router.encoder.contract import Encoder
from doyen_router.encoder.contrastive import LabelledTexts, train
from doyen_router.encoder.encoding import Progress
from doyen_router.encoder.export import Wanted, export_encoder
from doyen_router.encoder.parity import parity_texts, similarity_kept
from doyen_router.encoder.sentence_transformer import open_sentence_transformer
from doyen_router.errors import Invalid
from doyen_router.gate.decide import decide, snapshot_of
from doyen_router.gate.decision import Policy
from doyen_router.gate.evaluation import evaluate
from doyen_router.gate.examples import Example, data_facts
from doyen_router.gate.training import encoded_features, fit_gate

EPOCHS = 6
HELD_OUT_SHARE = 0.15
CHOICE_SHARE = 0.1
# Standard deviations of a coin's tosses: chance alone reaches it once in twenty times.
CLEARLY = 1.64
# How much worse outside texts may be told apart, as AUROC, before more accuracy no longer counts.
BEARABLE_AUROC_LOSS = 0.005


class TooLittleToTune(Invalid):
    def __init__(self, reason: str) -> None:
        super().__init__(f"an encoder cannot be tuned on these examples: {reason}", param="examples")


@dataclass(frozen=True)
class Parts:
    tuning: list[Example]
    choice: list[Example]
    held_out: list[Example]


def tune_encoder(
    base: Path,
    examples: Sequence[Example],
    output: Path,
    *,
    validation: Sequence[Example] | None = None,
    outside: Sequence[str] = (),
    epochs: int = EPOCHS,
    seed: int = 0,
    threads: int = 1,
    precision: Wanted = "auto",
    min_cosine: float = 0.99,
    weights: Path | None = None,
    progress: Progress | None = None,
    epoch_done: Callable[[EpochFigures], None] | None = None,
) -> EncoderCard:
    """Writes the artifact whatever comes out; `card.tuning.recommended` says whether it is better than the base.

    Better means: a gate on its vectors is right on clearly more of the held-out texts (`validation`, when given), and
    tells `outside` texts as well as before. `weights` keeps the tuned sentence-transformers folder too.
    """
    told = progress or (lambda _stage, _share: None)
    parts = split(examples, validation, seed=seed)
    if weights is not None and weights.exists():
        raise EncoderArtifactInvalid(weights, "it exists already, and the tuned weights would replace it")
    workshop = new_draft(output)
    try:
        told("exporting the base", 0.0)
        export_encoder(base, workshop / "base", precision=precision, min_cosine=min_cosine)
        before = load_artifact(workshop / "base", threads=threads)
        told("exporting the base", 1.0)

        model = open_sentence_transformer(base, threads=threads)
        classes = sorted({_class_of(example) for example in parts.tuning})
        figures, chosen = train(
            model,
            _labelled(parts.tuning, classes),
            _labelled(parts.choice, classes),
            epochs=epochs,
            seed=seed,
            progress=told,
            epoch_done=epoch_done or (lambda _figures: None),
        )
        model.save(str(workshop / "weights"), create_model_card=False)
        card = export_encoder(workshop / "weights", workshop / "tuned", precision=precision, min_cosine=min_cosine)
        after = load_artifact(workshop / "tuned", threads=threads)

        old, old_right_N = _measured(parts, before, outside, seed, told, "base")
        new, new_right_N = _measured(parts, after, outside, seed, told, "tuned")
        gained, lost = int((new_right_N & ~old_right_N).sum()), int((old_right_N & ~new_right_N).sum())
        facts = data_facts(examples)
        tuning = Tuning(
            base_identity=before.identity,
            examples=facts.count,
            examples_sha256=facts.sha256,
            classes=len(classes),
            seed=seed,
            epochs=tuple(figures),
            chosen_epoch=chosen,
            held_out=len(parts.held_out),
            before=old,
            after=new,
            newly_right=gained,
            newly_wrong=lost,
            similarity_kept=similarity_kept(before.encode(parity_texts()), after.encode(parity_texts())),
            recommended=is_better(old, new, gained=gained, lost=lost),
        )
        if weights is not None:
            shutil.copytree(workshop / "weights", weights)
        card = card.model_copy(update={"tuning": tuning})
        write_artifact(workshop / "tuned", card, output)
        return card
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def split(examples: Sequence[Example], validation: Sequence[Example] | None = None, *, seed: int) -> Parts:
    """By class, and by group (equal texts are one): each class keeps texts to tune on. Raises `TooLittleToTune`."""
    random = np.random.default_rng(seed)
    groups: dict[str, dict[str, list[Example]]] = {}
    for example in examples:
        group = example.text if example.group is None else f"\0{example.group}"
        groups.setdefault(_class_of(example), {}).setdefault(group, []).append(example)
    if len(groups) < 2:
        raise TooLittleToTune("they are all of one class")
    parts = Parts([], [], list(validation or ()))
    for name in sorted(groups):
        of_class = list(groups[name].values())
        held_out = 0 if validation else _share_of(len(of_class), HELD_OUT_SHARE, random)
        choice = _share_of(len(of_class), CHOICE_SHARE, random)
        for turn, place in enumerate(random.permutation(len(of_class))):
            part = parts.held_out if turn < held_out else parts.choice if turn < held_out + choice else parts.tuning
            part += of_class[place]
    for what, part in (("to choose the epoch by", parts.choice), ("to compare on", parts.held_out)):
        if not part:
            raise TooLittleToTune(f"{len(examples)} of {len(groups)} classes leave none {what}")
    strange = sorted({example.expert for example in parts.held_out} - {example.expert for example in examples})
    if strange:
        raise TooLittleToTune(f"validation has experts that they lack: {', '.join(map(repr, strange))}")
    return parts


def is_better(before: GateFigures, after: GateFigures, *, gained: int, lost: int) -> bool:
    """Clearly more texts right than wrong anew (McNemar's sign test), and outside texts told as well."""
    told_worse = (
        before.outside_auroc is not None
        and after.outside_auroc is not None
        and after.outside_auroc < before.outside_auroc - BEARABLE_AUROC_LOSS
    )
    return not told_worse and gained - lost > CLEARLY * math.sqrt(gained + lost)


def _share_of(count: int, share: float, random: np.random.Generator) -> int:
    """Rounded up or down by chance, so that small classes are held out in proportion; the last two always stay."""
    wanted = int(count * share + random.random())
    return max(0, min(wanted, (count - 2) // 2))


def _class_of(example: Example) -> str:
    # Fine labels of two experts may have one name.
    return example.expert if example.fine is None else f"{example.expert}\0{example.fine}"


def _labelled(examples: Sequence[Example], classes: Sequence[str]) -> LabelledTexts:
    places = {name: place for place, name in enumerate(classes)}
    class_N = np.array([places[_class_of(example)] for example in examples], dtype=np.intp)
    return LabelledTexts([example.text for example in examples], class_N)


def _measured(
    parts: Parts, encoder: Encoder, outside: Sequence[str], seed: int, told: Progress, name: str
) -> tuple[GateFigures, npt.NDArray[np.bool_]]:
    """Figures on the held-out texts, and which of them the gate has right."""

    def prefixed(stage: str, share: float) -> None:
        told(f"{name}: {stage}", share)

    # Calibrated on texts that the encoder was not tuned on: those tuned on would make any gate too sure.
    gate = fit_gate(parts.tuning, encoder, validation=parts.choice, seed=seed, progress=prefixed)
    report = evaluate(gate, encoder, parts.held_out, outside, progress=prefixed)
    vectors_ND = encoded_features(
        encoder, [example.text for example in parts.held_out], prefixed, "comparing held-out texts"
    )
    figures = GateFigures(
        accuracy=report["accuracy"],
        macro_f1=report["macro_f1"],
        ece=report["ece"],
        outside_auroc=report["outside"]["auroc"] if report["outside"] else None,
    )
    snapshot, policy = snapshot_of(gate), Policy()
    right: list[bool] = []
    for vector_D, example in zip(vectors_ND, parts.held_out, strict=True):
        shares = decide(gate, vector_D, snapshot, policy).probabilities
        right.append(max(shares, key=lambda expert: shares[expert]) == example.expert)
    return figures, np.array(right)
