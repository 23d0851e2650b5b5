"""The measure of maps knows where the shapes are."""

import activation_maps
import keras
import numpy as np
import pytest


def test_maps_that_lie_on_shapes_are_told_from_maps_that_do_not():
    clips, labels, masks = activation_maps.draw(range(2))
    assert labels.tolist() == [0, 1, 2, 3] * 2 and masks.shape == clips.shape[:-1]
    np.testing.assert_array_equal(clips[0], clips[1][::-1])  # to the right, and to the left
    # Channels of these clips: the shape itself, and the whole picture.
    seen = np.stack([masks, np.ones_like(masks)], axis=-1)
    frames = keras.Input((*masks.shape[1:], 2))
    classifier = keras.layers.Dense(4)
    mean = keras.layers.GlobalAveragePooling3D()(frames)
    model = keras.Model(frames, classifier(mean))
    ratios = []
    for channel in (0, 1):
        kernel = np.zeros((2, 4))
        kernel[channel] = labels[:4] == 2
        classifier.set_weights([kernel, np.zeros(4)])
        result = activation_maps.measure(model, seen, labels, masks)
        assert result["accuracy"] == 0.25 and result["difference"] < 1e-5
        ratios.append(result["ratio"])
    share = masks.mean()
    expected = (masks**2).sum() / masks.sum() / share  # the border of a shape is soft
    assert ratios == [pytest.approx(expected, abs=0.01), 1.0]
