"""What is really in a video file, against what it says."""

from typing import NamedTuple

from keras_ctsep.data.decoding import make_converter
from keras_ctsep.data.video_file import open_video


class VideoCheck(NamedTuple):
    """What reading a whole video has shown.

    Attributes:
        num_frames: number of frames by the header, see `VideoInfo`.
        num_decoded: number of frames that come out of the decoder.
        num_damaged: number of packets that cannot be decoded.
        fps: frames per second, on average; 0.0 when the file does not say.
        height: height in pixels, as shown.
        width: width in pixels, as shown.

    Example:
    >>> from keras_ctsep.data import VideoCheck
    >>> VideoCheck(180, 68, num_damaged=0, fps=25.0, height=240, width=320).is_short
    True
    """

    num_frames: int
    num_decoded: int
    num_damaged: int
    fps: float
    height: int
    width: int

    @property
    def is_short(self):
        """Whether frames are missing. One is not counted: many headers say one too many."""
        return self.num_decoded < self.num_frames - 1


def check_video(path):
    """Decodes a whole video and counts its frames.

    Args:
        path: a file, or an address that `fsspec` opens.

    Returns:
        A `VideoCheck`.

    Raises:
        VideoError: when the file is no video that can be decoded.

    Example:
    >>> import tempfile
    >>> from keras_ctsep.data import check_video, make_motion_dataset, read_folder
    >>> folder = make_motion_dataset(tempfile.mkdtemp() + "/motion", num_groups=2)
    >>> check = check_video(read_folder(folder, subset="all").paths[0])
    >>> check.num_frames, check.num_decoded, check.is_short
    (20, 20, False)
    """
    with open_video(path) as (info, frames):
        frame, num_damaged = next(frames)
        make_converter(short_side=None)(path, frame)  # FFmpeg does not convert all formats
        damaged_so_far = [num_damaged, *(num_damaged for _, num_damaged in frames)]
    return VideoCheck(
        info.num_frames,
        len(damaged_so_far),
        damaged_so_far[-1],
        info.fps,
        info.height,
        info.width,
    )
