"""Video files that browsers and players show."""

import fractions

import av
import numpy as np

from keras_ctsep.files import write_whole


def write_video(path, frames, fps):
    """Writes an mp4 file (H.264), one frame after the other; it appears whole or not at all.

    Args:
        path: file to write.
        frames: iterable of uint8 arrays `(height, width, 3)`, RGB, all of one size, even in both
            directions.
        fps: frames per second.

    Raises:
        ValueError: without a frame, and for an odd size.

    Example:
    >>> import numpy as np, tempfile
    >>> from keras_ctsep.data import read_video_info, write_video
    >>> path = tempfile.mkdtemp() + "/grey.mp4"
    >>> write_video(path, (np.full((32, 48, 3), level, "uint8") for level in range(9)), fps=7.5)
    >>> read_video_info(path)
    VideoInfo(num_frames=9, fps=7.5, height=32, width=48)
    """
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError("Expected one frame or more. Received: none")
    height, width = first.shape[:2]
    if height % 2 or width % 2:
        raise ValueError(f"Expected an even height and width. Received: {height}x{width}")
    with write_whole(path) as temporary:
        # The index first, so that a browser can begin to show the file.
        options = {"movflags": "faststart"}
        with av.open(str(temporary), "w", format="mp4", options=options) as container:
            rate = fractions.Fraction(fps).limit_denominator(1001)
            stream = container.add_stream("libx264", rate=rate, width=width, height=height)
            stream.pix_fmt = "yuv420p"
            container.mux(_encode(stream, first))
            for frame in frames:
                container.mux(_encode(stream, frame))
            container.mux(stream.encode(None))


def _encode(stream, frame):
    return stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame)))
