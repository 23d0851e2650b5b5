"""Statistics of batch norm that are computed anew over training clips."""

import keras
import numpy as np
import pytest
from tiny_run import tiny_run
from tiny_videos import write_tiny_ucf101

from keras_ctsep import data, layers, training
from keras_ctsep.models import freeze_norms
from keras_ctsep.training.precise_norms import PreciseNorms

EPSILON = 1e-3


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_tiny_ucf101(tmp_path_factory.mktemp("videos") / "UCF-101")


@pytest.fixture
def train_data(videos):
    train = data.read_videos("ucf101", videos, "train")
    clips = data.ClipFormat(num_frames=2, short_side=16, crop_size=16)
    return data.VideoDataset(train, 4, clips, augment=data.Augmentation())


def small_network():
    """Three norms, each of which sees what those before it do to a batch."""
    clips = keras.Input((None, None, None, 3))
    x = keras.layers.BatchNormalization(epsilon=EPSILON, name="first")(clips)
    settings = {"use_norm": True, "norm_epsilon": EPSILON, "name": "conv"}
    x = layers.CTSeparableConv3D(4, 1, **settings)(x)
    x = keras.layers.GlobalAveragePooling3D()(x)
    model = keras.Model(clips, keras.layers.Dense(3, activation="softmax")(x))
    model.compile("sgd", "categorical_crossentropy")
    return model


def expected_moments(batches):
    """Mean and variance of all clips, from those of each batch, by the law of total variance."""
    means = np.stack([batch.mean(axis=(0, 1, 2, 3)) for batch in batches])
    variances = np.stack([batch.var(axis=(0, 1, 2, 3)) for batch in batches])
    return means.mean(axis=0), variances.mean(axis=0) + means.var(axis=0)


def normalized(batches):
    return [
        (batch - batch.mean(axis=(0, 1, 2, 3))) / np.sqrt(batch.var(axis=(0, 1, 2, 3)) + EPSILON)
        for batch in batches
    ]


@pytest.mark.parametrize("num_clips, num_batches", [(8, 2), (5, 2), (1000, 3)])
def test_statistics_are_those_of_the_clips(train_data, num_clips, num_batches):
    model = small_network()
    first, conv = model.get_layer("first"), model.get_layer("conv")
    PreciseNorms(train_data, num_clips).update(model)
    seen = [train_data[index][0].astype("float64") for index in range(num_batches)]
    spatial, pointwise, temporal = (
        keras.ops.convert_to_numpy(kernel)[0, 0, 0].astype("float64")
        for kernel in (conv.spatial_kernel, conv.pointwise_kernel, conv.temporal_kernel)
    )
    between = [batch * spatial[:, 0] @ pointwise for batch in normalized(seen)]
    after = [np.maximum(batch, 0) @ temporal for batch in normalized(between)]
    for norm, batches in ((first, seen), (conv.mid_norm, between), (conv.norm, after)):
        moving = (norm.moving_mean, norm.moving_variance)
        for found, expected in zip(moving, expected_moments(batches), strict=True):
            found = keras.ops.convert_to_numpy(found)
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert first.momentum == 0.99 and conv.mid_norm.momentum == conv.norm.momentum == 0.9


def test_weights_and_frozen_norms_stay(train_data):
    model = small_network()
    freeze_norms(model.get_layer("conv"))
    before = model.get_weights()
    PreciseNorms(train_data, 8).update(model)
    changed = [
        weight.path
        for weight, array in zip(model.weights, before, strict=True)
        if not np.array_equal(keras.ops.convert_to_numpy(weight), array)
    ]
    assert changed == ["first/moving_mean", "first/moving_variance"]


def test_run_with_precise_norms_goes_on_to_the_same_weights(videos, tmp_path):
    """The saved model has the statistics, and training is that of a run without them."""
    for name, settings in (("moving", {}), ("precise", {"precise_norms": 8})):
        tiny_run(videos, tmp_path / name, **settings)
    with pytest.raises(SystemExit):
        tiny_run(videos, tmp_path / "stopped", kill=15, precise_norms=8)
    tiny_run(videos, tmp_path / "stopped", resume=True, precise_norms=8)
    moving, precise, resumed = (
        keras.models.load_model(tmp_path / name / "last.keras").weights
        for name in ("moving", "precise", "stopped")
    )
    for one, other, again in zip(moving, precise, resumed, strict=True):
        one, other, again = (keras.ops.convert_to_numpy(weight) for weight in (one, other, again))
        np.testing.assert_array_equal(other, again)
    statistics = [weight.name.startswith("moving") for weight in moving]
    same = [
        np.allclose(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other), rtol=1e-6)
        for one, other in zip(moving, precise, strict=True)
    ]
    assert [not equal for equal in same] == statistics


def test_no_clips_are_refused(train_data):
    with pytest.raises(ValueError, match="Received: num_clips=0$"):
        training.PreciseNorms(train_data, 0)
