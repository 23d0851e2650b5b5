"""Causal networks: what comes later changes nothing that was said before."""

import keras
import numpy as np
import pytest
from checks import randomize

from keras_ctsep import models


def features(model, clips):
    """Returns those after the first stage, one a frame, and after the last, one in eight frames."""
    places = [model.get_layer("stage1_block1_add").output, model.output]
    return keras.Model(model.input, places).predict_on_batch(clips)


@pytest.mark.parametrize("temporal", ["full", "depthwise"])
def test_features_depend_on_no_later_frame(temporal, rng):
    clip = rng.integers(0, 256, size=(17, 16, 16, 3), dtype="uint8")
    changed = clip.copy()
    changed[9:] = 255 - changed[9:]
    clips = np.stack([clip, changed])
    options = {"width": 0.0625, "include_top": False, "temporal": temporal}
    model = models.CTSepResNet10(causal=True, **options)
    randomize(model)
    for outputs, num_same in zip(features(model, clips), (9, 2), strict=True):
        before, after = outputs
        np.testing.assert_allclose(before[:num_same], after[:num_same], atol=1e-5)
        # The very next one shows the change.
        assert np.abs(before - after)[num_same].max() > 1e-3
    other = models.CTSepResNet10(**options)
    other.set_weights(model.get_weights())
    before, after = features(other, clips)[0]
    assert np.abs(before - after)[8].max() > 1e-3
