"""Explanations of whole videos: every frame is explained once, and red places are red."""

import dataclasses

import numpy as np
import pytest
from colour_model import CLIPS, colour_map_model
from painted_videos import write_frames
from tiny_videos import COLOURS

from keras_ctsep.data import VideoError, decode_frames
from keras_ctsep.inference import VideoClassifier, draw_explanation, explain


def classifier_with(**clips):
    clips = dataclasses.replace(CLIPS, **{"short_side": 16, **clips})
    return VideoClassifier(colour_map_model(), list(COLOURS), clips)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Ten grey frames, in which the left half becomes redder from the third to the last."""
    frames = np.full((10, 32, 32, 3), 100, "uint8")
    for number in range(2, 10):
        frames[number, :, :16, 0] = 100 + 15 * (number - 1)
    return write_frames(tmp_path_factory.mktemp("video") / "a.avi", frames)


def test_every_frame_is_explained_once(video):
    found = explain(classifier_with(), video)
    assert found.indices.tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    assert found.indices[found.is_new].tolist() == list(range(10))
    assert found.class_name == "Red" and found.score == found.scores[0] > 0.4
    assert found.fps == 25
    times, evidence = found.curve
    np.testing.assert_allclose(times, np.arange(10) / 25)
    # By hand: red against the mean of red, green and blue, its bias of 0.5 included.
    frames = decode_frames(video, range(10), short_side=16)[:, :, :16].astype(float)
    red = frames[..., 0] / 64 + 0.5
    expected = red - (frames.sum(axis=-1) / 64 + 0.5) / 3
    np.testing.assert_allclose(evidence, expected.mean(axis=(1, 2)), atol=1e-4)


@pytest.mark.parametrize("clips", [{"frame_stride": 2}, {"fps": 10}])
def test_the_end_of_the_video_is_covered(video, clips):
    found = explain(classifier_with(**clips), video, "Blue")
    assert found.class_name == "Blue" and found.indices[0, 0] == 0 and found.indices[-1, -1] >= 8
    assert found.fps == 25  # of the video, whatever the clips are
    assert (np.diff(found.indices[found.is_new]) > 0).all()
    np.testing.assert_allclose(found.curve[0], found.indices[found.is_new] / 25)


def test_a_slow_video_keeps_its_length(video):
    """Clips of 40 frames a second show each frame of the 25 once or twice."""
    found = explain(classifier_with(fps=40), video)
    np.testing.assert_allclose(found.curve[0], np.arange(10) / 25)


def test_differences_belong_to_the_later_frame(video):
    found = explain(classifier_with(frame_differences=True), video)
    assert found.indices.tolist() == [[1, 2, 3, 4], [6, 7, 8, 9]]
    np.testing.assert_allclose(found.curve[0], found.indices.ravel() / 25)


def test_what_speaks_for_the_class_becomes_red(video):
    classifier = classifier_with()
    found = explain(classifier, video, "Red")
    pairs = list(draw_explanation(found, classifier.clips))
    frames, drawn = (np.stack(list(column)).astype(int) for column in zip(*pairs, strict=True))
    np.testing.assert_array_equal(frames, decode_frames(video, range(10), short_side=16))
    left, right = (drawn - frames)[-1, :, 1:6], (drawn - frames)[-1, :, 10:15]
    assert left[..., 1].mean() < -30 < right[..., 1].mean() + 20
    assert (drawn[-1, :, 1:6, 0] > 200).all()


def test_what_cannot_be_explained_is_refused(video, tmp_path):
    with pytest.raises(ValueError, match="Received: Pink"):
        explain(classifier_with(), video, "Pink")
    with pytest.raises(ValueError, match="Received: clips with shuffle_frames"):
        explain(classifier_with(shuffle_frames=True), video)
    with pytest.raises(VideoError, match=r"none\.avi: No such file"):
        explain(classifier_with(), tmp_path / "none.avi")
