"""Scores of texts that were not trained on: the validation set, or examples held out in turn.

Legend: N held-out texts, F features, D dimensions of the encoder, E experts, S sampled references, K neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.gate.candidates import Trial, chosen_trial, trial
from doyen_router.gate.examples import Example
from doyen_router.gate.heads import HeadSpec
from doyen_router.gate.inside import NEIGHBOURS, InsideFeatures, energies, neighbourhood

Indexes = npt.NDArray[np.intp]

FOLDS = 5
# Below it every fold is held out in turn; above, one fold is enough to measure on.
FEW = 3000
OUTSIDERS = 12
# Texts of each expert that the gate keeps, and of all of them.
REFERENCES = 64
MOST_REFERENCES = 4096


@dataclass(frozen=True)
class Scored:
    """Texts with their experts' indexes and what a gate's rows make of them.

    `places_N` are their places among the examples, -1 for those of the validation set. `neighbours_NE` are the cosines
    to the nearest references of each expert.
    """

    features_NF: Vector
    labels_N: Indexes
    places_N: Indexes
    logits_NE: Vector
    nearness_NE: Vector
    neighbours_NEK: Vector

    def inside_features(self, among_E: npt.NDArray[np.bool_] | None = None) -> InsideFeatures:
        """As seen by the experts `among_E`, all of them when None."""
        kept = np.ones(self.logits_NE.shape[1], dtype=bool) if among_E is None else among_E
        nearest_NS = self.neighbours_NEK[:, kept].reshape(len(self.labels_N), int(kept.sum()) * NEIGHBOURS)
        return InsideFeatures(
            energies(self.logits_NE[:, kept]),
            self.nearness_NE[:, kept].max(axis=1).astype(np.float64),
            neighbourhood(nearest_NS),
        )

    def only(self, kept_N: npt.NDArray[np.bool_]) -> Scored:
        return Scored(
            self.features_NF[kept_N],
            self.labels_N[kept_N],
            self.places_N[kept_N],
            self.logits_NE[kept_N],
            self.nearness_NE[kept_N],
            self.neighbours_NEK[kept_N],
        )


@dataclass(frozen=True)
class HeldOut:
    """`seen` is a sample of what the first fold's rows were trained on: the same rows flatter it.

    `whole` is the head, when it was trained on every example. `losses` are those of the kinds of head.
    """

    experts: tuple[str, ...]
    spec: HeadSpec
    losses: dict[str, float]
    texts: Scored
    seen: Scored
    outside: Scored | None
    whole: Trial | None

    @property
    def outside_kind(self) -> str:
        return "outside" if self.outside is not None else "leave_one_expert_out"

    def inside_features(self) -> InsideFeatures:
        """Of texts in some domain; without outside texts, as seen without one other expert."""
        return self.texts.inside_features() if self.outside is not None else self._played(outsiders=False)

    def outside_features(self) -> InsideFeatures:
        """Of texts in no domain: those given, else each expert's own as seen without it."""
        return self.outside.inside_features() if self.outside is not None else self._played(outsiders=True)

    def _played(self, *, outsiders: bool) -> InsideFeatures:
        texts = self.texts
        present = [place for place in range(len(self.experts)) if (texts.labels_N == place).any()]
        parts = [
            texts.only((texts.labels_N == place) == outsiders).inside_features(np.arange(len(self.experts)) != place)
            for place in present[:: max(1, len(present) // OUTSIDERS)]
        ]
        return InsideFeatures(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def held_out_scores(
    examples: Sequence[Example],
    features_NF: Vector,
    dimensions: int,
    validation: Sequence[Example],
    validation_NF: Vector,
    outside_NF: Vector,
    *,
    seed: int,
    progress: Callable[[str, float], None],
) -> HeldOut:
    """At least two experts. Chooses the head on the first fold."""
    experts = sorted({example.expert for example in examples})
    index = {expert: place for place, expert in enumerate(experts)}
    label_N = np.array([index[example.expert] for example in examples], dtype=np.intp)
    folds: list[tuple[Indexes, Vector, Indexes, Indexes]] = []
    if validation:
        everything = np.arange(len(examples), dtype=np.intp)
        labels = np.array([index[example.expert] for example in validation], dtype=np.intp)
        folds.append((everything, validation_NF, labels, np.full(len(labels), -1)))
    else:
        fold_N = _folds(examples, seed)
        for fold in range(FOLDS if len(examples) < FEW else 1):
            kept, held = np.flatnonzero(fold_N != fold), np.flatnonzero(fold_N == fold)
            if len(held):
                folds.append((kept, features_NF[held], label_N[held], held))

    spec, losses, whole = HeadSpec(), dict[str, float](), None
    parts: list[Scored] = []
    seen: Scored | None = None
    outside: list[Scored] = []
    for step, (kept, held_NF, held_labels, held_places) in enumerate(folds):
        progress("measuring on held-out texts", step / len(folds))
        kept_examples, kept_NF = [examples[place] for place in kept.tolist()], features_NF[kept]
        if step == 0:
            trained, losses = chosen_trial(
                kept_examples,
                kept_NF,
                dimensions,
                held_NF,
                held_labels,
                seed=seed,
                progress=lambda share: progress("choosing the head", share),
            )
            progress("choosing the head", 1.0)
            spec, whole = trained.spec, trained if len(kept) == len(examples) else None
        else:
            trained = trial(spec, kept_examples, kept_NF, dimensions, seed=seed)
        sample = sampled(label_N, kept, seed)
        references_SD, of_S = features_NF[sample, :dimensions], label_N[sample]

        def scored(texts_NF: Vector, labels: Indexes, places: Indexes) -> Scored:
            logits_NE, nearness_NE = trained.gate.batch_scores(texts_NF)  # noqa: B023 - called in this turn of the loop
            nearest_NEK = _nearest(texts_NF[:, :dimensions], references_SD, of_S, len(experts))  # noqa: B023
            return Scored(texts_NF, labels, places, logits_NE, nearness_NE, nearest_NEK)

        parts.append(scored(held_NF, held_labels, held_places))
        if seen is None:
            seen = scored(features_NF[sample], of_S, sample)
        if len(outside_NF):
            nobody = np.full(len(outside_NF), -1, dtype=np.intp)
            outside.append(scored(outside_NF, nobody, nobody))
    progress("measuring on held-out texts", 1.0)
    texts = _joined(parts) if parts else _nothing(features_NF.shape[1], len(experts))
    return HeldOut(tuple(experts), spec, losses, texts, seen or texts, _joined(outside) if outside else None, whole)


def sampled(label_N: Indexes, among: Indexes, seed: int) -> Indexes:
    """At most `REFERENCES` of each expert's examples, expert by expert, and no more than `MOST_REFERENCES` in all."""
    random = np.random.default_rng(seed)
    labels = int(label_N.max()) + 1
    most = min(REFERENCES, max(8, MOST_REFERENCES // labels))
    parts: list[Indexes] = []
    for label in range(labels):
        members = among[label_N[among] == label]
        parts.append(np.sort(random.permutation(members)[:most]))
    return np.concatenate(parts)


def _nearest(vectors_ND: Vector, references_SD: Vector, of_S: Indexes, experts: int) -> Vector:
    """The cosines to the nearest references of each expert, (N, E, K); -1 where there are fewer."""
    nearest_NEK = np.full((len(vectors_ND), experts, NEIGHBOURS), -1, dtype=np.float32)
    cosines_NS = vectors_ND @ references_SD.T
    for expert in range(experts):
        own_NS = np.sort(cosines_NS[:, of_S == expert], axis=1)[:, ::-1][:, :NEIGHBOURS]
        nearest_NEK[:, expert, : own_NS.shape[1]] = own_NS
    return nearest_NEK


def _joined(parts: Sequence[Scored]) -> Scored:
    return Scored(
        np.concatenate([part.features_NF for part in parts]),
        np.concatenate([part.labels_N for part in parts]),
        np.concatenate([part.places_N for part in parts]),
        np.concatenate([part.logits_NE for part in parts]),
        np.concatenate([part.nearness_NE for part in parts]),
        np.concatenate([part.neighbours_NEK for part in parts]),
    )


def _nothing(features: int, experts: int) -> Scored:
    none, nobody = np.empty((0, experts), dtype=np.float32), np.empty(0, dtype=np.intp)
    nowhere = np.empty((0, experts, NEIGHBOURS), dtype=np.float32)
    return Scored(np.empty((0, features), dtype=np.float32), nobody, nobody, none, none, nowhere)


def _folds(examples: Sequence[Example], seed: int) -> Indexes:
    """The fold that holds each example out; -1 for an expert with a single group, which is always trained on."""
    random = np.random.default_rng(seed)
    groups: dict[str, dict[str, list[int]]] = {}
    for place, example in enumerate(examples):
        # Equal texts are one group, else the held-out ones would be known by heart.
        group = example.text if example.group is None else f"\0{example.group}"
        groups.setdefault(example.expert, {}).setdefault(group, []).append(place)
    fold_N = np.full(len(examples), -1, dtype=np.intp)
    for expert in sorted(groups):
        of_expert = list(groups[expert].values())
        if len(of_expert) < 2:
            continue
        for turn, place in enumerate(random.permutation(len(of_expert))):
            fold_N[of_expert[place]] = turn % FOLDS
    return fold_N
