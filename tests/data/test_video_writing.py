"""What is written can be read back."""

import numpy as np
import pytest
from painted_videos import painted_frame, read_numbers

from keras_ctsep.data import decode_frames, read_video_info, write_video


def test_frames_come_back_in_order(tmp_path):
    path = tmp_path / "new" / "a.mp4"
    write_video(path, map(painted_frame, range(30)), fps=29.97)
    info = read_video_info(path)
    assert info.fps == pytest.approx(29.97, abs=1e-3)
    assert info[0] == 30 and info[2:] == (48, 64)
    assert read_numbers(decode_frames(path, range(30))).tolist() == list(range(30))


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    path = tmp_path / "a.mp4"
    with pytest.raises(ValueError, match="Received: none"):
        write_video(path, [], fps=25)
    with pytest.raises(ValueError, match="Received: 31x32"):
        write_video(path, [np.zeros((31, 32, 3), "uint8")], fps=25)

    def frames():
        yield painted_frame(0)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        write_video(path, frames(), fps=25)
    assert not list(tmp_path.iterdir())
