"""The separable convolution taken apart: its parts, and how a row is trained and counted."""

import ablation
import keras
import numpy as np
import pytest
from checks import randomize

from keras_ctsep.layers import CTSeparableConv3D
from keras_ctsep.models import video_resnet


@pytest.mark.parametrize("between", ["norm and ReLU", "nothing"])
def test_the_parts_are_the_layer(between, rng):
    """With the same weights, so that what else stands between them is the only change."""
    clips = keras.Input((5, 8, 9, 4))
    options = {"strides": (2, 1, 2), "activation": "relu"}
    norms = {"use_norm": True, "use_mid_norm": between != "nothing"}
    layer = CTSeparableConv3D(6, 3, padding=1, use_bias=False, **norms, **options)
    whole = keras.Model(clips, layer(clips))
    parts = ablation.in_factors(clips, 6, name="conv", between=between, **options)
    parts = keras.Model(clips, parts)
    randomize(whole)
    # Three kernels, then the norms of the end and of the middle, with four vectors each.
    order = [0, 1, *range(7, len(whole.weights)), 2, *range(3, 7)]
    parts.set_weights([whole.get_weights()[place] for place in order])
    x = rng.normal(size=(2, 5, 8, 9, 4)).astype("float32")
    want, found = (keras.ops.convert_to_numpy(model(x)) for model in (whole, parts))
    np.testing.assert_allclose(found, want, atol=1e-5)


@pytest.mark.parametrize("between, norms", [("norm", 2), ("ReLU", 1), ("nothing", 1)])
def test_what_stands_between(between, norms):
    clips = keras.Input((4, 8, 8, 3))
    model = keras.Model(clips, ablation.in_factors(clips, 5, name="conv", between=between))
    # A norm has four vectors of weights, a convolution one kernel.
    assert len(model.weights) == 3 + 4 * norms
    middle = model.get_layer("conv_channels").activation
    assert (middle is keras.activations.relu) == (between == "ReLU")


def test_a_row_is_trained_and_summed_up(monkeypatch, tmp_path):
    monkeypatch.setattr(ablation, "SHAPE", (4, 16, 16))
    monkeypatch.setitem(ablation.ROWS, "10 layers", ablation.row(width=0.1, num_blocks=(1,) * 4))
    settings = {"steps": 2, "batch_size": 2, "test_batches": 1, "learning_rate": 1e-3}
    result = ablation.train("10 layers", 0, **settings)
    assert "10 layers" not in video_resnet.VARIANTS
    assert 0 <= result["accuracy"] <= 1 and result["multiply_adds"] > 10**4
    runs = [
        {"network": "10 layers", "parameters": 10, "multiply_adds": 10**6, "accuracy": accuracy}
        for accuracy in (0.25, 0.75)
    ]
    summary = ablation.summary("10 layers", runs)
    assert (summary["runs"], summary["accuracy"], summary["deviation"]) == (2, 0.5, 0.25)
    assert ablation.summary("34 layers", runs) is None
    ablation.write_table([summary], tmp_path / "ablation.md", settings, "torch")
    assert "| 10 layers | 0.500 ± 0.250 | 2 | 0.00 | 1 |" in (tmp_path / "ablation.md").read_text()
