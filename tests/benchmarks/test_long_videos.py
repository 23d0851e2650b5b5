"""The long video has the frames of the short one, again and again."""

import long_videos
import numpy as np
from tiny_videos import COLOURS, write_video

from keras_ctsep.data import decode_frames, read_video_info


def test_a_video_is_repeated_without_a_loss(tmp_path):
    for name in ("Red", "Blue"):
        write_video(tmp_path / f"{name}.avi", COLOURS[name], num_frames=5)
    paths = sorted(tmp_path.glob("*.avi"))
    short = long_videos.make_video(paths, tmp_path / "short.mp4", seconds=1)
    long = long_videos.repeat_video(short, 3, tmp_path / "long.mp4")
    assert read_video_info(short) == (25, 25.0, 240, 320)
    assert read_video_info(long) == (75, 25.0, 240, 320)
    once, thrice = decode_frames(short, range(25)), decode_frames(long, range(75))
    np.testing.assert_array_equal(thrice, np.concatenate([once] * 3))
    is_blue = once.mean(axis=(1, 2)).argmax(axis=-1) == 2
    assert is_blue.tolist() == ([True] * 5 + [False] * 5) * 2 + [True] * 5
