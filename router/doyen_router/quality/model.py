"""Expected quality of each expert on a text. Immutable; it predicts, and knows neither load nor policies.

An expert's quality is a part that all experts share (how hard the text is) plus its own deviation. Both are weighted
sums over landmarks, which are texts of the training rows: kernel ridge regression. Experts that were fitted together
share a panel of landmarks; one that was added brings its own, so that it joins and leaves without moving the others.
Legend: N texts, D dimensions of the encoder, F numbers of the form, P = D + F, L landmarks, E experts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector
from doyen_router.errors import Invalid, NotFound
from doyen_router.quality.card import Kernel, QualityCard
from doyen_router.quality.form import NAMES, form

Floats = npt.NDArray[np.float32]

# Beyond this many deviations a form is just "far out", and would be unlike everything.
FARTHEST = 4.0


class QualityMalformed(Invalid):
    def __init__(self, reason: str) -> None:
        super().__init__(f"this is not a usable quality model: {reason}", param="quality")


class ExpertNotAppraised(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"the quality model knows no expert {name!r}")


class LastExpert(Invalid):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} is the only expert of the quality model; without it there is nothing left", param="name"
        )


@dataclass(frozen=True, slots=True, eq=False)
class FormScale:
    """Mean and deviation of each number of the form, over the training texts."""

    mean_F: Floats
    deviation_F: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    landmarks_LP: Floats
    weights_EL: Floats


def place(kernel: Kernel, scale: FormScale, text: str, vector_D: Vector) -> Floats:
    """Where a text lies, (P,): its meaning, then its form."""
    form_F = np.clip((form(text) - scale.mean_F) / scale.deviation_F, -FARTHEST, FARTHEST)
    share = np.float32(np.sqrt(kernel.form_share / len(form_F)))
    return np.concatenate([vector_D, share * form_F]).astype(np.float32, copy=False)


def places(kernel: Kernel, scale: FormScale, texts: Sequence[str], vectors_ND: Vector) -> Floats:
    if not texts:
        return np.empty((0, vectors_ND.shape[1] + len(NAMES)), np.float32)
    return np.stack([place(kernel, scale, text, vector) for text, vector in zip(texts, vectors_ND, strict=True)])


def likeness(kernel: Kernel, left_NP: Floats, right_LP: Floats) -> Floats:
    """(N, L), in (0, 1]."""
    squared_NL = -2 * left_NP @ right_LP.T
    squared_NL += np.vecdot(left_NP, left_NP)[:, None]
    squared_NL += np.vecdot(right_LP, right_LP)
    np.maximum(squared_NL, 0, out=squared_NL)
    np.sqrt(squared_NL, out=squared_NL)
    squared_NL *= np.float32(-kernel.sharpness)
    likeness_NL: Floats = np.exp(squared_NL, out=squared_NL)
    return likeness_NL


@dataclass(frozen=True, eq=False)
class QualityModel:
    card: QualityCard
    scale: FormScale
    common_L: Floats
    panels: tuple[Panel, ...]
    experts: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "experts", tuple(name for panel in self.card.panels for name in panel))
        _check(self)
        for tensor in self.tensors.values():
            tensor.flags.writeable = False

    @property
    def tensors(self) -> dict[str, Floats]:
        named = {
            "form_mean_F": self.scale.mean_F,
            "form_deviation_F": self.scale.deviation_F,
            "common_L": self.common_L,
        }
        for number, panel in enumerate(self.panels):
            named[f"panel{number}.landmarks_LP"] = panel.landmarks_LP
            named[f"panel{number}.weights_EL"] = panel.weights_EL
        return named

    @cached_property
    def version(self) -> str:
        """SHA-256 of tensors and card, without the card's `created`: the same training gives the same version."""
        digest = hashlib.sha256(self.card.model_dump_json(exclude={"created"}).encode())
        for name, tensor in self.tensors.items():
            digest.update(f"{name} {tensor.dtype} {tensor.shape}".encode())
            digest.update(np.ascontiguousarray(tensor).data)
        return digest.hexdigest()

    @cached_property
    def _squares(self) -> tuple[Floats, ...]:
        return tuple(np.vecdot(panel.landmarks_LP, panel.landmarks_LP) for panel in self.panels)

    @cached_property
    def _levels(self) -> Floats:
        return np.array([self.card.experts[name].level for name in self.experts], np.float32)

    def qualities(self, text: str, vector_D: Vector) -> Floats:
        """Expected score of each expert, (E,). Not clipped: far from all landmarks it may leave [0, 1] by a little."""
        here_P = place(self.card.kernel, self.scale, text, vector_D)
        square = np.vecdot(here_P, here_P)
        shared = np.float32(0)
        deviations: list[Floats] = []
        for number, (panel, squares_L) in enumerate(zip(self.panels, self._squares, strict=True)):
            # vecdot makes one dot product a row, the same number whatever lies beside it; a matrix product does not.
            squared_L = squares_L - 2 * np.vecdot(panel.landmarks_LP, here_P) + square
            likeness_L = np.exp(np.float32(-self.card.kernel.sharpness) * np.sqrt(np.maximum(squared_L, 0)))
            if number == 0:
                shared = np.vecdot(self.common_L, likeness_L)
            deviations.append(np.vecdot(panel.weights_EL, likeness_L))
        quality_E: Floats = (shared + np.concatenate(deviations) + self._levels).astype(np.float32, copy=False)
        return quality_E

    def batch_qualities(self, texts: Sequence[str], vectors_ND: Vector) -> Floats:
        """(N, E); equal to `qualities` but for rounding."""
        here_NP = places(self.card.kernel, self.scale, texts, vectors_ND)
        shared_N1 = likeness(self.card.kernel, here_NP, self.panels[0].landmarks_LP) @ self.common_L[:, None]
        deviations_NE = np.concatenate(
            [likeness(self.card.kernel, here_NP, panel.landmarks_LP) @ panel.weights_EL.T for panel in self.panels],
            axis=1,
        )
        quality_NE: Floats = (shared_N1 + deviations_NE + self._levels).astype(np.float32, copy=False)
        return quality_NE

    def costs_usd(self, text: str) -> npt.NDArray[np.float64]:
        """Expected cost of each expert, (E,)."""
        return np.array([self.card.experts[name].prices.cost_usd(len(text)) for name in self.experts])


def remove_expert(model: QualityModel, name: str) -> QualityModel:
    """The others keep their qualities to the last bit. The first panel stays, even empty: it has the shared part."""
    if name not in model.experts:
        raise ExpertNotAppraised(name)
    if len(model.experts) == 1:
        raise LastExpert(name)
    panels: list[Panel] = []
    names: list[tuple[str, ...]] = []
    for number, (panel, experts) in enumerate(zip(model.panels, model.card.panels, strict=True)):
        kept = [index for index, expert in enumerate(experts) if expert != name]
        if kept or number == 0:
            panels.append(Panel(panel.landmarks_LP, panel.weights_EL[kept]))
            names.append(tuple(experts[index] for index in kept))
    facts = {expert: of for expert, of in model.card.experts.items() if expert != name}
    update = {"created": datetime.now(UTC), "parent": model.version, "panels": tuple(names), "experts": facts}
    return QualityModel(model.card.model_copy(update=update), model.scale, model.common_L, tuple(panels))


def _check(model: QualityModel) -> None:
    card = model.card
    if sorted(model.experts) != sorted(card.experts):
        raise QualityMalformed("its panels and its facts name different experts")
    if card.form != NAMES:
        raise QualityMalformed("it reads a text's form in another way than this version")
    if not card.experts or len(model.panels) != len(card.panels):
        raise QualityMalformed("it has no experts, or not the panels that its card promises")
    width = card.encoder_dimensions + len(NAMES)
    expected: dict[str, tuple[int, ...]] = {"form_mean_F": (len(NAMES),), "form_deviation_F": (len(NAMES),)}
    expected["common_L"] = (len(model.panels[0].landmarks_LP),)
    for number, names in enumerate(card.panels):
        landmarks = len(model.panels[number].landmarks_LP)
        expected[f"panel{number}.landmarks_LP"] = (landmarks, width)
        expected[f"panel{number}.weights_EL"] = (len(names), landmarks)
    for name, tensor in model.tensors.items():
        if tensor.dtype != np.float32 or tensor.shape != expected[name]:
            raise QualityMalformed(
                f"{name} is {tensor.dtype} {tensor.shape}, its card promises float32 {expected[name]}"
            )
        if not np.isfinite(tensor).all():
            raise QualityMalformed(f"{name} has values that are not finite")
    if (model.scale.deviation_F <= 0).any():
        raise QualityMalformed("form_deviation_F must be positive")
