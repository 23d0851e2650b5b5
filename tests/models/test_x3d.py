"""X3D and CSN: what is theirs alone. Their numbers are in test_golden_peers.py."""

import keras
import numpy as np
import pytest
from checks import randomize

import keras_ctsep
from keras_ctsep import models


def test_sizes_of_the_variants():
    """Filters, frames and size after each stage, from table 3 of arXiv 2004.04730."""
    options = {"input_shape": (13, 160, 160, 3), "width": 0.25, "num_classes": 5}
    model = keras_ctsep.X3D_S(**options)
    for stage, blocks in enumerate((3, 5, 11, 7), start=1):
        layer = model.get_layer(f"stage{stage}_block{blocks}_add")
        size = 160 // 2 ** (stage + 1)
        assert layer.output.shape[1:] == (13, size, size, 6 * 2 ** (stage - 1))
    assert keras_ctsep.X3D_XS(**options).count_params() == model.count_params()
    with pytest.raises(ValueError, match="Received: variant=X3D_XXL"):
        keras_ctsep.X3D("X3D_XXL")


def test_squeeze_and_excite_by_hand(rng):
    inputs = keras.Input((None, None, None, 6))
    model = keras.Model(inputs, models.blocks.squeeze_excite(inputs, 2, "block"))
    randomize(model)
    x = rng.normal(size=(2, 3, 4, 5, 6)).astype("float32")
    parts = [
        keras.ops.convert_to_numpy(weight).reshape(weight.shape[-2:] if index % 2 == 0 else -1)
        for index, weight in enumerate(model.get_weights())
    ]
    hidden = np.maximum(x.mean(axis=(1, 2, 3)) @ parts[0] + parts[1], 0)
    scales = 1 / (1 + np.exp(-(hidden @ parts[2] + parts[3])))
    found = keras.ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(found, x * scales[:, None, None, None], atol=1e-5)


def test_ip_csn_has_a_pointwise_convolution_more():
    """C x C weights and a norm in each block."""
    reduced, preserved = keras_ctsep.IRCSN50(5), keras_ctsep.IPCSN50(5)
    more = sum(
        blocks * (filters**2 + 4 * filters)
        for blocks, filters in zip((3, 4, 6, 3), (64, 128, 256, 512), strict=True)
    )
    assert preserved.count_params() - reduced.count_params() == more
    block = [layer.name for layer in preserved.layers if layer.name.startswith("stage2_block1_")]
    assert block.index("stage2_block1_conv2_pointwise") == block.index("stage2_block1_conv2") - 1
    assert (
        preserved.get_layer("stage2_block1_conv2_pointwise").activation is keras.activations.linear
    )
