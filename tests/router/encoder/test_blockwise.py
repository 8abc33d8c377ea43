import numpy as np
import pytest

from doyen_router.encoder.blockwise import BLOCK_SIZE, quantise_weights, quantised_blocks


def restored(bytes_NCS, scales_NC, inputs):
    blocks_NCS = (bytes_NCS.astype(np.float32) - 128) * scales_NC[:, :, None]
    return blocks_NCS.reshape(len(bytes_NCS), -1)[:, :inputs].T


@pytest.mark.parametrize("inputs", [1, BLOCK_SIZE, BLOCK_SIZE + 1, 384])
def test_a_weight_is_off_by_half_a_step_of_its_block_at_most(inputs):
    weight_KN = np.random.default_rng(3).normal(size=(inputs, 5)).astype(np.float32)
    weight_KN[:, 2] = 0
    weight_KN[0, 3] = 1000
    bytes_NCS, scales_NC = quantised_blocks(weight_KN)
    steps_KN = np.repeat(scales_NC.T, BLOCK_SIZE, axis=0)[:inputs]
    assert (np.abs(restored(bytes_NCS, scales_NC, inputs) - weight_KN) <= 0.501 * steps_KN).all()
    assert (restored(bytes_NCS, scales_NC, inputs)[:, 2] == 0).all()


def test_a_changed_graph_computes_nearly_the_same():
    onnx = pytest.importorskip("onnx", reason="of the extra doyen[models]")
    onnxruntime = pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(5)
    weights = {
        "table": random.normal(size=(3000, 32)),
        "own": random.normal(size=(32, 40)),
        "shared": random.normal(size=(40, 40)),
    }
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("MatMul", ["rows", "own"], ["first"], name="first"),
        helper.make_node("MatMul", ["first", "shared"], ["second"], name="second"),
        helper.make_node("MatMul", ["second", "shared"], ["third"], name="third"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["texts", "tokens"])],
        [helper.make_tensor_value_info("third", TensorProto.FLOAT, ["texts", "tokens", 40])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    ids = random.integers(0, 3000, size=(4, 7))

    def output() -> np.ndarray:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, {"ids": ids})[0].reshape(-1, 40)

    exact = output()
    assert quantise_weights(model) == 2, "the table and the layer with a weight of its own"
    onnx.checker.check_model(onnx.shape_inference.infer_shapes(model), full_check=False)
    near = output()
    cosines = (exact * near).sum(axis=1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(near, axis=1)
    assert 0.999 < cosines.min() < 0.9999999
