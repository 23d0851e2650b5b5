"""R3D, MC3 and R(2+1)D at full size: torchvision's sizes, and its numbers.

The numbers are those of golden files, and of torchvision itself where it is installed.
"""

import importlib.util

import checks
import formula
import keras
import numpy as np
import pytest
from checks import GOLDEN, assert_close

import keras_ctsep
from keras_ctsep.models import count_multiply_adds
from keras_ctsep.weights import load_weights
from keras_ctsep.weights.names_torchvision import load_torch_state

# torchvision's name, number of weights, and billions of multiply-adds at 16 x 112 x 112.
PUBLISHED = {
    "R3D18": ("r3d_18", 33_371_472, 40.697),
    "MC3_18": ("mc3_18", 11_695_440, 43.343),
    "R2Plus1D18": ("r2plus1d_18", 31_505_325, 40.519),
}


@pytest.fixture(scope="module", params=PUBLISHED)
def network(request):
    """A network of full size; each test loads the weights that it needs."""
    return getattr(keras_ctsep, request.param)(classifier_activation=None)


def test_published_sizes(network):
    _, weights, billions = PUBLISHED[network.name]
    assert sum(np.prod(weight.shape) for weight in network.trainable_weights) == weights
    multiply_adds = count_multiply_adds(network, (16, 112, 112, 3))
    assert multiply_adds / 1e9 == pytest.approx(billions, abs=0.006)


def test_features_and_logits_of_the_golden_file(network):
    golden = np.load(GOLDEN / f"{PUBLISHED[network.name][0]}.npz")
    shapes = {
        key: tuple(int(size) for size in text.split(",") if size)
        for key, text in zip(golden["names"].tolist(), golden["shapes"].tolist(), strict=True)
    }
    load_torch_state(network, formula.torch_state(shapes), "formula")
    both = keras.Model(network.input, [network.get_layer("classifier").input, network.output])
    features, logits = both(formula.clips((2, 9, 40, 36, 3)))
    assert_close(features, golden["features"])
    assert_close(logits, golden["logits"])
    # Two clips that hardly differ in the golden file would prove little.
    assert np.abs(golden["logits"][0] - golden["logits"][1]).max() > 0.3 * golden["logits"].std()


def test_logits_and_gradient_beside_torchvision(network, tmp_path, rng):
    for module in ("torch", "torchvision"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed; torchvision==0.28.0 is what this was made for")
    import torch
    from torchvision_video import video

    torch.manual_seed(3)
    theirs = getattr(video, PUBLISHED[network.name][0])().eval()
    for key, values in theirs.state_dict().items():
        if key.endswith(("running_mean", "running_var")):
            values.uniform_(0.5, 1.5)
    torch.save(theirs.state_dict(), tmp_path / "random.pth")
    load_weights(network, tmp_path / "random.pth")
    # Normalized floats from here on.
    ours = keras.Model(network.get_layer("normalization").output, network.output)
    clip = rng.normal(size=(1, 5, 25, 30, 3)).astype("float32")
    probe = rng.normal(size=(1, 400)).astype("float32")

    torch_clip = torch.from_numpy(clip.transpose(0, 4, 1, 2, 3)).requires_grad_(True)
    logits = theirs(torch_clip)
    (logits * torch.from_numpy(probe)).sum().backward()
    assert_close(ours(clip), logits.detach().numpy())
    (gradient,) = checks.gradients(lambda x: keras.ops.sum(ours(x) * keras.ops.array(probe)), clip)
    assert_close(gradient, torch_clip.grad.numpy().transpose(0, 2, 3, 4, 1))
