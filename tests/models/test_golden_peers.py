"""Networks of other packages at full size: their published sizes, and their numbers.

The numbers are those of golden files, and of the packages themselves where they are installed.
"""

import checks
import formula
import keras
import numpy as np
import peers
import pytest
from checks import GOLDEN, assert_close

import keras_ctsep
from keras_ctsep.models import count_multiply_adds
from keras_ctsep.weights import load_weights
from keras_ctsep.weights.torch_state import load_torch_state


@pytest.fixture(scope="module", params=peers.PEERS)
def network(request):
    """A network of full size; each test loads the weights that it needs."""
    return getattr(keras_ctsep, request.param)(classifier_activation=None)


def test_published_sizes(network):
    peer = peers.PEERS[network.name]
    assert sum(np.prod(weight.shape) for weight in network.trainable_weights) == peer.parameters
    multiply_adds = count_multiply_adds(network, (*peer.counted, 3))
    assert multiply_adds / 1e9 == pytest.approx(peer.billions, abs=peer.within)


def test_features_and_logits_of_the_golden_file(network):
    peer = peers.PEERS[network.name]
    golden = np.load(GOLDEN / f"{peer.name}.npz")
    load_torch_state(network, formula.torch_state_of(golden), "formula")
    both = keras.Model(network.input, [network.get_layer("classifier").input, network.output])
    features, logits = both(formula.clips(peer.clips))
    assert_close(features, golden["features"])
    assert_close(logits, golden["logits"])
    # Two clips that hardly differ in the golden file would prove little.
    assert np.abs(golden["logits"][0] - golden["logits"][1]).max() > 0.2 * golden["logits"].std()


def test_logits_and_gradient_beside_the_peer(network, tmp_path, rng):
    peer = peers.PEERS[network.name]
    if not peers.is_installed(peer):
        pytest.skip(f"torch and {peer.package} are not both installed")
    import torch

    theirs = peers.build(peer)
    peers.randomize(theirs)
    torch.save(theirs.state_dict(), tmp_path / "random.pth")
    load_weights(network, tmp_path / "random.pth")
    # Normalized floats from here on.
    ours = keras.Model(network.get_layer("normalization").output, network.output)
    clip = rng.normal(size=(1, *peer.clips[1:])).astype("float32")
    probe = rng.normal(size=(1, ours.output_shape[-1])).astype("float32")

    torch_clip = torch.from_numpy(clip.transpose(0, 4, 1, 2, 3)).requires_grad_(True)
    logits = theirs(torch_clip)
    (logits * torch.from_numpy(probe)).sum().backward()
    assert_close(ours(clip), logits.detach().numpy())
    (gradient,) = checks.gradients(lambda x: keras.ops.sum(ours(x) * keras.ops.array(probe)), clip)
    expected = torch_clip.grad.numpy().transpose(0, 2, 3, 4, 1)
    # A ReLU whose input is next to 0 may be open on one side alone, which changes a few regions:
    # by up to 0.005 of the whole in ten trials, and by 1e-6 where there was none.
    difference = np.linalg.norm(gradient - expected)
    assert 0 <= difference < 0.02 * np.linalg.norm(expected)


@pytest.mark.parametrize("name", ["X3D_S", "MoViNetA0"])
def test_features_alone_take_the_files_of_the_whole(name, capsys):
    """The top of these networks is more than the classifier."""
    features = getattr(keras_ctsep, name)(include_top=False)
    state = formula.torch_state_of(np.load(GOLDEN / f"{peers.PEERS[name].name}.npz"))
    load_torch_state(features, state, "formula")
    assert not capsys.readouterr().out
    last = [layer for layer in features.layers if layer.weights][-1]
    means = {"X3D_S": "blocks.4.res_blocks.6.branch2.norm_c", "MoViNetA0": "conv7.conv_1.norm"}
    np.testing.assert_array_equal(last.norm.moving_mean, state[f"{means[name]}.running_mean"])
