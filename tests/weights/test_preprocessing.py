"""Clips as published networks saw them."""

import dataclasses

import numpy as np
import pytest
from painted_videos import write_frames

from keras_ctsep.data import Annotations, ClipFormat, VideoDataset, decode_frames
from keras_ctsep.weights import find_published, torchvision_preprocess


def test_preprocessing_by_hand():
    """A ramp stays a ramp: place x of the new width shows (x + 0.5) * width / 171 - 0.5."""
    ramp = np.broadcast_to(np.arange(0, 240, 1, "uint8"), (2, 100, 240))
    clip = np.stack([ramp, ramp // 2, ramp[:, ::-1]], axis=-1)
    new = torchvision_preprocess(clip)
    assert new.shape == (2, 112, 112, 3)
    # The crop takes columns 30 to 141 of 171.
    places = (np.arange(30, 142) + 0.5) * 240 / 171 - 0.5
    assert np.abs(new[1, 50, :, 0] - places).max() <= 0.5 + 1e-4
    np.testing.assert_array_equal(new[0, 0], new[1, 111])


def test_rows_without_antialias():
    """Every second row of 256 is white: 128 rows between the pairs are grey, none is blurred."""
    clip = np.zeros((1, 512, 171, 1), "uint8")
    clip[:, 1::4] = clip[:, 2::4] = 200
    # Place y of 128 shows row 4 y + 1.5: rows 1 and 2 of four alone, and those are white.
    np.testing.assert_array_equal(torchvision_preprocess(clip), 200)


@pytest.mark.parametrize(
    "clip, crop_size",
    [
        (np.zeros((2, 8, 8, 3), "float32"), 112),
        (np.zeros((8, 8, 3), "uint8"), 112),
        (np.zeros((2, 8, 8, 3), "uint8"), 129),
    ],
)
def test_wrong_clips_and_crops(clip, crop_size):
    with pytest.raises(ValueError, match="Received: "):
        torchvision_preprocess(clip, crop_size=crop_size)


@pytest.mark.parametrize("rotation", [None, 90])
@pytest.mark.parametrize("cache", [False, True])
def test_a_data_set_cuts_clips_as_published(rotation, cache, tmp_path, rng):
    """One grey level apart from torchvision's arithmetic, through decoder, turn and cache."""
    frames = rng.integers(0, 256, (12, 15, 20, 3), "uint8").repeat(16, axis=1).repeat(16, axis=2)
    path = write_frames(tmp_path / "a.avi", frames, rotation=rotation)
    published = find_published("R2Plus1D18", "kinetics400").clips
    clips = ClipFormat.from_dict(published, num_frames=4, fps=12.5)
    folder = str(tmp_path / "cache") if cache else None
    videos = VideoDataset(Annotations([path], [0], ["a"]), 1, clips, cache=folder)
    for _ in range(1 + cache):  # the second time from the cache
        view = videos[0][0][0].astype(int)
        want = torchvision_preprocess(decode_frames(path, [3, 5, 7, 9])).astype(int)
        assert np.abs(view - want).max() <= 1
    clips = dataclasses.replace(clips, antialias=True)
    averaged = VideoDataset(videos.annotations, 1, clips)[0][0][0]
    assert np.abs(averaged.astype(int) - want).mean() > 1
