"""8-bit weights for a serving graph: a byte a weight, a scale for each block of a column.

ONNX Runtime multiplies such weights with activations that it quantises row by row and block by block (`MatMulNBits`).
A vector so never depends on the texts that it is computed with, as it does under dynamic quantisation, where all texts
of a run share one scale. It knows neither tokenizers nor parity. Legend: K inputs, N outputs, C blocks, S block size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK_SIZE = 64
# Smaller tables are not worth two more operations a text.
SMALLEST_TABLE = 1 << 15
ZERO_POINT = 128


def quantise_weights(model: Any) -> int:  # Any: an onnx.ModelProto, which has no types
    """Changes linear layers over tokens and large embedding tables of the graph in place. Returns how many."""
    from onnx import NodeProto, helper, numpy_helper

    graph = model.graph
    weights = {initializer.name: initializer for initializer in graph.initializer}
    uses: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            uses[name] = uses.get(name, 0) + 1
    nodes: list[NodeProto] = []
    added: list[Any] = []
    replaced: set[str] = set()
    changed = 0
    for node in list(graph.node):
        place = {"MatMul": 1, "Gather": 0}.get(node.op_type)
        name = node.input[place] if place is not None else ""
        # A weight that two nodes share would have to be kept for the other one.
        weight = numpy_helper.to_array(weights[name]) if name in weights and uses[name] == 1 else None
        if weight is None or weight.ndim != 2 or weight.dtype != np.float32:
            nodes.append(node)
        elif node.op_type == "MatMul":
            bytes_NCS, scales_NC = quantised_blocks(weight)
            added += [_tensor(bytes_NCS, f"{name}_bytes"), _tensor(scales_NC.reshape(-1), f"{name}_scales")]
            nodes.append(
                helper.make_node(
                    "MatMulNBits",
                    [node.input[0], f"{name}_bytes", f"{name}_scales"],
                    list(node.output),
                    name=node.name,
                    domain="com.microsoft",
                    K=weight.shape[0],
                    N=weight.shape[1],
                    bits=8,
                    block_size=BLOCK_SIZE,
                    accuracy_level=4,  # 8-bit activations too; without it the weights are only stored small
                )
            )
            replaced.add(name)
        elif weight.size >= SMALLEST_TABLE and not any(attribute.i for attribute in node.attribute):
            nodes += _small_table(node, name, weight, added)
            replaced.add(name)
        else:
            nodes.append(node)
        changed += name in replaced
    kept = [initializer for initializer in graph.initializer if initializer.name not in replaced]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*kept, *added])
    if not any(opset.domain == "com.microsoft" for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return changed


def quantised_blocks(
    weight_KN: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Bytes (N, C, S) around a zero point of 128, and scales (N, C). The last block is filled up with zeros."""
    inputs, outputs = weight_KN.shape
    blocks = -(-inputs // BLOCK_SIZE)
    padded_NK = np.zeros((outputs, blocks * BLOCK_SIZE), dtype=np.float32)
    padded_NK[:, :inputs] = weight_KN.T
    blocks_NCS = padded_NK.reshape(outputs, blocks, BLOCK_SIZE)
    scales_NC = _scales(blocks_NCS)
    return (np.rint(blocks_NCS / scales_NC[:, :, None]) + ZERO_POINT).astype(np.uint8), scales_NC


def _small_table(node: Any, name: str, table: npt.NDArray[np.float32], added: list[Any]) -> list[Any]:  # Any: onnx
    """Looks bytes and scales up apart, and multiplies what was looked up."""
    from onnx import TensorProto, helper

    scales_V = _scales(table)
    added += [
        _tensor(np.rint(table / scales_V[:, None]).astype(np.int8), f"{name}_bytes"),
        _tensor(scales_V[:, None], f"{name}_scales"),
    ]
    ids, output = node.input[1], node.output[0]
    return [
        helper.make_node("Gather", [f"{name}_bytes", ids], [f"{output}_bytes"], name=f"{node.name}_bytes"),
        helper.make_node("Gather", [f"{name}_scales", ids], [f"{output}_scales"], name=f"{node.name}_scales"),
        helper.make_node(
            "Cast", [f"{output}_bytes"], [f"{output}_cast"], name=f"{node.name}_cast", to=TensorProto.FLOAT
        ),
        helper.make_node("Mul", [f"{output}_cast", f"{output}_scales"], [output], name=f"{node.name}_scaled"),
    ]


def _scales(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The largest magnitude along the last axis becomes 127."""
    largest = np.abs(values).max(axis=-1)
    return np.where(largest > 0, largest / 127, 1).astype(np.float32)


def _tensor(values: npt.NDArray[Any], name: str) -> Any:  # Any: onnx
    from onnx import numpy_helper

    return numpy_helper.from_array(np.ascontiguousarray(values), name)
