"""The networks: published sizes, what they take, and what survives a file."""

import keras
import numpy as np
import pytest
from checks import randomize

import keras_ctsep
from keras_ctsep import models
from keras_ctsep.models.video_resnet import VARIANTS


@pytest.mark.parametrize(
    "temporal, weights, billions", [("full", 5_685_526, 7.18), ("depthwise", 1_519_126, 2.60)]
)
def test_sizes_of_the_readme(temporal, weights, billions):
    """Trainable weights at 101 classes, multiply-adds at 16 x 112 x 112."""
    model = keras_ctsep.CTSepResNet18(num_classes=101, temporal=temporal)
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == weights
    multiply_adds = models.count_multiply_adds(model, (16, 112, 112, 3))
    assert multiply_adds / 1e9 == pytest.approx(billions, abs=0.006)


def test_multiply_adds_of_models_inside_models():
    """Wrapped or not, and twice where a network is called twice."""
    options = {"width": 0.125, "include_top": False, "pooling": "avg"}
    shape = (4, 32, 32, 3)
    inner = keras_ctsep.CTSepResNet10(**options)
    alone = models.count_multiply_adds(inner, shape)
    assert alone > 10**6
    wrapped = keras.Sequential([inner, keras.layers.Dense(5)])
    assert models.count_multiply_adds(wrapped, shape) == alone + 64 * 5
    deeper = keras.Sequential([keras.Input(shape), wrapped, keras.layers.Dense(2)])
    assert models.count_multiply_adds(deeper, shape) == alone + 64 * 5 + 5 * 2
    clips = keras.Input((None, None, None, 3))
    halves = keras.layers.AveragePooling3D((1, 2, 2))(clips)
    twice = keras.Model(clips, keras.layers.Add()([inner(clips), inner(halves)]))
    half = models.count_multiply_adds(inner, (4, 16, 16, 3))
    assert models.count_multiply_adds(twice, shape) == alone + half


def test_every_network_is_found_by_its_name():
    families = (models.s3d, models.x3d, models.movinet)
    rows = {*VARIANTS, *(name for family in families for name in family.VARIANTS)}
    assert rows | {"CTSepXception", "XceptionFrames"} == set(models.NETWORKS)
    assert set(models.NETWORKS) < set(models.__all__)
    with pytest.raises(ValueError, match="CTSepResNet10.*Received: CTSepResNet12"):
        models.make_network("CTSepResNet12")


def test_default_temporal_factor_is_full():
    model = keras_ctsep.CTSepResNet10(3, width=0.0625)
    assert model.get_layer("stage1_block1_conv1").temporal == "full"


def test_stages_of_each_variant():
    """Filters, frames and size after each stage, from table 1 of arXiv 1711.11248."""
    for name in ("CTSepResNet34", "CTSepResNet50", "MC3_18", "RMC3_18"):
        row = VARIANTS[name]
        model = models.VideoResNet(name, 5, input_shape=(16, 112, 112, 3), width=0.125)
        wide = 4 if name.endswith("50") else 1
        frames = [16] * 4 if name == "MC3_18" else [16, 8, 4, 2]
        for stage in range(4):
            layer = model.get_layer(f"stage{stage + 1}_block{row.num_blocks[stage]}_add")
            size = 56 // 2**stage
            assert layer.output.shape[1:] == (frames[stage], size, size, wide * 8 * 2**stage), name
        assert model.output_shape == (None, 5)


def test_small_networks_halve_early():
    """Each stage sees half the frames and half the side of CTSepResNet18's; 16 norms are gone."""
    like_18 = keras_ctsep.CTSepResNet18(5, width=0.25)
    of_mid_norms = 4 * 4 * sum(16 * 2**stage for stage in range(4))
    for name, width in (("CTSepResNet_S", 0.5), ("CTSepResNet_M", 0.25)):
        model = models.VideoResNet(name, 5, input_shape=(16, 112, 112, 3), width=width)
        assert model.count_params() == like_18.count_params() - of_mid_norms
        for stage in range(4):
            layer = model.get_layer(f"stage{stage + 1}_block2_add")
            size = -(-28 // 2**stage)
            assert layer.output.shape[1:] == (8 // 2**stage, size, size, 16 * 2**stage), name


@pytest.mark.parametrize("temporal", ["full", "depthwise"])
def test_one_model_takes_clips_of_any_size(temporal, rng):
    model = keras_ctsep.CTSepResNet10(7, width=0.125, temporal=temporal)
    for sizes in [(1, 32, 32), (3, 45, 33), (8, 64, 48)]:
        clips = rng.integers(0, 256, size=(2, *sizes, 3), dtype="uint8")
        scores = keras.ops.convert_to_numpy(model(clips))
        np.testing.assert_allclose(scores.sum(axis=-1), 1, atol=1e-5)
        as_float = keras.ops.convert_to_numpy(model(clips.astype("float32")))
        np.testing.assert_array_equal(scores, as_float)


def test_preprocessing_is_the_published_one(rng):
    clips = rng.integers(0, 256, size=(1, 4, 16, 16, 3), dtype="uint8")
    with_it = keras_ctsep.CTSepResNet10(3, width=0.125)
    without = keras_ctsep.CTSepResNet10(3, width=0.125, include_preprocessing=False)
    without.set_weights(with_it.get_weights())
    mean, std = [0.43216, 0.394666, 0.37645], [0.22803, 0.22145, 0.216989]
    normalized = ((clips / 255 - mean) / std).astype("float32")
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(with_it(clips)),
        keras.ops.convert_to_numpy(without(normalized)),
        atol=1e-5,
    )


def test_pooling_and_logits(rng):
    clips = rng.integers(0, 256, size=(1, 4, 16, 16, 3), dtype="uint8")
    arguments = {"width": 0.125, "include_top": False}
    model = keras_ctsep.CTSepResNet10(**arguments)
    randomize(model)
    features = keras.ops.convert_to_numpy(model(clips))
    for pooling, function in (("avg", np.mean), ("max", np.max)):
        pooled = keras_ctsep.CTSepResNet10(**arguments, pooling=pooling)
        pooled.set_weights(model.get_weights())
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(pooled(clips)), function(features, axis=(1, 2, 3)), atol=1e-5
        )
    logits = keras_ctsep.CTSepResNet10(3, width=0.125, classifier_activation=None)
    scores = keras_ctsep.CTSepResNet10(3, width=0.125, dropout=0.5)
    scores.set_weights(logits.get_weights())
    exponentials = np.exp(keras.ops.convert_to_numpy(logits(clips)))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(scores(clips)),
        exponentials / exponentials.sum(axis=-1, keepdims=True),
        atol=1e-5,
    )


def test_with_the_top_pooling_has_no_meaning(rng):
    clips = rng.integers(0, 256, size=(1, 2, 48, 48, 3), dtype="uint8")
    model = keras_ctsep.CTSepResNet10(3, width=0.0625)
    other = keras_ctsep.CTSepResNet10(3, width=0.0625, pooling="max")
    randomize(model)
    other.set_weights(model.get_weights())
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(m(clips)) for m in (model, other)))


def test_numbers_of_numpy_are_numbers():
    labels = np.asarray([0, 4, 2])
    model = keras_ctsep.CTSepResNet10(labels.max() + 1, width=0.0625)
    assert model.output_shape == (None, 5)


@pytest.mark.parametrize("channels", [1, 2, 4])
@pytest.mark.parametrize("network", ["CTSepResNet10", "XceptionFrames"])
def test_preprocessing_is_for_three_channels(network, channels, rng):
    options = {"input_shape": (None, None, None, channels), "width": 0.0625}
    words = "`include_preprocessing=False` takes any number of channels. Received: input_shape="
    with pytest.raises(ValueError, match=words):
        models.make_network(network, 3, **options)
    model = models.make_network(network, 3, include_preprocessing=False, **options)
    clips = rng.normal(size=(1, 2, 32, 32, channels)).astype("float32")
    assert model(clips).shape == (1, 3)


def test_one_step_of_fit_changes_every_weight(rng):
    for name in ("CTSepResNet10", "MC3_18"):
        model = models.VideoResNet(name, 3, width=0.0625)
        before = [np.copy(weight) for weight in model.get_weights()]
        model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy")
        clips = rng.integers(0, 256, size=(4, 8, 32, 32, 3), dtype="uint8")
        model.fit(clips, np.eye(3)[[0, 1, 2, 0]], batch_size=4, verbose=0)
        for weight, old in zip(model.weights, before, strict=True):
            assert np.any(keras.ops.convert_to_numpy(weight.value) != old), weight.path


@pytest.mark.parametrize("network", ["R2Plus1D18", "CTSepXception"])
def test_frozen_norms_stay_as_they_are(network, rng):
    """Also in a model around the network, and with what lies between two factors."""
    inner = models.make_network(network, width=0.0625, include_top=False, pooling="avg")
    model = keras.Sequential([inner, keras.layers.Dense(2)])
    clips = rng.integers(0, 256, size=(2, 3, 32, 32, 3), dtype="uint8")
    randomize(model)
    frozen = models.freeze_norms(model)
    of_norm = [weight for norm in frozen for weight in norm.weights]
    kinds = ("gamma", "beta", "moving_mean", "moving_variance")
    assert len(of_norm) == sum(weight.name in kinds for weight in model.weights)
    before = [keras.ops.convert_to_numpy(weight.value).copy() for weight in model.weights]
    model.compile(keras.optimizers.SGD(1.0), "mse")
    model.fit(clips, np.ones((2, 2)), batch_size=2, verbose=0)
    ids = {id(weight) for weight in of_norm}
    changed = 0
    for weight, old in zip(model.weights, before, strict=True):
        new = keras.ops.convert_to_numpy(weight.value)
        if id(weight) in ids:
            np.testing.assert_array_equal(new, old, err_msg=weight.path)
        else:
            changed += bool(np.any(new != old))
    assert changed > len(inner.weights) // 10


def test_mixed_precision_keeps_the_head_in_float32(rng):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = keras_ctsep.CTSepResNet10(5, width=0.125, dropout=0.5)
    finally:
        keras.config.set_dtype_policy("float32")
    clips = rng.integers(0, 256, size=(2, 4, 32, 32, 3), dtype="uint8")
    scores = model(clips)
    for name in ("pool", "dropout", "classifier"):
        assert model.get_layer(name).compute_dtype == "float32"
    assert keras.backend.standardize_dtype(scores.dtype) == "float32"
    assert model.get_layer("stage4_block1_conv2").compute_dtype == "bfloat16"
    exact = keras_ctsep.CTSepResNet10(5, width=0.125)
    exact.set_weights(model.get_weights())
    difference = keras.ops.convert_to_numpy(scores - exact(clips))
    assert np.max(np.abs(difference)) < 0.05


@pytest.mark.parametrize(
    "network, mean, std",
    [
        ("CTSepResNet10", [0.43216, 0.394666, 0.37645], [0.22803, 0.22145, 0.216989]),
        ("XceptionFrames", [0.5] * 3, [0.5] * 3),
    ],
)
def test_mixed_precision_normalizes_in_float32(network, mean, std, rng):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = models.make_network(network, 5, width=0.0625)
    finally:
        keras.config.set_dtype_policy("float32")
    clips = rng.uniform(0, 255, size=(1, 2, 32, 32, 3)).astype("float32")
    normalized = keras.Model(model.input, model.get_layer("normalization").output)(clips)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(normalized), (clips / 255 - mean) / std, atol=1e-5
    )


@pytest.mark.parametrize(
    "change",
    [
        {"variant": "CTSepResNet12"},
        {"num_classes": 0},
        {"input_shape": (16, 112, 112)},
        {"pooling": "mean"},
        {"dropout": 1},
        {"width": 0},
        {"temporal": "sparse"},
        {"variant": "R3D18", "temporal": "full"},
    ],
)
def test_bad_arguments_say_what_came(change):
    with pytest.raises(ValueError, match="Received: .*" + next(iter(change))):
        models.VideoResNet(**{"variant": "CTSepResNet10", **change})


def test_an_option_of_another_network_is_one_line():
    with pytest.raises(ValueError, match="S3D: Expected options of this network. .*'causal'"):
        models.make_network("S3D", 3, width=0.0625, causal=True)
