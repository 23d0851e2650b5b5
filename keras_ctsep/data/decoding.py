"""Frames out of video files: decoded in order, counted, never by seeking.

Time stamps cannot be trusted: AVI files with packed B frames have stamps that go backwards, and a
seek lands where the index says, not where the frame is. The n-th frame that comes out of the
decoder is frame n, always. One thread decodes one file; the loader decodes files side by side.
"""

import warnings

import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from keras_ctsep.data.transforms import resize
from keras_ctsep.data.video_file import (
    VideoError,
    errors_named,
    open_video,
    orientation,
    upright,
)

# Bit-exact: the same bytes on every processor. FULL_CHR_H_INT keeps the colours of all columns;
# without it swscale computes one colour for two columns and all frames come out too dark.
_SCALING = (
    Interpolation.BILINEAR
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
    | Interpolation.FULL_CHR_H_INT
)
# No video is 32 times as wide as high, but a damaged header may say so, and ask for gigabytes.
_LARGEST_ASPECT_RATIO = 32


def read_video_info(path):
    """Reads the number of frames, the rate and the size of a video.

    Args:
        path: a file, or an address that `fsspec` opens (`s3://...`, `zip://...::...`).

    Returns:
        A `VideoInfo`.

    Raises:
        VideoError: when the file is no video that can be decoded.

    Example:
    >>> import tempfile
    >>> from keras_ctsep.data import make_motion_dataset, read_ucf101, read_video_info
    >>> folder = make_motion_dataset(tempfile.mkdtemp() + "/set", num_groups=2, clips_per_group=1)
    >>> videos = read_ucf101(folder, subset="train")
    >>> read_video_info(videos.paths[0]).fps > 0
    True
    """
    with open_video(path) as (info, _):
        return info


def decode_frames(
    path, indices, short_side=None, report=warnings.warn, frame_size=None, antialias=True
):
    """Decodes frames of a video, and converts only the wanted ones.

    The file is decoded in order up to the last wanted frame. If the video ends earlier, its last
    frame is repeated, and `report` is called; if fewer than half of the wanted frames exist, that
    is an error. One missing frame is not reported: many headers count one too many. Packets that
    cannot be decoded are left out and reported.

    Args:
        path: a file, or an address that `fsspec` opens (`s3://...`, `zip://...::...`).
        indices: integers >= 0 of any shape, in any order, repeated or not. Or a function that gets
            the video's `VideoInfo` and returns them, so that the file is opened once.
        short_side: size in pixels of the shorter side after bilinear scaling; `None` keeps the
            size.
        report: called with one line of text, beginning with the file's name, when frames are
            missing or damaged.
        frame_size: `(height, width)` that every frame is scaled to, whatever its aspect, instead
            of `short_side`.
        antialias: whether scaling down averages over all pixels. Otherwise only the four nearest
            ones count, as for the networks of torchvision and PyTorchVideo.

    Returns:
        uint8 array `indices.shape + (height, width, 3)`, RGB, upright.

    Raises:
        VideoError: when the file is no video that can be decoded, or is too short.

    Example:
    >>> import tempfile
    >>> from keras_ctsep.data import decode_frames, make_motion_dataset, read_ucf101
    >>> folder = make_motion_dataset(tempfile.mkdtemp() + "/set", num_groups=2, clips_per_group=1)
    >>> video = read_ucf101(folder, subset="train").paths[0]
    >>> frames = decode_frames(video, [0, 2, 4], short_side=32)
    >>> frames.shape[:2], frames.dtype.name
    ((3, 32), 'uint8')
    """
    with open_video(path) as (info, frames):
        indices = check_indices(indices(info) if callable(indices) else indices)
        wanted = set(indices.ravel().tolist())
        last = max(wanted)
        to_array = make_converter(short_side, frame_size, antialias)
        pictures = {}
        for num_decoded, (frame, damaged) in enumerate(frames, 1):  # noqa: B007
            if num_decoded - 1 in wanted:
                pictures[num_decoded - 1] = to_array(path, frame)
            if num_decoded > last:
                break
        else:
            pictures[num_decoded - 1] = to_array(path, frame)
    indices = available_indices(path, indices, num_decoded, damaged, report)
    first = next(iter(pictures.values()))
    result = np.empty(indices.shape + first.shape, np.uint8)
    for position, index in np.ndenumerate(indices):
        result[position] = pictures[int(index)]
    return result


def known_rate(path, info, wanted):
    """Returns the frames per second of a video, or raises where the file does not say them.

    Args:
        path: the file, for the message.
        info: its `VideoInfo`.
        wanted: text that says what needs the rate, for the message.

    Raises:
        VideoError: when the rate is not known.
    """
    if not info.fps:
        raise VideoError(f"{path}: does not say its frame rate, {wanted} is wanted")
    return info.fps


def make_converter(short_side, frame_size=None, antialias=True):
    """Makes the function `(path, frame) -> uint8 array (height, width, 3)` for one video.

    All frames get the size of the first one, even where a damaged stream changes its size.
    """
    # One reformatter for the video: a new one for each frame costs ten times the scaling.
    reformatter = VideoReformatter()
    size = None

    def to_array(path, frame):
        nonlocal size
        turned = orientation(frame)
        stored = (frame.height, frame.width)
        if size is None:
            shown = stored[::-1] if turned[0] else stored
            size = scaled_size(path, *shown, short_side, frame_size)
        height, width = size[::-1] if turned[0] else size
        with errors_named(path):  # FFmpeg converts from most formats of pixels, not from all
            picture = reformatter.reformat(
                frame,
                height=height if antialias else stored[0],
                width=width if antialias else stored[1],
                format="rgb24",
                interpolation=_SCALING,
                threads=1,
            ).to_ndarray()
        picture = upright(picture, turned)
        return picture if antialias else resize(picture[None], *size)[0]

    return to_array


def check_indices(indices):
    """Returns the indices as an array of integers >= 0, or raises `ValueError`."""
    indices = np.asarray(indices)
    if not indices.size or indices.dtype.kind not in "iu" or indices.min() < 0:
        raise ValueError(
            f"`indices` must be at least one frame number, integers >= 0. Received: {indices!r}"
        )
    return indices


def available_indices(path, indices, num_decoded, num_damaged, report):
    """Replaces indices past the end by the last one, and reports missing frames.

    Args:
        path: the file, for messages.
        indices: integer array, the wanted frames.
        num_decoded: number of frames that the file really has.
        num_damaged: number of packets that could not be decoded.
        report: called with one line of text when frames are missing or damaged.

    Raises:
        VideoError: when fewer than half of the wanted frames exist.
    """
    wanted = np.unique(indices)
    # Headers of HMDB51 and others count one frame too many: the one past the end is no loss.
    num_missing = int(np.sum(wanted > num_decoded))
    if 2 * num_missing > wanted.size:
        raise VideoError(
            f"{path}: ends after {num_decoded} frames, "
            f"{num_missing} of the {wanted.size} wanted ones are missing"
        )
    if num_missing:
        report(
            f"{path}: ends after {num_decoded} frames, its last frame replaces {num_missing} of "
            f"{wanted.size} frames"
        )
    elif num_damaged:
        report(f"{path}: {num_damaged} damaged packets left out")
    return np.minimum(indices, num_decoded - 1)


def scaled_size(path, height, width, short_side, frame_size=None):
    """Height and width of frames scaled to `frame_size`, or their shorter side to `short_side`."""
    shorter, longer = sorted((height, width))
    if longer > _LARGEST_ASPECT_RATIO * shorter:
        raise VideoError(f"{path}: frames of {width}x{height} pixels cannot be right")
    if frame_size is not None:
        return tuple(frame_size)
    if short_side is None:
        return height, width
    longer = round(longer * short_side / shorter)
    return (short_side, longer) if height <= width else (longer, short_side)
