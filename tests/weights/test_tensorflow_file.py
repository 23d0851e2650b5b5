"""TensorFlow's checkpoints: several files, of which the weights are taken and nothing else."""

import sys

import formula
import keras
import numpy as np
import pytest
from checks import GOLDEN
from tensorflow_peers import write_checkpoint

import keras_ctsep
from keras_ctsep.weights import count_saved_classes, load_weights
from keras_ctsep.weights.tensorflow_file import read_tensorflow_checkpoint

KERNEL, BIAS = "layer_with_weights-0/_stem/_conv/kernel", "layer_with_weights-1/_head/_conv/bias"


def tiny_state(first="model/layer_with_weights-0/", second="model/"):
    names = [f"{first}{KERNEL}", f"{second}{BIAS}"]
    names = [f"{name}/.ATTRIBUTES/VARIABLE_VALUE" for name in names]
    return dict(zip(names, (np.ones((1, 2, 3), "float32"), np.float32(7)), strict=True))


@pytest.fixture
def prefix(tmp_path):
    """What the names of a tiny checkpoint's files begin with."""
    pytest.importorskip("tensorflow")
    write_checkpoint(tmp_path / "ckpt-1", tiny_state())
    return str(tmp_path / "ckpt-1")


@pytest.fixture(scope="module")
def of_a0(tmp_path_factory):
    """The files of MoViNetA0 at full size."""
    pytest.importorskip("tensorflow")
    path = tmp_path_factory.mktemp("movinet_a0_base") / "ckpt-1"
    golden = np.load(GOLDEN / "MoViNetA0_tensorflow.npz")
    write_checkpoint(path, formula.tensorflow_state_of(golden))
    return path


def test_weights_by_prefix_index_and_folder(prefix, tmp_path):
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "ckpt-1"\n')
    for path in (prefix, f"{prefix}.index", str(tmp_path), tmp_path):
        arrays = read_tensorflow_checkpoint(path)
        assert list(arrays) == [KERNEL, BIAS]
        np.testing.assert_array_equal(arrays[KERNEL], np.ones((1, 2, 3)))
        assert arrays[BIAS].shape == () and arrays[BIAS] == 7


@pytest.mark.parametrize("first, second", [("", ""), ("backbone/", "model/"), ("a/b/", "")])
def test_it_does_not_matter_what_else_was_saved(first, second, prefix):
    write_checkpoint(prefix, tiny_state(first, second))
    assert list(read_tensorflow_checkpoint(prefix)) == [KERNEL, BIAS]


def test_a_checkpoint_of_other_things_or_of_two_models_is_refused(prefix):
    for state in ({"layer/kernel": np.zeros(3)}, tiny_state() | tiny_state("ema/", "ema/")):
        write_checkpoint(prefix, state)
        with pytest.raises(ValueError, match="ckpt-1: Expected .* one Keras model. Received: "):
            read_tensorflow_checkpoint(prefix)


def test_a_missing_file_is_named(prefix, tmp_path):
    data = tmp_path / "ckpt-1.data-00000-of-00001"
    content = data.read_bytes()
    data.unlink()
    with pytest.raises(ValueError, match=r"ckpt-1: Expected all .* Received: no ckpt-1\.data-\*$"):
        keras_ctsep.MoViNetA0(weights=prefix)
    data.write_bytes(content)
    (tmp_path / "ckpt-1.index").unlink()
    with pytest.raises(ValueError, match=r"ckpt-1\.index: .* Received: no ckpt-1\.index$"):
        keras_ctsep.MoViNetA0(weights=f"{prefix}.index")
    with pytest.raises(ValueError, match=r"of which the \.index file is there. Received: .*ckpt-1"):
        keras_ctsep.MoViNetA0(weights=prefix)
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "ckpt-1"\n')
    with pytest.raises(ValueError, match=f"{tmp_path}: Expected all files .* Received: no "):
        keras_ctsep.MoViNetA0(weights=str(tmp_path))


def test_an_address_is_refused_because_it_is_one_file(prefix):
    pytest.importorskip("fsspec")
    address = f"file://{prefix}.index"
    with pytest.raises(ValueError, match=rf"^{address}: .* local folder. Received: no ckpt-1.data"):
        keras_ctsep.MoViNetA0(weights=address)


@pytest.mark.parametrize("ending", [".index", ".data-00000-of-00001"])
def test_a_checkpoint_cut_short_is_refused(ending, prefix, tmp_path):
    file = tmp_path / f"ckpt-1{ending}"
    content = file.read_bytes()
    for length in (0, 3, 20):  # the weights are first
        file.write_bytes(content[:length])
        with pytest.raises(ValueError, match="ckpt-1: this is no TensorFlow checkpoint, or"):
            read_tensorflow_checkpoint(prefix)


def test_tensorflow_is_asked_for_where_it_is_missing(monkeypatch, tmp_path):
    (tmp_path / "ckpt-1.index").touch()
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    message = "ckpt-1 needs TensorFlow: pip install tensorflow-cpu$"
    with pytest.raises(ModuleNotFoundError, match=message):
        read_tensorflow_checkpoint(tmp_path / "ckpt-1")


@pytest.mark.parametrize("name", ["MoViNetA1", "MoViNetA0Stream", "R3D18", "S3D"])
def test_weights_of_another_network_are_refused(name, of_a0):
    model = getattr(keras_ctsep, name)(600)
    before = model.get_weights()
    with pytest.raises(ValueError, match=f"{of_a0}: .*{name}"):
        load_weights(model, of_a0)
    for array, same in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, same)


def test_a_checkpoint_of_another_package_is_refused(prefix):
    with pytest.raises(ValueError, match="ckpt-1: Expected the names of a MoViNet of tensorflow/m"):
        write_checkpoint(prefix, tiny_state(first="model/layer_with_weights-5/a"))
        keras_ctsep.MoViNetA0(width=0.125, weights=prefix)


def test_a_head_of_other_classes_is_left_out(of_a0, capsys):
    assert count_saved_classes(of_a0) == 600
    model = keras_ctsep.MoViNetA0(5, weights=of_a0)
    assert capsys.readouterr().out.startswith(f"{of_a0}: the file has 600 classes, the model 5: ")
    same = keras_ctsep.MoViNetA0(600, weights=of_a0)
    kernels = [m.get_layer("head_dense").kernel for m in (model, same)]
    np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, kernels))
    assert not capsys.readouterr().out
    with pytest.raises(ValueError, match="head of 5 classes. Received: 600 classes"):
        keras_ctsep.models.make_network("MoViNetA0", 5, weights=of_a0, head="same")


def test_features_alone_take_a_whole_checkpoint(of_a0, capsys):
    features = keras_ctsep.MoViNetA0(include_top=False, weights=of_a0)
    assert not capsys.readouterr().out
    state = formula.tensorflow_state_of(np.load(GOLDEN / "MoViNetA0_tensorflow.npz"))
    [mean] = [state[name] for name in state if "_project/_batch_norm/moving_mean" in name]
    np.testing.assert_array_equal(features.get_layer("last_conv").norm.moving_mean, mean)
