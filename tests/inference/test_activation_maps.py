"""Maps against arithmetic by hand, and against the scores that they explain."""

import keras
import numpy as np
import pytest
from colour_model import colour_map_model, colour_model

from keras_ctsep.data import motion
from keras_ctsep.inference import activation_maps, make_map_model
from keras_ctsep.inference.activation_maps import enlarge
from keras_ctsep.models import X3D_XS, CTSepResNet10


def test_a_map_is_what_each_place_adds(rng):
    clips = rng.integers(0, 256, (2, 3, 4, 5, 3)).astype("uint8")
    maps = activation_maps(colour_map_model(), clips, [2, 0])
    blue, red = clips[..., 2] / 64, clips[..., 0] / 64 + 0.5  # the bias of red
    np.testing.assert_allclose(maps, np.stack([blue, red], axis=1), rtol=1e-6)


@pytest.mark.parametrize("dropout, activation", [(0.0, None), (0.3, "softmax")])
def test_the_mean_of_a_map_is_the_score(rng, dropout, activation):
    keras.utils.set_random_seed(3)
    model = CTSepResNet10(4, width=0.0625, dropout=dropout, classifier_activation=activation)
    clips = rng.integers(0, 256, (3, 8, 32, 32, 3)).astype("uint8")
    maps = activation_maps(model, clips, range(4), batch_size=2)
    assert maps.shape == (3, 4, 1, 2, 2) and np.ptp(maps) > 0.1
    means = maps.mean(axis=(2, 3, 4), dtype="float64")
    if activation:
        means = np.exp(means) / np.exp(means).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(means, model.predict(clips, verbose=0), atol=1e-5)


def test_other_models_and_classes_are_refused():
    with pytest.raises(ValueError, match="ends in Glob.*Received: .*Pooling3D, Softmax"):
        make_map_model(colour_model())
    clips = keras.Input((None, None, None, 3))
    pooled = keras.layers.GlobalAveragePooling3D()(clips)
    both = keras.layers.Add()([keras.layers.Dense(2)(pooled), keras.layers.Dense(2)(pooled)])
    with pytest.raises(ValueError, match="Received: .*Add"):
        make_map_model(keras.Model(clips, both))
    with pytest.raises(ValueError, match="whose features have one place"):
        make_map_model(X3D_XS(3, width=0.125))
    for classes in ([], [3], [-1], [[0]], [0.5], 0):
        with pytest.raises(ValueError, match="Received: classes="):
            activation_maps(colour_map_model(), np.zeros((1, 2, 4, 4, 3)), classes)


def test_maps_are_enlarged_between_the_middles_of_their_cells(rng):
    sizes = (8, 9, 10)
    steps = np.array([4.0, 3.0, 1.0])
    ramp = np.tensordot(steps, np.indices((4, 3, 5)), axes=1)
    # On a ramp, linear interpolation is the ramp itself; the border cells end in their middle.
    places = [
        np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
        for size, old in zip(sizes, ramp.shape, strict=True)
    ]
    expected = np.tensordot(steps, np.stack(np.meshgrid(*places, indexing="ij")), axes=1)
    np.testing.assert_allclose(enlarge(ramp, sizes), expected, atol=1e-5)
    maps = rng.random((2, 3, 4))
    np.testing.assert_allclose(enlarge(maps, maps.shape), maps, rtol=1e-6)


def test_the_drawing_says_where_its_shape_is():
    """Outside the shape there is the same background in every picture; inside there is not."""
    pictures, masks = motion.draw_path("column", 3, 1, 12, 48, 48, 0, shape_scale=0.4)
    assert 0.04 < masks.mean() < 0.12
    outside = masks == 0
    seen = outside.any(axis=0)  # the shape does not cover them all the time
    background = pictures[outside.argmax(axis=0), *np.indices((48, 48))].astype(int)
    change = abs(pictures - background).sum(axis=-1)
    assert not change[outside].any()
    inside = (masks == 1) & seen
    assert (change[inside] > 10).mean() > 0.9


def test_the_map_of_a_red_spot_lies_on_it():
    clips = np.full((1, 4, 16, 16, 3), (40, 90, 60), "uint8")
    mask = np.zeros((1, 4, 16, 16), bool)
    for number in range(4):
        mask[:, number, 4:8, 3 * number : 3 * number + 4] = True
    clips[mask] = (250, 20, 20)
    maps = activation_maps(colour_map_model(), clips, range(3))
    red = np.maximum(maps[:, 0] - maps.mean(axis=1), 0)
    assert (red * mask).sum() / red.sum() > 3 * mask.mean()


def test_a_sequential_model_has_maps(rng):
    clips = rng.normal(size=(2, 4, 8, 8, 3)).astype("float32")
    parts = [
        keras.layers.Conv3D(4, 3),
        keras.layers.GlobalAveragePooling3D(),
        keras.layers.Dense(3),
    ]
    with pytest.raises(ValueError, match="known inputs. Received: .*, not built"):
        make_map_model(keras.Sequential(parts))
    model = keras.Sequential([keras.Input((4, 8, 8, 3)), *parts])
    maps = activation_maps(model, clips, [0, 1, 2])
    scores = model.predict(clips, verbose=0)
    np.testing.assert_allclose(maps.mean(axis=(2, 3, 4)), scores, atol=1e-5)
