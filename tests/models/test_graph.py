"""What exporters see of a network: TensorFlow's graphs, PyTorch's traces."""

import keras
import numpy as np
import pytest

from keras_ctsep import models


@pytest.mark.parametrize("sizes", [(4, 32, 32, 3), (None, None, None, 3)])
@pytest.mark.parametrize("network", ["CTSepResNet10", "R2Plus1D18", "CTSepXception"])
def test_nothing_is_computed_that_nobody_reads(network, sizes):
    """OpenVINO takes what nobody reads for an output of its own."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("graphs of TensorFlow")
    import tensorflow as tf

    model = models.make_network(network, 3, width=0.0625, input_shape=sizes)
    traced = tf.function(lambda clips: model(clips, training=False))
    graph = traced.get_concrete_function(tf.TensorSpec((None, *sizes), "float32")).graph
    read, waiting = set(), [tensor.op for tensor in graph.outputs]
    while waiting:
        op = waiting.pop()
        if op.name not in read:
            read.add(op.name)
            waiting += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    unread = [op for op in graph.get_operations() if op.name not in read]
    assert not [(op.type, op.name) for op in unread if op.type not in ("Const", "NoOp")]


@pytest.mark.parametrize("temporal", ["full", "depthwise"])
def test_torch_traces_and_exports(temporal, rng):
    """Tracing makes tensors of sizes, also of those of a kernel."""
    if keras.backend.backend() != "torch":
        pytest.skip("torch.jit.trace and torch.export are PyTorch's")
    import torch

    sizes = (4, 32, 32, 3)
    model = models.make_network(
        "CTSepResNet10", 3, width=0.0625, input_shape=sizes, temporal=temporal
    )
    clips = torch.tensor(rng.uniform(0, 255, size=(3, *sizes)).astype("float32"))
    with torch.no_grad():
        want = model(clips, training=False)
        traced = torch.jit.trace(model, clips[:2], check_trace=False)
        exported = torch.export.export(model, (clips,), strict=False).module()
        np.testing.assert_allclose(traced(clips), want, atol=1e-6)
        np.testing.assert_allclose(exported(clips), want, atol=1e-6)
