"""Which frames of a video make a clip: pure arithmetic on frame numbers."""

import numpy as np


def random_clip(num_video_frames, num_frames, frame_stride=1, *, rng):
    """Draws the frames of one clip at a random place of a video.

    Args:
        num_video_frames: number of frames of the video.
        num_frames: number of frames of the clip.
        frame_stride: distance between two frames of the clip. May be a fraction: the video's rate
            divided by the wanted rate. Below 1, frames come more than once.
        rng: a `numpy.random.Generator`.

    Returns:
        Integer array `(num_frames,)`, ascending. In a video that is too short for the clip, it
        starts at frame 0, and the last frame is repeated.

    Raises:
        ValueError: when an argument is not positive.

    Example:
    >>> import numpy as np
    >>> from keras_ctsep.data import random_clip
    >>> random_clip(5, 4, frame_stride=2, rng=np.random.default_rng(0)).tolist()
    [0, 2, 4, 4]
    """
    offsets = _clip_offsets(num_video_frames, num_frames, frame_stride)
    num_starts = max(1, num_video_frames - int(offsets[-1]))
    return np.minimum(rng.integers(num_starts) + offsets, num_video_frames - 1)


def uniform_clips(num_video_frames, num_frames, frame_stride=1, num_clips=1):
    """Places clips at equal distances over a video.

    The possible first frames are cut into `num_clips` equal segments, and each clip starts in the
    middle of one: a single clip is the middle of the video.

    Args:
        num_video_frames: number of frames of the video.
        num_frames: number of frames of a clip.
        frame_stride: distance between two frames of a clip. May be a fraction: the video's rate
            divided by the wanted rate. Below 1, frames come more than once.
        num_clips: number of clips. They overlap where the video is short.

    Returns:
        Integer array `(num_clips, num_frames)`, ascending in both directions. In a video that is
        too short for a clip, all start at frame 0, and the last frame is repeated.

    Raises:
        ValueError: when an argument is not positive.

    Example:
    >>> from keras_ctsep.data import uniform_clips
    >>> uniform_clips(10, 4, num_clips=2).tolist()
    [[1, 2, 3, 4], [5, 6, 7, 8]]
    """
    if num_clips < 1:
        raise ValueError(f"`num_clips` must be at least 1. Received: num_clips={num_clips}")
    offsets = _clip_offsets(num_video_frames, num_frames, frame_stride)
    num_starts = max(1, num_video_frames - int(offsets[-1]))
    starts = (2 * np.arange(num_clips) + 1) * num_starts // (2 * num_clips)
    return np.minimum(starts[:, None] + offsets, num_video_frames - 1)


def window_clips(num_video_frames, num_frames, frame_stride=1, step=1):
    """Places clips one after the other over a whole video, from its first frame on.

    Clip `i` starts at the frame that is nearest to `i * step`, the later one of two. The last clip
    is the last one that ends within the video.

    Args:
        num_video_frames: number of frames of the video.
        num_frames: number of frames of a clip.
        frame_stride: distance between two frames of a clip. May be a fraction, as in
            `uniform_clips`.
        step: frames from the start of a clip to the start of the next one, 1 or more. May be a
            fraction.

    Returns:
        Integer array `(num_clips, num_frames)`, ascending in both directions. A video that is too
        short for a clip has one, in which the last frame is repeated.

    Raises:
        ValueError: when an argument is not positive, or the step is below 1.

    Example:
    >>> from keras_ctsep.data import window_clips
    >>> window_clips(8, 3, frame_stride=2, step=1.5).tolist()
    [[0, 2, 4], [2, 4, 6], [3, 5, 7]]
    """
    if not 1 <= step < np.inf:
        raise ValueError(f"`step` must be one frame or more. Received: step={step}")
    offsets = _clip_offsets(num_video_frames, num_frames, frame_stride)
    last_start = max(0, num_video_frames - 1 - int(offsets[-1]))
    starts = np.floor(np.arange(int(last_start / step) + 2) * step + 0.5).astype(np.int64)
    starts = starts[starts <= last_start]
    return np.minimum(starts[:, None] + offsets, num_video_frames - 1)


def _clip_offsets(num_video_frames, num_frames, frame_stride):
    if num_video_frames < 1 or num_frames < 1 or not frame_stride > 0:
        raise ValueError(
            "`num_video_frames`, `num_frames` and `frame_stride` must be positive. Received: "
            f"num_video_frames={num_video_frames}, num_frames={num_frames}, "
            f"frame_stride={frame_stride}"
        )
    return np.floor(np.arange(num_frames) * frame_stride).astype(np.int64)
