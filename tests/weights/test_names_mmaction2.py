"""MMAction2's names: a file of one kind of CSN is not taken for the other."""

import keras
import numpy as np
import pytest
from checks import GOLDEN
from formula import torch_state, torch_state_of

import keras_ctsep
from keras_ctsep.weights.torch_state import load_torch_state

WIDTH = 0.0625


def narrow_state(peer):
    """The state dict of a golden file, with a sixteenth of the channels."""
    shapes = {}
    for name, values in torch_state_of(np.load(GOLDEN / f"{peer}.npz")).items():
        if "fc_cls" not in name:
            narrow = [round(size * WIDTH) if size > 3 else size for size in values.shape[:2]]
            shapes[name] = (*narrow, *values.shape[2:])
    return torch_state(shapes)


@pytest.mark.parametrize("kind, other", [("IRCSN50", "IPCSN50"), ("IPCSN50", "IRCSN50")])
def test_a_file_of_the_other_kind_is_refused(kind, other):
    state = narrow_state(f"{kind[:2].lower()}csn_r50")
    options = {"num_classes": 5, "width": WIDTH}
    load_torch_state(getattr(keras_ctsep, kind)(**options), state, "here")
    model = getattr(keras_ctsep, other)(**options)
    before = model.get_weights()
    with pytest.raises(ValueError, match=f"here: .*{other}"):
        load_torch_state(model, state, "here")
    for values, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(values, kept)


def test_a_running_variance_makes_up_for_the_epsilon():
    """MMAction2's norms add 1e-3 to it, those here 1e-5."""
    state = narrow_state("ircsn_r50")
    model = keras_ctsep.IRCSN50(5, width=WIDTH)
    load_torch_state(model, state, "here")
    norm = model.get_layer("stage4_block1_conv2").norm
    theirs = state["backbone.layer4.0.conv2.0.bn.running_var"] + 1e-3
    ours = keras.ops.convert_to_numpy(norm.moving_variance) + norm.epsilon
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
