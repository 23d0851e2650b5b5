"""Xception on frames and its channel- and time-separable child, against keras.applications."""

import pathlib

import checks
import formula
import h5py
import keras
import numpy as np
import pytest
from checks import GOLDEN, assert_close

import keras_ctsep
from keras_ctsep import models
from keras_ctsep.models.xception import TemporalIdentity
from keras_ctsep.weights.keras_file import read_keras_file

NARROW = {"num_classes": 2, "width": 0.0625, "classifier_activation": None}


@pytest.fixture(scope="module")
def image_files(tmp_path_factory):
    """A saved keras.applications.Xception of 50 classes, filled by formula, in each format."""
    folder = tmp_path_factory.mktemp("xception")
    network = keras.applications.Xception(weights=None, input_shape=(75, 71, 3), classes=50)
    formula.fill_xception(network)
    network.save_weights(folder / "image.weights.h5")
    network.save(folder / "model.h5")
    # Keras 2 wrote weights alone as the group that it wrote into files of whole models.
    with h5py.File(folder / "model.h5") as model, h5py.File(folder / "image.h5", "w") as weights:
        for name in model["model_weights"]:
            model.copy(f"model_weights/{name}", weights)
        weights.attrs.update(model["model_weights"].attrs)
    return folder


@pytest.fixture(scope="module")
def image_file(image_files):
    return str(image_files / "image.weights.h5")


@pytest.fixture(scope="module", params=["XceptionFrames", "CTSepXception"])
def network(request, image_file):
    """A network of full size with the weights of the image network."""
    return getattr(keras_ctsep, request.param)(50, weights=image_file, classifier_activation=None)


def test_mean_over_frames_of_the_image_network(network):
    """CTSepXception starts as the image network on every frame."""
    golden = np.load(GOLDEN / "xception.npz")
    both = keras.Model(network.input, [network.get_layer("pool").output, network.output])
    features, logits = both(formula.clips((2, 3, 75, 71, 3)))
    assert_close(features, golden["features"])
    assert_close(logits, golden["logits"])


def test_published_parameters(network):
    """Figure 5's network: 20,861,480 weights below the head, as keras.applications counts."""
    # Thirteen kernels of three taps: for blocks 2, 3 and 4, 5 to 12, 13 and 14.
    taps = 3 * (128 + 256 + 728 + 8 * 728 + 1024 + 2048)
    more = taps if network.name == "CTSepXception" else 0
    assert network.count_params() == 20_861_480 + more + (2048 + 1) * 50


def test_another_number_of_classes(image_file, capsys):
    model = keras_ctsep.CTSepXception(7, weights=image_file)
    assert "the file has 50 classes, the model 7" in capsys.readouterr().out
    want = formula.kernel("block9_sepconv2/pointwise_kernel", (1, 1, 728, 728), 728)[None]
    np.testing.assert_array_equal(model.get_layer("block9_sepconv2_pointwise").kernel, want)
    with pytest.raises(ValueError, match="head of 7 classes. Received: 50"):
        models.make_network("CTSepXception", 7, weights=image_file, head="same")


def test_without_a_head(image_file, capsys):
    model = keras_ctsep.CTSepXception(include_top=False, weights=image_file)
    assert not capsys.readouterr().out
    for layer, name, shape, fan_in in (
        ("block9_sepconv2_depthwise", "block9_sepconv2/depthwise_kernel", (3, 3, 728, 1), 18),
        ("block13_shortcut_conv", "shortcut1024/kernel", (1, 1, 728, 1024), 728),
    ):
        want = formula.kernel(name, shape, fan_in)[None]
        np.testing.assert_array_equal(model.get_layer(layer).weights[0], want)
    variance = model.get_layer("block13_shortcut_conv").norm.moving_variance
    np.testing.assert_array_equal(variance, formula.norm("shortcut1024", "variance", 1024))


@pytest.mark.parametrize("name", ["image.h5", "model.h5"])
def test_files_of_keras_2_are_read_as_those_of_keras_3(name, image_files, image_file):
    want = read_keras_file(image_file)
    got = read_keras_file(image_files / name)
    assert len(want) == len(got) == 236
    for place, array in want.items():
        np.testing.assert_array_equal(got[place], array, err_msg=place)


@pytest.mark.parametrize("temporal, trained", [("depthwise", 13), ("full", 13)])
def test_starts_as_the_frames_and_learns_from_their_order(temporal, trained, rng):
    """Same clips forwards and backwards: frames by themselves cannot tell them apart."""
    keras.utils.set_random_seed(0)
    model = keras_ctsep.CTSepXception(**NARROW, temporal=temporal)
    frames = keras_ctsep.XceptionFrames(**NARROW)

    def over_time(name):
        return name.endswith("_temporal")

    def by_role(network):
        """The weights but for the kernels over time, which `frames` has none of."""
        return {
            weight.path.replace("_temporal/norm", "_pointwise/norm"): weight
            for weight in network.weights
            if "_temporal/depthwise_kernel" not in weight.path
            and "_temporal/kernel" not in weight.path
        }

    def copy(source, target):
        targets = by_role(target)
        assert targets.keys() == by_role(source).keys()
        for role, weight in by_role(source).items():
            targets[role].assign(weight.value)

    copy(frames, model)
    clips = rng.integers(0, 256, size=(4, 5, 48, 40, 3), dtype="uint8")
    assert_close(model(clips), keras.ops.convert_to_numpy(frames(clips)))

    forwards_and_backwards = np.concatenate([clips, clips[:, ::-1]])
    labels = np.eye(2)[[0] * 4 + [1] * 4]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.5), loss)
    model.fit(forwards_and_backwards, labels, batch_size=8, verbose=0)
    changed = [
        layer.name
        for layer in model.layers
        if over_time(layer.name)
        and np.abs(layer.get_weights()[0] - identity_of(layer.get_weights()[0].shape)).max() > 1e-6
    ]
    assert len(changed) == trained
    copy(model, frames)
    scores, of_frames = (keras.ops.convert_to_numpy(x(clips)) for x in (model, frames))
    assert np.abs(scores - of_frames).max() > 1e-3 * np.abs(of_frames).max()
    backwards = keras.ops.convert_to_numpy(model(clips[:, ::-1].copy()))
    assert np.abs(scores - backwards).max() > 1e-3 * np.abs(scores).max()


def identity_of(shape):
    return keras.ops.convert_to_numpy(TemporalIdentity()(shape))


def test_temporal_identity():
    full = np.zeros((3, 1, 1, 2, 2))
    full[1, 0, 0, 0, 0] = full[1, 0, 0, 1, 1] = 1
    np.testing.assert_array_equal(identity_of((3, 1, 1, 2, 2)), full)
    depthwise = [[[[[0], [0]]]], [[[[1], [1]]]], [[[[0], [0]]]]]
    np.testing.assert_array_equal(identity_of((3, 1, 1, 2, 1)), depthwise)


def test_a_saved_model_opens_again(tmp_path, rng):
    model = keras_ctsep.CTSepXception(**NARROW)
    checks.randomize(model)
    model.save(tmp_path / "model.keras")
    clips = rng.integers(0, 256, size=(1, 3, 40, 40, 3), dtype="uint8")
    want = keras.ops.convert_to_numpy(model(clips))
    opened = keras.saving.load_model(tmp_path / "model.keras")
    filled = keras_ctsep.CTSepXception(**NARROW, weights=str(tmp_path / "model.keras"))
    for other in (opened, filled):
        assert_close(other(clips), want, 1e-6)


def test_bad_weights(tmp_path, monkeypatch, image_file):
    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3, name="conv1")])
    other.save_weights(tmp_path / "other.weights.h5")
    content = pathlib.Path(image_file).read_bytes()
    (tmp_path / "cut.weights.h5").write_bytes(content[: len(content) // 2])
    for name, words in {
        "other.weights.h5": r"do not match keras.applications.Xception. Received: conv1/0 \(3, 3,",
        "cut.weights.h5": "cut short",
        "absent.keras": "there is no such weights file",
        "weights.pth": "must be None",
    }.items():
        with pytest.raises(ValueError, match=words):
            keras_ctsep.CTSepXception(**NARROW, weights=str(tmp_path / name))
    with pytest.raises(ValueError, match="do not match CTSepXception; of another shape: block10_"):
        keras_ctsep.CTSepXception(**NARROW, weights=image_file)

    def offline(**kwargs):
        raise Exception("URL fetch failure on https://example.org")

    monkeypatch.setattr(keras.applications, "Xception", offline)
    with pytest.raises(ValueError, match="needs a connection.*URL fetch failure"):
        keras_ctsep.CTSepXception(**NARROW, weights="imagenet")


def test_arguments_out_of_range():
    with pytest.raises(ValueError, match="temporal=sparse"):
        keras_ctsep.CTSepXception(temporal="sparse")
    with pytest.raises(ValueError, match="width=0"):
        keras_ctsep.CTSepXception(width=0)
