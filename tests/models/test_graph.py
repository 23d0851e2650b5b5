"""The graph that TensorFlow's exporters see."""

import keras
import pytest

from keras_ctsep import models


@pytest.mark.parametrize("sizes", [(4, 32, 32, 3), (None, None, None, 3)])
@pytest.mark.parametrize("network", ["CTSepResNet10", "R2Plus1D18"])
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
