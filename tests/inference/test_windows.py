"""Scores over time against clips that are cut by hand."""

import dataclasses
import threading

import numpy as np
import pytest
from colour_model import CLIPS, colour_model
from painted_videos import cut_file, write_frames, write_painted
from tiny_videos import COLOURS

from keras_ctsep.data import (
    VideoError,
    VideoInfo,
    center_crop,
    decode_frames,
    frame_differences,
    read_video_info,
)
from keras_ctsep.data.decoding import known_rate
from keras_ctsep.inference import VideoClassifier, WindowScores, find_segments, score_windows
from keras_ctsep.inference.windows import ahead, smoothed


def classifier_with(**clips):
    return VideoClassifier(colour_model(), list(COLOURS), dataclasses.replace(CLIPS, **clips))


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """120 frames of changing colours, 25 a second."""
    rng = np.random.default_rng(5)
    frames = rng.integers(0, 256, (120, 1, 1, 3)).repeat(24, 1).repeat(32, 2).astype("uint8")
    path = tmp_path_factory.mktemp("video") / "a.avi"
    return write_frames(path, frames, options={"b": "4000000"})


@pytest.mark.parametrize("every, num_windows", [(0.2, 23), (1.0, 5)])  # more than a batch, and less
def test_windows_score_as_clips_cut_by_hand(video, every, num_windows):
    classifier = classifier_with(frame_stride=2)
    found = score_windows(classifier, video, every)
    starts = [round(number * every * 25) for number in range(num_windows)]
    np.testing.assert_allclose(found.starts, np.divide(starts, 25))
    np.testing.assert_allclose(found.ends, np.divide(starts, 25) + 7 / 25)
    assert found.duration == pytest.approx(120 / 25) and found.path == video
    frames = np.add.outer(starts, [0, 2, 4, 6])
    clips = [center_crop(clip, 16) for clip in decode_frames(video, frames, short_side=18)]
    expected = classifier.model.predict(np.stack(clips), verbose=0)
    np.testing.assert_allclose(found.scores, expected, atol=1e-6)
    assert np.ptp(expected, axis=0).min() > 0.05  # the windows differ


def test_rates_and_differences_are_those_of_the_model(video):
    classifier = classifier_with(fps=10, frame_differences=True)
    found = score_windows(classifier, video, every=2.0)
    clips = []
    for start in (0, 50, 100):
        frames = decode_frames(video, start + np.array([0, 2, 5, 7, 10]), short_side=18)
        clips.append(frame_differences(center_crop(frames, 16)))
    expected = classifier.model.predict(np.stack(clips), verbose=0)
    np.testing.assert_allclose(found.scores, expected, atol=1e-6)


def test_a_short_video_is_one_window(tmp_path):
    path = write_painted(tmp_path / "a.avi", num_frames=3)
    classifier = classifier_with(frame_stride=2)
    found = score_windows(classifier, path)
    [prediction] = classifier.predict([path], num_clips=1)
    np.testing.assert_allclose(found.scores, [prediction.scores], atol=1e-6)
    assert found.duration == found.ends[0] == 3 / 25


def test_a_file_that_is_cut_is_scored_up_to_its_end(tmp_path, capsys):
    path = cut_file(write_painted(tmp_path / "a.avi", num_frames=100), 0.6)
    assert read_video_info(path).num_frames == 100
    reports = []
    found = score_windows(classifier_with(), path, 0.2, reports.append, verbose=1)
    assert len(reports) == 1 and "ends after" in reports[0]
    assert 0.5 < found.duration < 3.5 and found.duration == found.ends[-1]
    shown = capsys.readouterr()
    assert not shown.out and f"{len(found.scores)}/20" in shown.err


def test_what_cannot_be_scored_is_refused(video, tmp_path):
    with pytest.raises(
        ValueError, match=r"one frame apart or more, 0.04 sec.*Received: every=0.03"
    ):
        score_windows(classifier_with(), video, every=0.03)
    (tmp_path / "text.avi").write_text("no video")
    with pytest.raises(VideoError, match=r"text\.avi: "):
        score_windows(classifier_with(), tmp_path / "text.avi")
    with pytest.raises(VideoError, match=r"a\.avi: does not say its frame rate, fps=3 is wanted"):
        known_rate("a.avi", VideoInfo(10, 0.0, 8, 8), "fps=3")


@pytest.mark.parametrize("width", [1, 3, 5])
def test_smoothing_is_a_moving_average(rng, width):
    scores = rng.random((9, 2))
    ones = np.ones(width)
    counts = np.convolve(np.ones(9), ones, "same")
    for label in range(2):
        expected = np.convolve(scores[:, label], ones, "same") / counts
        np.testing.assert_allclose(smoothed(scores, width)[:, label], expected)


def test_segments_have_no_gaps_and_smoothing_removes_a_jump():
    scores = np.array([[9, 1], [9, 1], [4, 6], [9, 1], [2, 8], [2, 8], [2, 8]]) / 10
    starts = np.arange(7.0)
    windows = WindowScores("a.mp4", 10.0, starts, starts + 1, scores)
    plain = find_segments(windows, ["run", "jump"])
    assert [segment[:3] for segment in plain] == [
        (0.0, 2.0, "run"),
        (2.0, 3.0, "jump"),
        (3.0, 4.0, "run"),
        (4.0, 10.0, "jump"),
    ]
    run, jump = find_segments(windows, ["run", "jump"], smoothing=3)
    assert run[:3] == (0.0, 4.0, "run") and jump[:3] == (4.0, 10.0, "jump")
    assert run.score == pytest.approx((18 / 2 + 22 / 3 + 22 / 3 + 15 / 3) / 4 / 10)
    assert jump.score == pytest.approx((17 / 3 + 8 + 8) / 3 / 10)
    with pytest.raises(ValueError, match="Received: smoothing=0"):
        find_segments(windows, ["run", "jump"], smoothing=0)


def test_reading_ahead_is_one_item_in_another_thread_and_ends_with_its_reader():
    read = []

    def items():
        for number in range(10):
            read.append((number, threading.current_thread()))
            yield number
        raise VideoError("gone")

    reader = ahead(items())
    assert [next(reader), next(reader)] == [0, 1]
    reader.close()
    assert len(read) == 3 and threading.current_thread() not in {thread for _, thread in read}
    with pytest.raises(VideoError, match="gone"):
        list(ahead(items()))


def test_a_score_that_is_no_number_spoils_its_neighbours_alone():
    scores = np.array([[0.9, 0.1], [np.nan, np.nan], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
    np.testing.assert_array_equal(smoothed(scores, 1), scores)
    np.testing.assert_allclose(smoothed(scores, 3)[3:], [[0.2, 0.8], [0.25, 0.75]])
