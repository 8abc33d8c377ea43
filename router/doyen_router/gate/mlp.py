"""A hidden layer under the rows: ReLU units trained by Adam in plain NumPy, so that training needs no torch.

Legend: N texts, B of a batch, D dimensions, H hidden units, R rows.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from doyen_router.encoder.contract import Vector

Indexes = npt.NDArray[np.intp]

HIDDEN = 256
EPOCHS = 40
BATCH = 256
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-2
DROPOUT = 0.3
# Of a unit vector whose dimensions are scaled to variance one: what differs by less is the same text.
NOISE_DEVIATION = 0.8
WARM_UP_SHARE = 0.3


class HiddenLayer(NamedTuple):
    """`trunk_HD` and `trunk_bias_H` make the units; `weights_RH` and `bias_R` weigh them."""

    trunk_HD: Vector
    trunk_bias_H: Vector
    weights_RH: Vector
    bias_R: Vector


def trained_layer(vectors_ND: Vector, row_N: Indexes, *, seed: int) -> HiddenLayer:
    """Softmax regression through one hidden layer, with dropout and Gaussian noise against learning by heart.

    AdamW (Loshchilov and Hutter 2019) with one cycle of the learning rate. Deterministic by seed on one machine.
    """
    random = np.random.default_rng(seed)
    count, dimensions = vectors_ND.shape
    rows = int(row_N.max()) + 1
    unit_scale = np.float32(math.sqrt(dimensions))
    parameters = [
        _uniform(random, (HIDDEN, dimensions)),
        np.zeros(HIDDEN, np.float32),
        _uniform(random, (rows, HIDDEN)),
        np.zeros(rows, np.float32),
    ]
    firsts, seconds = ([np.zeros_like(one) for one in parameters] for _ in range(2))
    steps = EPOCHS * math.ceil(count / BATCH)
    step = 0
    for _ in range(EPOCHS):
        order = random.permutation(count)
        for start in range(0, count, BATCH):
            places = order[start : start + BATCH]
            inputs_BD = vectors_ND[places] * unit_scale
            inputs_BD += NOISE_DEVIATION * random.standard_normal(inputs_BD.shape, dtype=np.float32)
            kept_BH = (random.random((len(places), HIDDEN), dtype=np.float32) >= DROPOUT) / np.float32(1 - DROPOUT)
            gradients = _gradients(parameters, inputs_BD, row_N[places], kept_BH.astype(np.float32))
            step += 1
            _adam_step(parameters, gradients, firsts, seconds, step, LEARNING_RATE * _cycle(step / steps))
    trunk_HD, trunk_bias_H, weights_RH, bias_R = parameters
    return HiddenLayer(trunk_HD * unit_scale, trunk_bias_H, weights_RH, bias_R)


def _uniform(random: np.random.Generator, shape: tuple[int, int]) -> Vector:
    bound = 1 / math.sqrt(shape[1])
    return random.uniform(-bound, bound, shape).astype(np.float32)


def _gradients(parameters: list[Vector], inputs_BD: Vector, row_B: Indexes, kept_BH: Vector) -> list[Vector]:
    trunk_HD, trunk_bias_H, weights_RH, bias_R = parameters
    before_BH = inputs_BD @ trunk_HD.T + trunk_bias_H
    hidden_BH = np.maximum(before_BH, 0) * kept_BH
    logits_BR = hidden_BH @ weights_RH.T + bias_R
    logits_BR -= logits_BR.max(axis=1, keepdims=True)
    error_BR = np.exp(logits_BR)
    error_BR /= error_BR.sum(axis=1, keepdims=True)
    error_BR[np.arange(len(row_B)), row_B] -= 1
    error_BR /= len(row_B)
    error_BH = (error_BR @ weights_RH) * kept_BH * (before_BH > 0)
    return [error_BH.T @ inputs_BD, error_BH.sum(axis=0), error_BR.T @ hidden_BH, error_BR.sum(axis=0)]


def _adam_step(
    parameters: list[Vector],
    gradients: list[Vector],
    firsts: list[Vector],
    seconds: list[Vector],
    step: int,
    rate: float,
) -> None:
    for parameter, gradient, first, second in zip(parameters, gradients, firsts, seconds, strict=True):
        first += 0.1 * (gradient - first)
        second += 0.001 * (gradient * gradient - second)
        parameter *= 1 - rate * WEIGHT_DECAY
        parameter -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)


def _cycle(share: float) -> float:
    """Up to one and down again, by cosines, over the share of the steps that is done."""
    if share < WARM_UP_SHARE:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * share / WARM_UP_SHARE)) / 2
    return (1 + math.cos(math.pi * (share - WARM_UP_SHARE) / (1 - WARM_UP_SHARE))) / 2
