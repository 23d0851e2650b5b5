"""Clips in one pass of the decoder are those that `decode_frames` cuts one by one."""

import numpy as np
import pytest
from painted_videos import cut_file, read_numbers, write_painted

from keras_ctsep.data import VideoError, clip_decoding, decode_clips, decode_frames, window_clips


@pytest.mark.parametrize("name, codec", [("a.avi", "mpeg4"), ("a.mp4", "libx264")])
@pytest.mark.parametrize("stride, step", [(1, 2), (3, 4.5), (0.5, 1), (2, 50)])
def test_clips_have_the_frames_of_their_numbers(tmp_path, name, codec, stride, step):
    path = write_painted(tmp_path / name, num_frames=40, codec=codec)
    indices = window_clips(40, 5, stride, step)
    clips = list(decode_clips(path, indices, short_side=32))
    np.testing.assert_array_equal(clips, decode_frames(path, indices, short_side=32))
    assert read_numbers(np.stack(clips)).tolist() == indices.tolist()


def test_real_clips_are_those_cut_one_by_one(test_data):
    for path in sorted((test_data / "real_clips").glob("*.*")):
        cut = {}

        def choose(info, cut=cut):
            cut["indices"] = window_clips(info.num_frames, 8, info.fps / 15, info.fps)
            return cut["indices"][:4]

        clips = list(decode_clips(path, choose, short_side=64))
        for clip, indices in zip(clips, cut["indices"][:4], strict=True):
            np.testing.assert_array_equal(clip, decode_frames(path, indices, short_side=64))


def test_frames_are_shared_and_forgotten(tmp_path, monkeypatch):
    path = write_painted(tmp_path / "a.avi", num_frames=200)
    converted = []

    class Picture(np.ndarray):
        alive = 0
        most = 0

        def __del__(self):
            Picture.alive -= 1

    def make_converter(*arguments):
        def to_array(path, frame):
            converted.append(frame.pts)
            Picture.alive += 1
            Picture.most = max(Picture.most, Picture.alive)
            return Picture((2, 2, 3), np.uint8)

        return to_array

    monkeypatch.setattr(clip_decoding, "make_converter", make_converter)
    indices = window_clips(200, 8, 2, 4)  # each frame belongs to four clips
    clips = sum(1 for _ in decode_clips(path, indices, short_side=2))
    assert clips == len(indices) == 47
    assert len(converted) == np.unique(indices).size
    assert Picture.most <= 9


def test_a_file_that_is_cut_loses_the_clips_it_does_not_have(tmp_path):
    path = cut_file(write_painted(tmp_path / "a.avi", num_frames=100), 0.6)
    indices = window_clips(100, 8, 1, 3)
    reports = []
    clips = list(decode_clips(path, indices, report=reports.append, short_side=24))
    by_hand = []
    for row in indices:
        try:
            by_hand.append(decode_frames(path, row, short_side=24, report=lambda _: None))
        except VideoError:
            break
    assert 3 < len(by_hand) < len(indices)
    np.testing.assert_array_equal(clips, by_hand)
    assert len(reports) == 1 and reports[0].startswith(f"{path}: ends after ")
    assert reports[0].endswith(" frames, 98 were expected")
    with pytest.raises(VideoError, match=r"a\.avi: ends after .* wanted ones are missing"):
        list(decode_clips(path, indices[-3:], short_side=24))


def test_one_frame_too_many_is_no_fault(tmp_path):
    path = write_painted(tmp_path / "a.avi", num_frames=9)
    reports = []
    [clip] = decode_clips(path, [[5, 7, 9]], report=reports.append, short_side=24)
    assert read_numbers(clip).tolist() == [5, 7, 8] and not reports
