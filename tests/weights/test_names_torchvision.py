"""torchvision's names: every tensor finds its place, or none is taken."""

import keras
import numpy as np
import pytest
from torch_checkpoints import narrow_state, write_checkpoint

import keras_ctsep
from keras_ctsep.weights.torch_state import load_torch_state

TINY = {"num_classes": 5, "width": 0.0625, "classifier_activation": None}


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
    with pytest.raises(ValueError, match=r"r3d_18\.pth.*do not match MC3_18"):
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
        with pytest.raises(ValueError, match="here.*is not the network of this file"):
            load_torch_state(model, narrow_state(), "here")


def test_a_head_of_other_classes_stays_fresh_and_one_line_says_so(capsys):
    model = keras_ctsep.R3D18(**TINY)
    before = keras.ops.convert_to_numpy(model.get_layer("classifier").kernel)
    state = narrow_state(num_classes=9)
    load_torch_state(model, state, "here")
    assert "here: the file has 9 classes, the model 5" in capsys.readouterr().out
    np.testing.assert_array_equal(model.get_layer("classifier").kernel, before)
    np.testing.assert_array_equal(model.get_layer("stem_conv").norm.gamma, state["stem.1.weight"])


def test_half_a_head_is_refused():
    model, state = keras_ctsep.R3D18(**TINY), narrow_state(num_classes=5)
    del state["fc.bias"]
    with pytest.raises(ValueError, match="missing in the file: fc.bias"):
        load_torch_state(model, state, "here")


def test_a_model_without_a_head_takes_no_notice_of_the_files(capsys):
    model = keras_ctsep.R3D18(width=0.0625, include_top=False)
    state = narrow_state()
    load_torch_state(model, state, "here")
    assert not capsys.readouterr().out
    np.testing.assert_array_equal(
        model.get_layer("stage4_block2_conv2").norm.beta, state["layer4.1.conv2.1.bias"]
    )
