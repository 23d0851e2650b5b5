"""A trained model on a video as it comes, against NumPy."""

import dataclasses

import keras
import numpy as np
import pytest
from colour_model import CLIPS

from keras_ctsep import layers
from keras_ctsep.data import center_crop, frame_differences
from keras_ctsep.inference import LiveClassifier, VideoClassifier


def network(padding):
    """The colours, through means of two frames, without an activation."""
    clips = keras.Input((None, 16, 16, 3))
    window = {"strides": (2, 1, 1), "padding": padding, "use_bias": False}
    both = layers.DepthwiseConv3D((2, 1, 1), **window)
    model = keras.Model(clips, keras.layers.GlobalAveragePooling3D()(both(clips)))
    both.set_weights([np.full((2, 1, 1, 3, 1), 0.5, "float32")])
    return model


def live_classifier(padding="valid", **clips):
    clips = dataclasses.replace(CLIPS, **clips)
    return LiveClassifier(VideoClassifier(network(padding), "abc", clips))


@pytest.fixture
def frames(rng):
    return rng.integers(0, 256, size=(10, 18, 24, 3), dtype="uint8")


def means_of(frames):
    return center_crop(frames, 16).mean(axis=(1, 2))


def test_a_causal_network_scores_the_latest_clip(frames):
    live = live_classifier("causal")
    assert (live.is_streaming, live.num_frames) == (True, 2)
    means = np.concatenate([np.zeros((1, 3)), means_of(frames)])
    pairs = (means[0::2][:5] + means[1::2][:5]) / 2
    found = list(live.scores(iter(frames)))
    assert len(found) == 5
    for number, (chunk, scores) in enumerate(found, start=1):
        np.testing.assert_array_equal(chunk, frames[2 * number - 2 : 2 * number])
        want = pairs[max(0, number - 2) : number].mean(axis=0)
        np.testing.assert_allclose(scores, want, rtol=1e-5)


def test_another_network_sees_the_latest_clip_again(frames):
    live = live_classifier()
    assert (live.is_streaming, live.num_frames) == (False, 2)
    means = means_of(np.concatenate([frames[:1], frames[:1], frames]))
    for number, (_, scores) in enumerate(live.scores(iter(frames))):
        np.testing.assert_allclose(scores, means[2 * number : 2 * number + 4].mean(0), rtol=1e-5)
    assert number == 4


def test_a_video_that_is_too_short_has_scores_too(frames):
    [(chunk, scores)] = live_classifier().scores(iter(frames[:1]))
    np.testing.assert_array_equal(chunk, frames[[0, 0]])
    np.testing.assert_allclose(scores, means_of(frames[:1])[0], rtol=1e-5)
    assert list(live_classifier().scores(iter(()))) == []


def test_differences_reach_over_the_chunks(frames):
    live = live_classifier(frame_differences=True)
    changes = frame_differences(np.concatenate([frames[:1], frames]))
    *_, (_, scores) = live.scores(iter(frames))
    np.testing.assert_allclose(scores, means_of(changes[-4:]).mean(axis=0), rtol=1e-5)


def test_shuffled_frames_are_refused():
    with pytest.raises(ValueError, match="Received: shuffle_frames=True"):
        live_classifier(shuffle_frames=True)
