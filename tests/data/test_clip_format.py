"""How clips are cut: what is said of it in files, and which frames it stands for."""

import json

import numpy as np
import pytest
from painted_videos import read_numbers, write_painted

from keras_ctsep.data import (
    Augmentation,
    ClipFormat,
    VideoError,
    center_crop,
    read_video_info,
    three_crops,
    uniform_clips,
)
from keras_ctsep.data.decoding import decode_frames

SAVED = {"num_frames": 8, "fps": 15, "short_side": 64, "crop_size": 56}


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_frames": 4, "frame_stride": 2.5, "short_side": 24, "crop_size": 20},
        {"num_frames": 4, "fps": 12.5, "frame_size": [24, 32], "crop_size": 20, "antialias": False},
        {**SAVED, "frame_differences": True, "shuffle_frames": True},
    ],
)
def test_a_file_says_what_it_is_made_of(arguments):
    clips = ClipFormat.from_dict(arguments)
    assert json.loads(json.dumps(clips.to_dict())) == arguments
    assert ClipFormat.from_dict(clips.to_dict()) == clips
    written_before = {"frame_differences": False, "shuffle_frames": False} | arguments
    assert ClipFormat.from_dict(written_before) == clips
    hash(clips)  # so that a list in the file has become a tuple


def test_one_of_a_pair_replaces_the_other_in_both_directions():
    assert ClipFormat.from_dict(SAVED, frame_stride=2, fps=None).to_dict() == {
        "num_frames": 8,
        "frame_stride": 2,
        "short_side": 64,
        "crop_size": 56,
    }
    sized = ClipFormat.from_dict(SAVED, frame_size=(60, 80))
    assert sized.scaling == {"frame_size": (60, 80)}
    back = ClipFormat.from_dict(sized.to_dict(), short_side=64)
    assert back == ClipFormat.from_dict(SAVED) and back.scaling == {"short_side": 64}


@pytest.mark.parametrize(
    "arguments, received",
    [
        ({"num_frames": 4}, r"\{'num_frames': 4\}"),
        (SAVED | {"frame_stride": 3}, r".*'frame_stride': 3"),
        (SAVED | {"frame_size": (64, 64)}, ".*'frame_size'"),
        (SAVED | {"flip": True}, ".*'flip'"),
    ],
)
def test_what_says_too_little_or_too_much_is_refused(arguments, received):
    with pytest.raises(ValueError, match=f"frame_stride or fps. Received: clips={received}"):
        ClipFormat.from_dict(arguments)


@pytest.mark.parametrize("rate, offsets", [({"fps": 10}, [0, 2, 5, 7, 10]), ({}, [0, 1, 2, 3, 4])])
def test_frames_that_a_model_sees(rate, offsets, tmp_path, rng):
    """Of 25 a second; for differences one frame more is read."""
    path = write_painted(tmp_path / "a.avi", num_frames=40, width=64, height=48)
    clips = ClipFormat(num_frames=4, short_side=48, crop_size=48, frame_differences=True, **rate)
    sampling = clips.sampling(path, read_video_info(path))
    [indices] = uniform_clips(*sampling)
    assert (indices - indices[0]).tolist() == offsets
    frames = decode_frames(path, indices, **clips.scaling)
    plain = ClipFormat(num_frames=5, short_side=48, crop_size=48).cut(frames, center_crop, rng)
    np.testing.assert_array_equal(read_numbers(frames), indices)
    np.testing.assert_array_equal(plain, frames[:, :, 8:56])
    seen = clips.cut(frames, center_crop, rng)
    assert seen.shape == clips.shape == (4, 48, 48, 3)
    rises = plain[1:].astype(int) > plain[:-1]
    assert (rises == (seen > 128)).all() and rises.any()
    three = clips.cut(frames, three_crops, rng)
    np.testing.assert_array_equal(three[1], seen)


def test_a_video_without_a_rate_is_refused_where_one_is_needed(tmp_path):
    path = write_painted(tmp_path / "a.avi")
    info = read_video_info(path)._replace(fps=0.0)
    assert ClipFormat(frame_stride=2).stride_in(path, info) == 2
    with pytest.raises(VideoError, match="a.avi: .*fps=10"):
        ClipFormat(fps=10).stride_in(path, info)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_frames": 0}, "`num_frames` must be at least 1. Received: num_frames=0"),
        ({"frame_stride": 0}, "`frame_stride` must be above 0. Received: frame_stride=0"),
        ({"frame_stride": float("nan")}, "Received: frame_stride=nan"),
        ({"fps": -5}, "`fps` must be above 0, or None. Received: fps=-5"),
        ({"fps": 0}, "Received: fps=0"),
        ({"fps": float("nan")}, "Received: fps=nan"),
        ({"fps": 10, "frame_stride": 2}, "Received: frame_stride=2, fps=10"),
        ({"crop_size": 129}, "Received: crop_size=129, short_side=128"),
        ({"frame_size": (100, 140)}, r"Received: crop_size=112, frame_size=\(100, 140\)"),
    ],
)
def test_arguments_of_clips_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClipFormat(**arguments)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"crop_scale": (0.5, 1.1)}, r"Received: crop_scale=\(0.5, 1.1\)"),
        ({"crop_scale": (0.5, 0.4)}, r"Received: crop_scale=\(0.5, 0.4\)"),
        ({"color_jitter": 2}, "Received: color_jitter=2"),
    ],
)
def test_arguments_of_augmentation_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        Augmentation(**arguments)
