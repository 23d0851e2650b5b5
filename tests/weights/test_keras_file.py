"""Keras's files: every weight finds its place by the name of its layer, or none is taken."""

import pathlib

import h5py
import keras
import numpy as np
import pytest
from checks import randomize
from torch_checkpoints import narrow_state, write_checkpoint

import keras_ctsep
from keras_ctsep import models
from keras_ctsep.weights import count_saved_classes, load_weights
from keras_ctsep.weights.keras_file import read_keras_file

TINY = {"num_classes": 5, "width": 0.0625, "classifier_activation": None}


@pytest.fixture(params=[".weights.h5", ".keras"])
def saved(request, tmp_path):
    """A narrow CTSepResNet10 and its file."""
    model = keras_ctsep.CTSepResNet10(**TINY)
    randomize(model)
    path = str(tmp_path / f"saved{request.param}")
    model.save_weights(path) if path.endswith(".h5") else model.save(path)
    return model, path


@pytest.mark.parametrize(
    "name, words",
    [
        ("absent.pth", "no such"),
        ("absent.weights.h5", "no such"),
        ("absent.keras", "no such"),
        ("weights.npz", "must be None, the name of published weights"),
    ],
)
def test_a_missing_file_and_an_unknown_kind(name, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        keras_ctsep.R3D18(**TINY, weights=str(tmp_path / name))


def test_a_head_of_other_classes_is_an_error_where_it_has_to_be_the_same(saved, tmp_path):
    checkpoint = tmp_path / "r3d_18.pth"
    write_checkpoint(checkpoint, narrow_state(num_classes=9))
    for network, path, classes in (("R3D18", checkpoint, 9), ("CTSepResNet10", saved[1], 5)):
        assert count_saved_classes(path) == classes
        options = {"width": 0.0625, "weights": str(path), "head": "same"}
        assert models.make_network(network, classes, **options).output_shape == (None, classes)
        with pytest.raises(ValueError, match=f"{path}: .*head of 7 .*Received: {classes} classes"):
            models.make_network(network, 7, **options)
        with pytest.raises(ValueError, match="Received: head=new"):
            models.make_network(network, 7, **options | {"head": "new"})


def values(layer):
    return [keras.ops.convert_to_numpy(weight.value) for weight in layer.weights]


def assert_same_but_head(model, other):
    for layer in model.layers:
        if layer.name != "classifier":
            for one, two in zip(values(layer), values(other.get_layer(layer.name)), strict=True):
                np.testing.assert_array_equal(one, two)


def test_a_keras_file_fills_the_network_it_was_saved_from(saved):
    model, path = saved
    for dropout in (0.0, 0.3):
        other = keras_ctsep.CTSepResNet10(**TINY, weights=path, dropout=dropout)
        assert_same_but_head(model, other)
        kernels = [values(which.get_layer("classifier"))[0] for which in (model, other)]
        np.testing.assert_array_equal(*kernels)


def test_a_keras_file_with_other_classes_or_no_head(saved, capsys):
    model, path = saved
    other = keras_ctsep.CTSepResNet10(**(TINY | {"num_classes": 9}), weights=path)
    assert "the file has 5 classes, the model 9" in capsys.readouterr().out
    assert_same_but_head(model, other)
    for pooling in (None, "avg"):
        headless = keras_ctsep.CTSepResNet10(
            width=0.0625, include_top=False, pooling=pooling, weights=path
        )
        assert not capsys.readouterr().out
        assert_same_but_head(headless, model)


@pytest.mark.parametrize("network", ["X3D_XS", "MoViNetA0", "S3D"])
def test_features_and_whole_networks_share_files(network, tmp_path, capsys):
    """The top of X3D and of MoViNets is more than the classifier."""
    build = getattr(keras_ctsep, network)
    whole, features = build(5, width=0.125), build(width=0.125, include_top=False, pooling="avg")
    randomize(whole)
    whole.save_weights(tmp_path / "whole.weights.h5")
    load_weights(features, tmp_path / "whole.weights.h5")
    assert not capsys.readouterr().out
    assert_same_but_head(features, whole)
    features.save_weights(tmp_path / "features.weights.h5")
    other = build(5, width=0.125)
    load_weights(other, tmp_path / "features.weights.h5")
    assert "the file has 0 classes, the model 5" in capsys.readouterr().out
    assert_same_but_head(features, other)


def test_a_keras_file_of_another_network_is_refused(saved):
    _, path = saved
    for network in (keras_ctsep.MC3_18, keras_ctsep.XceptionFrames):
        with pytest.raises(ValueError, match="the weights do not match"):
            network(**TINY, weights=path)
    # A file with more blocks, of which Keras alone would take the first ones.
    longer = keras_ctsep.CTSepResNet18(**TINY)
    longer.save(path) if path.endswith(".keras") else longer.save_weights(path)
    model = keras_ctsep.CTSepResNet10(**TINY)
    before = model.get_weights()
    words = (
        r"CTSepResNet10; unknown to the model: stage1_block2_conv1/0 \(1, 3, 3, 4, 1\), .* more$"
    )
    with pytest.raises(ValueError, match=words):
        load_weights(model, path)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_weights_find_their_place_by_name_and_not_by_order(saved, tmp_path):
    """Two layers of one shape that change places in the file change places in the model."""
    model, path = saved
    first, second = "stage1_block1_conv1", "stage1_block1_conv2"
    swapped = tmp_path / "swapped.weights.h5"
    model.save_weights(swapped)
    with h5py.File(swapped, "r+") as file:
        named = {group["vars"].attrs["name"]: group["vars"] for group in file["layers"].values()}
        named[first].attrs["name"], named[second].attrs["name"] = second, first
    other = keras_ctsep.CTSepResNet10(**TINY, weights=str(swapped))
    for here, there in ((first, second), (second, first)):
        kernels = [m.get_layer(n).temporal_kernel for m, n in ((model, here), (other, there))]
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, kernels))


def test_weights_of_16_bits(tmp_path):
    """Keras marks bfloat16, which h5py does not know."""
    model = keras_ctsep.CTSepResNet10(**TINY)
    randomize(model)
    keras.config.set_dtype_policy("bfloat16")
    try:
        half = keras_ctsep.CTSepResNet10(**TINY)
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(model.get_weights())
    half.save_weights(tmp_path / "half.weights.h5")
    read = read_keras_file(tmp_path / "half.weights.h5")
    kernel = keras.ops.convert_to_numpy(model.get_layer("stem_conv").spatial_kernel)
    np.testing.assert_allclose(read["stem_conv/0"], kernel, rtol=2**-8)
    assert read["stem_conv/0"].dtype == "float32"


def test_a_compiled_model_with_dropout(tmp_path, rng):
    """The state of optimizer, metrics and dropout is none of the weights."""
    model = keras_ctsep.CTSepResNet10(**TINY, dropout=0.5)
    model.compile("adam", "mse", metrics=["mae"])
    clips = rng.integers(0, 256, size=(2, 2, 16, 16, 3), dtype="uint8")
    model.fit(clips, np.zeros((2, 5)), verbose=0)
    model.save(tmp_path / "compiled.keras")
    other = keras_ctsep.CTSepResNet10(**TINY, weights=str(tmp_path / "compiled.keras"))
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_keras_file_cut_short_is_refused(saved):
    _, path = saved
    content = pathlib.Path(path).read_bytes()
    for length in (0, 10, len(content) // 2):
        pathlib.Path(path).write_bytes(content[:length])
        with pytest.raises(ValueError, match="no Keras file, or it is cut short"):
            keras_ctsep.CTSepResNet10(**TINY, weights=path)


def test_damage_inside_a_keras_file_is_named_with_the_file(tmp_path):
    """h5py raises RuntimeError for a broken header of a group, OSError for one of the file."""
    path = tmp_path / "broken.weights.h5"
    clips = keras.Input((3,))
    model = keras.Model(clips, keras.layers.Dense(2, name="classifier")(clips))
    model.save_weights(path)
    content = path.read_bytes()
    causes = set()
    for place in (0, 120):
        path.write_bytes(content[:place] + b"\xff" * 8 + content[place + 8 :])
        with pytest.raises(ValueError, match="broken.weights.h5: this is no Keras file") as raised:
            load_weights(model, path)
        causes.add(type(raised.value.__cause__))
    assert causes == {OSError, RuntimeError}
