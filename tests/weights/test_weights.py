"""Weights from files: read safely, taken whole or not at all."""

import io
import os
import pathlib
import pickle
import zipfile

import keras
import numpy as np
import pytest
from checks import randomize
from torch_checkpoints import narrow_state, write_checkpoint

import keras_ctsep
from keras_ctsep import models
from keras_ctsep.weights.load import count_saved_classes, load_torch_state, load_weights
from keras_ctsep.weights.torch_file import read_torch_checkpoint

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
TINY = {"num_classes": 5, "width": 0.0625, "classifier_activation": None}
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_numbers_of_a_torch_checkpoint(kind):
    state = read_torch_checkpoint(GOLDEN / f"tiny_{kind}.pth")
    want = {
        "turned": [[0, 3], [1, 4], [2, 5]],
        "part": [1, 2],
        "half": [0.5, -2],
        "brain": [1.5, -0.125],
        "count": 7,
        "learned": [3],
        "empty": np.zeros((0, 2)),
    }
    assert list(state) == list(want)
    for name, values in want.items():
        np.testing.assert_array_equal(state[name], values, err_msg=name)
    assert state["half"].dtype == state["brain"].dtype == "float32"


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_a_checkpoint_cut_short_is_refused_wherever_it_is_cut(kind, tmp_path):
    content = (GOLDEN / f"tiny_{kind}.pth").read_bytes()
    path = tmp_path / "cut.pth"
    for length in [0, 1, 3, 20, 60, *range(100, len(content) - 1, 97), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="cut.pth"):
            read_torch_checkpoint(path)


class MakesFolder:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def zip_checkpoint(thing):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(thing, protocol=2))
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def legacy_checkpoint(thing):
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    parts = (MAGIC_NUMBER, 1001, system, thing, [])
    return b"".join(pickle.dumps(part, protocol=2) for part in parts)


@pytest.mark.parametrize("write", [zip_checkpoint, legacy_checkpoint])
def test_code_in_a_checkpoint_is_refused_and_not_run(write, tmp_path):
    path, trace = tmp_path / "evil.pth", tmp_path / "trace"
    path.write_bytes(write({"fc.bias": MakesFolder(str(trace))}))
    with pytest.raises(ValueError, match=r"evil\.pth.*\.mkdir, which is no tensor"):
        read_torch_checkpoint(path)
    assert not trace.exists()
    pickle.loads(pickle.dumps(MakesFolder(str(trace))))
    assert trace.exists(), "the file would have done nothing anyway"


@pytest.mark.parametrize("thing", [[1, 2], {}, {"epoch": 3}, {"model": {"fc.bias": 1}}])
def test_a_checkpoint_of_other_things_is_refused(thing, tmp_path):
    path = tmp_path / "other.pth"
    path.write_bytes(legacy_checkpoint(thing))
    with pytest.raises(ValueError, match="dictionary"):
        read_torch_checkpoint(path)


@pytest.mark.parametrize(
    "name, words",
    [
        ("absent.pth", "no such"),
        ("absent.weights.h5", "no such"),
        ("absent.keras", "no such"),
        ("weights.npz", "must be None or end in"),
    ],
)
def test_a_missing_file_and_an_unknown_kind(name, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        keras_ctsep.R3D18(**TINY, weights=str(tmp_path / name))


def test_kernels_are_turned_around():
    model = keras_ctsep.R3D18(**TINY)
    state = narrow_state()
    load_torch_state(model, state, "here")
    kernel = keras.ops.convert_to_numpy(model.get_layer("stage3_block1_conv2").kernel)
    torch_kernel = state["layer3.0.conv2.0.weight"]
    assert kernel[2, 0, 1, 5, 7] == torch_kernel[7, 5, 2, 0, 1]
    shortcut = keras.ops.convert_to_numpy(model.get_layer("stage4_block1_shortcut_conv").kernel)
    assert shortcut[0, 0, 0, 3, 9] == state["layer4.0.downsample.0.weight"][9, 3, 0, 0, 0]


def test_weights_takes_the_path_of_a_checkpoint(tmp_path):
    state = narrow_state()
    write_checkpoint(tmp_path / "r3d_18.pth", state)
    filled = keras_ctsep.R3D18(**TINY, weights=str(tmp_path / "r3d_18.pth"))
    expected = keras_ctsep.R3D18(**TINY)
    load_torch_state(expected, state, "here")
    for values, want in zip(filled.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(values, want)
    with pytest.raises(ValueError, match=r"r3d_18\.pth.*no weights of MC3_18"):
        keras_ctsep.MC3_18(**TINY, weights=str(tmp_path / "r3d_18.pth"))


def drop(state):
    del state["layer2.1.conv1.0.weight"]


def add(state):
    state["layer2.2.conv1.0.weight"] = np.zeros((8, 8, 3, 3, 3), "float32")


def reshape(state):
    state["stem.1.running_var"] = np.zeros(9, "float32")


@pytest.mark.parametrize(
    "change, words",
    [
        (drop, r"missing in the file: layer2\.1\.conv1\.0\.weight \(3, 3, 3, 8, 8\)"),
        (add, r"unknown to the model: layer2\.2\.conv1\.0\.weight \(3, 3, 3, 8, 8\)"),
        (reshape, r"another shape: stem\.1\.running_var \(9,\) for \(4,\)"),
    ],
)
def test_every_tensor_finds_its_place_or_nothing_is_loaded(change, words):
    model = keras_ctsep.R3D18(**TINY)
    before = model.get_weights()
    state = narrow_state()
    change(state)
    with pytest.raises(ValueError, match=f"here.*{words}"):
        load_torch_state(model, state, "here")
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_networks_that_torchvision_lacks_refuse_its_checkpoints():
    for model in (
        keras_ctsep.CTSepResNet10(**TINY),
        keras_ctsep.XceptionFrames(**TINY),
    ):
        with pytest.raises(ValueError, match="here.*no counterpart in torchvision"):
            load_torch_state(model, narrow_state(), "here")


def test_a_head_of_other_classes_stays_fresh_and_one_line_says_so(capsys):
    model = keras_ctsep.R3D18(**TINY)
    before = keras.ops.convert_to_numpy(model.get_layer("classifier").kernel)
    state = narrow_state(num_classes=9)
    load_torch_state(model, state, "here")
    assert "here: the file has 9 classes, the model 5" in capsys.readouterr().out
    np.testing.assert_array_equal(model.get_layer("classifier").kernel, before)
    np.testing.assert_array_equal(model.get_layer("stem_conv").norm.gamma, state["stem.1.weight"])


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


def test_a_model_without_a_head_takes_no_notice_of_the_files(capsys):
    model = keras_ctsep.R3D18(width=0.0625, include_top=False)
    state = narrow_state()
    load_torch_state(model, state, "here")
    assert not capsys.readouterr().out
    np.testing.assert_array_equal(
        model.get_layer("stage4_block2_conv2").norm.beta, state["layer4.1.conv2.1.bias"]
    )


@pytest.fixture(params=[".weights.h5", ".keras"])
def saved(request, tmp_path):
    """A narrow CTSepResNet10 and its file."""
    model = keras_ctsep.CTSepResNet10(**TINY)
    randomize(model)
    path = str(tmp_path / f"saved{request.param}")
    model.save_weights(path) if path.endswith(".h5") else model.save(path)
    return model, path


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


def test_a_keras_file_of_another_network_is_refused(saved):
    _, path = saved
    for network in (keras_ctsep.MC3_18, keras_ctsep.XceptionFrames):
        with pytest.raises(ValueError, match="these are no weights of"):
            network(**TINY, weights=path)
    # A file with more blocks, of which Keras alone would take the first ones.
    longer = keras_ctsep.CTSepResNet18(**TINY)
    longer.save(path) if path.endswith(".keras") else longer.save_weights(path)
    with pytest.raises(ValueError, match="shapes unknown to the model"):
        keras_ctsep.CTSepResNet10(**TINY, weights=path)


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
