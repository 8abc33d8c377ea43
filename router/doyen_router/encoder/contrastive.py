"""Contrastive training: texts of one class come closer, those of others go apart. It knows no gate and writes no file.

The loss is the supervised contrastive one (Khosla et al. 2020, arXiv:2004.11362, L_out) within a batch, plus a softmax
over one learned direction a class: the first shapes the classes of a batch, the second keeps all classes in view.
Legend: N texts, B texts of a batch, D dimensions, C classes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.artifact import EpochFigures
from doyen_router.encoder.contract import Vector
from doyen_router.encoder.sentence_transformer import default_prompt

Indexes = npt.NDArray[np.intp]

BATCH = 128
# Texts of one class that travel together: with fewer there is little to pull on, with more few classes to tell apart.
TOGETHER = 4
LEARNING_RATE = 1.5e-4
# Each layer learns more slowly than the one above it: what lies deep is what other domains need too.
LAYER_DECAY = 0.85
DIRECTION_LEARNING_RATE = 1e-3
WARM_UP_SHARE = 0.1
TEMPERATURE = 0.07
DIRECTION_SCALE = 20.0
SMOOTHING = 0.1
LARGEST_GRADIENT = 1.0
# Texts a class whose mean stands for it when an epoch is measured.
MEAN_OF = 32
ENCODED_AT_ONCE = 128


@dataclass(frozen=True)
class LabelledTexts:
    texts: list[str]
    class_N: Indexes


def train(
    model: Any,  # Any: sentence-transformers is untyped
    tuning: LabelledTexts,
    choice: LabelledTexts,
    *,
    epochs: int,
    seed: int,
    progress: Callable[[str, float], None],
    epoch_done: Callable[[EpochFigures], None],
    learning_rate: float = LEARNING_RATE,
) -> tuple[list[EpochFigures], int]:
    """Leaves `model` as after the epoch that is best on `choice`, and returns all epochs' figures and that epoch.

    Epoch 0 is the untrained model; where no epoch is better, the model stays what it was. Deterministic by seed on one
    machine.
    """
    import torch

    random = np.random.default_rng(seed)
    directions_CD = torch.nn.Parameter(torch.tensor(_class_means(model, tuning)))
    optimiser = torch.optim.AdamW(
        [
            *_groups(model, learning_rate),
            {"params": [directions_CD], "lr": DIRECTION_LEARNING_RATE, "weight_decay": 0.0},
        ]
    )
    steps = epochs * sum(1 for _ in _batches(tuning.class_N, np.random.default_rng(seed)))
    warm_up = max(1, round(WARM_UP_SHARE * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm_up, max(0.0, (steps - step) / max(1, steps - warm_up)))
    )
    figures = [EpochFigures(epoch=0, loss=0.0, choice_accuracy=_accuracy(model, tuning, choice), seconds=0.0)]
    best, best_weights = 0, _weights(model)
    done = 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for epoch in range(1, epochs + 1):
            started = time.monotonic()
            losses: list[float] = []
            model.train()
            for batch in _batches(tuning.class_N, random):
                vectors_BD = _embedded(model, [tuning.texts[int(place)] for place in batch])
                loss = _loss(vectors_BD, torch.tensor(tuning.class_N[batch]), directions_CD)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT)
                optimiser.step()
                schedule.step()
                optimiser.zero_grad()
                losses.append(loss.item())
                done += 1
                progress("tuning", done / steps)
            seconds = time.monotonic() - started
            accuracy = _accuracy(model, tuning, choice)
            figures.append(
                EpochFigures(epoch=epoch, loss=float(np.mean(losses)), choice_accuracy=accuracy, seconds=seconds)
            )
            epoch_done(figures[-1])
            if accuracy > figures[best].choice_accuracy:
                best, best_weights = epoch, _weights(model)
    model.load_state_dict(best_weights)
    model.eval()
    return figures, best


def _batches(class_N: Indexes, random: np.random.Generator) -> Iterator[Indexes]:
    """Every text once, in random groups of one class."""
    groups: list[Indexes] = []
    for label in range(int(class_N.max()) + 1):
        members = random.permutation(np.flatnonzero(class_N == label))
        groups += [members[start : start + TOGETHER] for start in range(0, len(members), TOGETHER)]
    order = random.permutation(len(groups))
    a_batch = BATCH // TOGETHER
    for start in range(0, len(order), a_batch):
        yield np.concatenate([groups[place] for place in order[start : start + a_batch]])


def _loss(vectors_BD: Any, class_B: Any, directions_CD: Any) -> Any:  # Any: torch tensors
    import torch
    from torch.nn import functional

    logits_BC = vectors_BD @ functional.normalize(directions_CD, dim=-1).T * DIRECTION_SCALE
    by_direction = functional.cross_entropy(logits_BC, class_B, label_smoothing=SMOOTHING)
    itself_BB = torch.eye(len(class_B), dtype=torch.bool)
    alike_BB = (class_B[:, None] == class_B[None, :]) & ~itself_BB
    cosines_BB = (vectors_BD @ vectors_BD.T / TEMPERATURE).masked_fill(itself_BB, -1e9)
    log_shares_BB = cosines_BB - cosines_BB.logsumexp(dim=1, keepdim=True)
    # A text that is alone in its class within the batch has nothing to come closer to.
    by_pairs_B = -(log_shares_BB * alike_BB).sum(dim=1) / alike_BB.sum(dim=1).clamp(min=1)
    return by_direction + by_pairs_B.mean()


def _groups(model: Any, learning_rate: float) -> list[dict[str, Any]]:  # Any: sentence-transformers is untyped
    """What learns, and how fast. Embedding tables stay: a rare word must not move because a few texts had it."""
    from torch import nn

    transformer = model[0].auto_model
    stacks = [list(part) for part in transformer.modules() if isinstance(part, nn.ModuleList)]
    layers = max(stacks, key=len, default=[])
    for parameter in transformer.parameters():
        parameter.requires_grad = not layers
    groups: list[dict[str, Any]] = []
    for above, layer in enumerate(reversed(layers)):
        for parameter in layer.parameters():
            parameter.requires_grad = True
        groups.append({"params": list(layer.parameters()), "lr": learning_rate * LAYER_DECAY**above})
    behind = [parameter for layer in list(model)[1:] for parameter in layer.parameters()]
    rest = behind if layers else [*transformer.parameters(), *behind]
    return [*groups, {"params": rest, "lr": learning_rate}] if rest else groups


def _embedded(model: Any, texts: list[str]) -> Any:  # Any: torch
    import torch
    from torch.nn import functional

    prompt = default_prompt(model)
    features = model.preprocess([prompt + text for text in texts])
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=_has_bfloat16()):
        vectors_BD = model(features)["sentence_embedding"]
    return functional.normalize(vectors_BD.float(), dim=-1)


def _has_bfloat16() -> bool:
    """Twice as fast where the processor multiplies it, and many times slower where it does not."""
    import torch

    return bool(torch.cpu.get_capabilities().get("amx_bf16") or torch.cpu.get_capabilities().get("avx512_bf16"))


def _encoded(model: Any, texts: list[str]) -> Vector:  # Any: sentence-transformers is untyped
    import torch

    model.eval()
    vectors_ND = np.empty((len(texts), model.get_embedding_dimension()), dtype=np.float32)
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    with torch.no_grad():
        for start in range(0, len(order), ENCODED_AT_ONCE):
            places = order[start : start + ENCODED_AT_ONCE]
            vectors_ND[places] = _embedded(model, [texts[place] for place in places]).numpy()
    return vectors_ND


def _class_means(model: Any, tuning: LabelledTexts) -> Vector:  # Any: sentence-transformers is untyped
    """Unit vectors (C, D), each the mean of at most `MEAN_OF` texts."""
    count = int(tuning.class_N.max()) + 1
    places = np.concatenate([np.flatnonzero(tuning.class_N == label)[:MEAN_OF] for label in range(count)])
    sums_CD = np.zeros((count, model.get_embedding_dimension()), dtype=np.float32)
    np.add.at(sums_CD, tuning.class_N[places], _encoded(model, [tuning.texts[int(place)] for place in places]))
    return np.asarray(sums_CD / np.linalg.norm(sums_CD, axis=1, keepdims=True), dtype=np.float32)


def _accuracy(model: Any, tuning: LabelledTexts, choice: LabelledTexts) -> float:  # Any: sentence-transformers
    cosines_NC = _encoded(model, choice.texts) @ _class_means(model, tuning).T
    return float((cosines_NC.argmax(axis=1) == choice.class_N).mean())


def _weights(model: Any) -> dict[str, Any]:  # Any: torch tensors
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
