import numpy as np
import pytest

from keras_ctsep.data import random_clip, uniform_clips, window_clips


@pytest.mark.parametrize(
    "num_video_frames, num_frames, frame_stride, num_clips, expected",
    [
        # A single clip is the middle of the video.
        (10, 4, 1, 1, [[3, 4, 5, 6]]),
        (9, 4, 2, 1, [[1, 3, 5, 7]]),
        # The 7 possible first frames 0..6 in halves and in thirds.
        (10, 4, 1, 2, [[1, 2, 3, 4], [5, 6, 7, 8]]),
        (10, 4, 1, 3, [[1, 2, 3, 4], [3, 4, 5, 6], [5, 6, 7, 8]]),
        # Every possible place once.
        (6, 4, 1, 3, [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5]]),
        # Just long enough, one too short, far too short.
        (4, 4, 1, 2, [[0, 1, 2, 3], [0, 1, 2, 3]]),
        (3, 4, 1, 1, [[0, 1, 2, 2]]),
        (1, 4, 3, 2, [[0, 0, 0, 0], [0, 0, 0, 0]]),
        # 25 frames a second at 10 and at 50: 2.5 frames and half a frame apart.
        (20, 5, 2.5, 1, [[5, 7, 10, 12, 15]]),
        (20, 5, 0.5, 1, [[9, 9, 10, 10, 11]]),
        (1, 1, 1, 1, [[0]]),
    ],
)
def test_uniform_clips(num_video_frames, num_frames, frame_stride, num_clips, expected):
    clips = uniform_clips(num_video_frames, num_frames, frame_stride, num_clips)
    assert clips.dtype.kind == "i"
    assert clips.tolist() == expected


@pytest.mark.parametrize(
    "num_video_frames, num_frames, frame_stride, offsets, starts",
    [
        (6, 4, 1, [0, 1, 2, 3], {0, 1, 2}),
        (9, 4, 2, [0, 2, 4, 6], {0, 1, 2}),
        (4, 4, 1, [0, 1, 2, 3], {0}),
        (12, 4, 2.5, [0, 2, 5, 7], {0, 1, 2, 3, 4}),
        (3, 4, 1, [0, 1, 2, 2], {0}),
        (4, 3, 4, [0, 3, 3], {0}),
    ],
)
def test_random_clip(rng, num_video_frames, num_frames, frame_stride, offsets, starts):
    clips = [
        random_clip(num_video_frames, num_frames, frame_stride, rng=rng).tolist()
        for _ in range(200)
    ]
    assert {clip[0] for clip in clips} == starts
    assert all(np.subtract(clip, clip[0]).tolist() == offsets for clip in clips)


def test_random_places_are_equally_likely(rng):
    starts = [random_clip(12, 3, rng=rng)[0] for _ in range(5000)]
    counts = np.bincount(starts)
    assert counts.size == 10
    # Five standard deviations of a binomial count.
    assert abs(counts - 500).max() < 5 * np.sqrt(5000 * 0.1 * 0.9)


@pytest.mark.parametrize(
    "arguments", [(0, 4), (10, 0), (10, 4, 0), (10, 4, -1.5), (10, 4, float("nan"))]
)
def test_arguments_are_checked(rng, arguments):
    with pytest.raises(ValueError, match="Received: num_video_frames="):
        random_clip(*arguments, rng=rng)
    with pytest.raises(ValueError, match="Received: num_video_frames="):
        uniform_clips(*arguments)


def test_number_of_clips_is_checked():
    with pytest.raises(ValueError, match="Received: num_clips=0"):
        uniform_clips(10, 4, num_clips=0)


@pytest.mark.parametrize(
    "arguments, starts",
    [
        ((10, 4, 1, 3), [0, 3, 6]),
        ((11, 4, 1, 3), [0, 3, 6]),
        ((9, 4, 1, 1), [0, 1, 2, 3, 4, 5]),
        ((10, 4, 2, 1.5), [0, 2, 3]),  # 4.5 is nearest to 5, which is too late
        ((200, 16, 2, 29.97), [0, 30, 60, 90, 120, 150]),
        ((6, 4, 2, 3), [0]),
    ],
)
def test_windows_start_where_they_should(arguments, starts):
    num_video_frames, num_frames, stride, _ = arguments
    indices = window_clips(*arguments)
    assert indices[:, 0].tolist() == starts
    expected = np.add.outer(starts, np.arange(num_frames) * stride)
    assert indices.tolist() == np.minimum(expected, num_video_frames - 1).tolist()


@pytest.mark.parametrize("step", [0, 0.5, -1, float("nan"), float("inf")])
def test_windows_need_a_step(step):
    with pytest.raises(ValueError, match="Received: step="):
        window_clips(10, 4, 1, step)
