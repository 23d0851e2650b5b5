"""MoViNets with the weights of tensorflow/models: numbers of golden files, and of its own code."""

import checks
import formula
import keras
import numpy as np
import pytest
import tensorflow_peers
from checks import GOLDEN, assert_close

import keras_ctsep


@pytest.mark.parametrize("name", ["MoViNetA0", "MoViNetA0Stream"])
def test_features_and_logits_of_the_golden_file(name, tmp_path):
    pytest.importorskip("tensorflow")
    golden = np.load(GOLDEN / f"{name}_tensorflow.npz")
    state = formula.tensorflow_state_of(golden)
    tensorflow_peers.write_checkpoint(tmp_path / "ckpt-1", state)
    model = getattr(keras_ctsep, name)(weights=str(tmp_path / "ckpt-1"), classifier_activation=None)
    both = keras.Model(model.input, [model.get_layer("classifier").input, model.output])
    features, logits = both(formula.clips(tensorflow_peers.CLIPS))
    assert_close(features, golden["features"])
    assert_close(logits, golden["logits"])
    # Two clips that hardly differ in the golden file would prove little.
    assert np.abs(golden["logits"][0] - golden["logits"][1]).max() > 0.2 * golden["logits"].std()


@pytest.mark.parametrize("name", tensorflow_peers.NETWORKS)
def test_logits_and_gradient_beside_the_peer(name, tmp_path, rng):
    if not tensorflow_peers.is_installed():
        pytest.skip("tensorflow, tf_keras and tf-models-official are not all installed")
    import tensorflow as tf

    theirs, checkpoint = tensorflow_peers.build(name)
    tensorflow_peers.randomize(theirs, rng)
    model = getattr(keras_ctsep, name)(
        weights=checkpoint.write(str(tmp_path / "ckpt")), classifier_activation=None
    )
    ours = keras.Model(model.get_layer("normalization").output, model.output)
    clip = rng.uniform(size=(1, *tensorflow_peers.CLIPS[1:])).astype("float32")
    probe = rng.normal(size=(1, 600)).astype("float32")
    tf_clip = tf.constant(clip)
    with tf.GradientTape() as tape:
        tape.watch(tf_clip)
        logits = tf.reshape(theirs(tf_clip), (1, 600))
        probed = tf.reduce_sum(logits * probe)
    assert_close(ours(clip), logits.numpy())
    (gradient,) = checks.gradients(lambda x: keras.ops.sum(ours(x) * keras.ops.array(probe)), clip)
    expected = tape.gradient(probed, tf_clip).numpy()
    difference = np.linalg.norm(gradient - expected)
    assert 0 <= difference < 1e-3 * np.linalg.norm(expected)
