"""R3D, MC3 and R(2+1)D give torchvision's numbers: golden files, and torchvision where it is."""

import importlib.util
import pathlib
import sys
import types

import checks
import keras
import numpy as np
import pytest

import keras_ctsep
from keras_ctsep.weights.load import load_torch_state

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))

import formula  # noqa: E402

NAMES = {"R3D18": "r3d_18", "MC3_18": "mc3_18", "R2Plus1D18": "r2plus1d_18"}
TOLERANCE = 1e-4  # of the largest number


def assert_close(numbers, want):
    numbers = keras.ops.convert_to_numpy(numbers)
    np.testing.assert_allclose(numbers, want, rtol=0, atol=TOLERANCE * np.abs(want).max())


@pytest.mark.parametrize("name", NAMES)
def test_features_and_logits_of_the_golden_file(name):
    golden = np.load(GOLDEN / f"{NAMES[name]}.npz")
    shapes = {
        key: tuple(int(size) for size in text.split(",") if size)
        for key, text in zip(golden["names"].tolist(), golden["shapes"].tolist(), strict=True)
    }
    model = getattr(keras_ctsep, name)(classifier_activation=None)
    load_torch_state(model, formula.torch_state(shapes), "formula")
    both = keras.Model(model.input, [model.get_layer("classifier").input, model.output])
    features, logits = both(formula.clips((2, 9, 40, 36, 3)))
    assert_close(features, golden["features"])
    assert_close(logits, golden["logits"])
    # Two clips that hardly differ in the golden file would prove little.
    assert np.abs(golden["logits"][0] - golden["logits"][1]).max() > 0.3 * golden["logits"].std()


@pytest.mark.parametrize("name", NAMES)
def test_logits_and_gradient_beside_torchvision(name, tmp_path, rng):
    for module in ("torch", "torchvision"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed; torchvision==0.28.0 is what this was made for")
    import torch

    # The compiled part of torchvision does not load beside a CPU-only torch, and is not used here.
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("unused"))
    import torchvision

    torch.manual_seed(3)
    theirs = getattr(torchvision.models.video, NAMES[name])().eval()
    for key, values in theirs.state_dict().items():
        if key.endswith(("running_mean", "running_var")):
            values.uniform_(0.5, 1.5)
    torch.save(theirs.state_dict(), tmp_path / "random.pth")
    ours = getattr(keras_ctsep, name)(
        weights=str(tmp_path / "random.pth"),
        include_preprocessing=False,
        classifier_activation=None,
    )
    clip = rng.normal(size=(1, 5, 25, 30, 3)).astype("float32")
    probe = rng.normal(size=(1, 400)).astype("float32")

    torch_clip = torch.from_numpy(clip.transpose(0, 4, 1, 2, 3)).requires_grad_(True)
    logits = theirs(torch_clip)
    (logits * torch.from_numpy(probe)).sum().backward()
    assert_close(ours(clip), logits.detach().numpy())
    (gradient,) = checks.gradients(lambda x: keras.ops.sum(ours(x) * keras.ops.array(probe)), clip)
    assert_close(gradient, torch_clip.grad.numpy().transpose(0, 2, 3, 4, 1))
