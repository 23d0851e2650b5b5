"""Causal networks: what comes later changes nothing that was said before."""

import keras
import numpy as np
import pytest
from checks import randomize

from keras_ctsep import models

OPTIONS = {"width": 0.0625, "include_top": False}


def features(model, clips):
    """Returns those after the first stage, one a frame, and after the last, one in eight frames."""
    places = [model.get_layer("stage1_block1_add").output, model.output]
    return keras.Model(model.input, places).predict(clips, verbose=0)


@pytest.mark.parametrize(
    "network, options",
    [
        ("CTSepResNet10", {"temporal": "full"}),
        ("CTSepResNet10", {"temporal": "depthwise"}),
        ("R3D18", {}),
    ],
)
def test_features_depend_on_no_later_frame(network, options, rng):
    clips = rng.integers(0, 256, size=(1, 24, 16, 16, 3), dtype="uint8")
    changed = clips.copy()
    changed[:, 9:] = 255 - changed[:, 9:]
    model = models.make_network(network, causal=True, **options, **OPTIONS)
    randomize(model)
    for before, after, last_same in zip(
        features(model, clips), features(model, changed), (8, 1), strict=True
    ):
        np.testing.assert_array_equal(before[:, : last_same + 1], after[:, : last_same + 1])
        # The very next frame shows the change.
        assert np.abs(before - after)[:, last_same + 1].max() > 1e-3
    other = models.make_network(network, **options, **OPTIONS)
    other.set_weights(model.get_weights())
    before, after = (features(other, frames)[0] for frames in (clips, changed))
    assert np.abs(before - after)[:, 8].max() > 1e-3
