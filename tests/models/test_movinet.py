"""MoViNets: what is theirs alone. Their numbers are in test_golden_peers.py."""

import formula
import keras
import numpy as np
import pytest
from checks import GOLDEN, assert_close, randomize

import keras_ctsep
from keras_ctsep import models
from keras_ctsep.weights.torch_state import load_torch_state

SMALL = {"num_classes": 5, "width": 0.125, "classifier_activation": None}


def test_causal_squeeze_and_excite_by_hand(rng):
    """Two means of each channel, hard swish and hard sigmoid (arXiv 2103.11511, section 3.2)."""
    inputs = keras.Input((None, None, None, 6))
    model = keras.Model(inputs, models.movinet._weigh_channels(inputs, 6, True, "block"))
    randomize(model)
    x = rng.normal(size=(2, 5, 3, 4, 6)).astype("float32")
    squeeze, squeeze_bias, excite, excite_bias = map(np.asarray, model.get_weights())
    assert squeeze.shape == (1, 1, 1, 12, 8)
    of_frames = x.mean(axis=(2, 3))
    so_far = np.stack([of_frames[:, : last + 1].mean(axis=1) for last in range(5)], axis=1)
    hidden = np.concatenate([so_far, of_frames], axis=-1) @ squeeze[0, 0, 0] + squeeze_bias
    hidden = hidden * np.clip(hidden / 6 + 0.5, 0, 1)
    scales = np.clip(0.2 * (hidden @ excite[0, 0, 0] + excite_bias) + 0.5, 0, 1)
    assert 0.1 < scales.min() < 0.4 < 0.6 < scales.max()  # of both signs, not all at an end
    assert_close(model(x), x * scales[:, :, None, None])


@pytest.mark.parametrize("name", ["MoViNetA0", "MoViNetA0Stream"])
def test_features_of_a_stream_network_alone_depend_on_no_later_frame(name, rng):
    model = getattr(keras_ctsep, name)(include_top=False, width=0.125)
    randomize(model)
    clip = rng.integers(0, 256, size=(8, 16, 16, 3), dtype="uint8")
    changed = clip.copy()
    changed[5:] = 255 - changed[5:]
    before, after = model.predict_on_batch(np.stack([clip, changed]))
    difference = np.abs(before - after).max(axis=(1, 2, 3))
    scale = np.abs(before).max()
    assert difference[5] > 1e-3 * scale
    assert (difference[:5].max() < 1e-6 * scale) == name.endswith("Stream")


def test_residuals_of_a_fresh_network_are_nothing(rng):
    model = keras_ctsep.MoViNetA0(**SMALL)
    clips = rng.integers(0, 256, size=(2, 3, 32, 32, 3)).astype("float32")
    before = model.predict_on_batch(clips)
    kernel = model.get_layer("stage2_block2_conv2").depthwise_kernel
    kernel.assign(kernel + 1)
    np.testing.assert_array_equal(model.predict_on_batch(clips), before)
    model.get_layer("stage2_block2_rezero").alpha.assign(1)
    assert np.abs(model.predict_on_batch(clips) - before).max() > 1e-3 * np.abs(before).max()
    alphas = [weight for weight in model.trainable_weights if weight.name == "alpha"]
    assert len(alphas) == 15  # of 1, 3, 3, 4 and 4 blocks


def test_variants():
    with pytest.raises(ValueError, match="Received: variant=MoViNetA7"):
        keras_ctsep.MoViNet("MoViNetA7")
    assert keras_ctsep.MoViNetA1(**SMALL).name == "MoViNetA1"
    features = keras_ctsep.MoViNetA2Stream(
        input_shape=(4, 75, 64, 3), include_top=False, width=0.125
    )
    assert features.output_shape == (None, 4, 3, 2, 80)


@pytest.mark.parametrize("name, other", [("A0", "A0Stream"), ("A0Stream", "A0")])
def test_weights_of_the_other_kind_are_refused(name, other):
    model = getattr(keras_ctsep, f"MoViNet{name}")()
    before = model.get_weights()
    state = formula.torch_state_of(np.load(GOLDEN / f"MoViNet{other}.npz"))
    with pytest.raises(ValueError, match=f"^here: the weights do not match MoViNet{name}; "):
        load_torch_state(model, state, "here")
    for array, same in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, same)
