"""Opening video files, and what can go wrong with them."""

import contextlib
import errno
import functools
import itertools
import os
import stat
import struct
from typing import NamedTuple

import av
import numpy as np
from av.stream import Disposition

from keras_ctsep.files import import_fsspec, is_remote

# A rate that differs by more from what the time stamps say is a guess of the container.
_RATE_TOLERANCE = 0.1


class VideoError(ValueError):
    """A video file that cannot be used. The message begins with the file's name.

    Example:
    >>> from keras_ctsep.data import VideoError, read_video_info
    >>> try:
    ...     read_video_info("jump.avi")
    ... except VideoError as error:
    ...     print(error)
    jump.avi: No such file or directory
    """


class VideoInfo(NamedTuple):
    """What a video file says about itself.

    Attributes:
        num_frames: number of frames that a player shows, by the file's index, or counted without
            decoding where there is none. Damaged files may have fewer.
        fps: frames per second, on average where the rate varies; 0.0 when the file does not say.
        height: height in stored pixels, after rotation.
        width: width in stored pixels, after rotation.

    Example:
    >>> from keras_ctsep.data import VideoInfo
    >>> info = VideoInfo(num_frames=250, fps=25.0, height=240, width=320)
    >>> info.num_frames / info.fps
    10.0
    """

    num_frames: int
    fps: float
    height: int
    width: int


@contextlib.contextmanager
def open_video(path):
    """Opens a video for decoding in order.

    Args:
        path: a file, or an address that `fsspec` opens.

    Returns:
        A context manager that yields the `VideoInfo` and an iterator over at least one pair: a
        decoded `av.VideoFrame`, and how many packets before it could not be decoded.

    Raises:
        VideoError: when not even one frame can be decoded.
    """
    with contextlib.ExitStack() as stack:
        container, stream = _open_container(path, stack)
        first, frames = _with_first(path, _decode_in_order(path, container, stream))
        height, width = first.height, first.width
        if orientation(first)[0]:
            height, width = width, height
        yield VideoInfo(*_length_and_rate(path, stream), height, width), frames


@contextlib.contextmanager
def open_source(source):
    """Opens what can be read once, in order: a pipe, a camera, the address of a stream.

    Args:
        source: a named pipe, `"-"` for the standard input, a device, or an address that FFmpeg
            opens.

    Returns:
        A context manager that yields frames per second, 0.0 where that is not known, and the
        iterator of `open_video`.

    Raises:
        VideoError: when not even one frame can be decoded.
    """
    with contextlib.ExitStack() as stack:
        with errors_named(source):
            address, kind = _address_and_format(source)
            opened = av.open(address, format=kind, metadata_errors="ignore")
            container = stack.enter_context(opened)
        stream = _film_of(source, container)
        _, frames = _with_first(source, _decode_in_order(source, container, stream))
        yield float(stream.average_rate or stream.guessed_rate or 0), frames


def orientation(frame):
    """Returns what makes a decoded frame upright, see `orientation_of`."""
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            return orientation_of(bytes(data))
    return False, False, False


def orientation_of(matrix):
    """Returns what a display matrix means: a transposition, and then flips.

    It maps a place (x, y) to (a x + c y, b x + d y). Phones write it for the four turns, their
    front cameras for the four mirrored ones too.

    Args:
        matrix: the nine 32-bit integers a, b, u, c, d, v, x, y, w as bytes.

    Returns:
        A tuple of three bools: swap height and width, then mirror rows, then mirror columns.
    """
    a, b, _, c, d = struct.unpack("=9i", matrix)[:5]
    is_transposed = abs(b) > abs(a)
    return is_transposed, (b if is_transposed else d) < 0, (c if is_transposed else a) < 0


def upright(pictures, orientation):
    """Returns arrays `(..., height, width, 3)` as a player shows them."""
    is_transposed, mirrors_rows, mirrors_columns = orientation
    if is_transposed:
        pictures = np.swapaxes(pictures, -3, -2)
    rows, columns = (slice(None, None, -1 if flip else 1) for flip in orientation[1:])
    return pictures[..., rows, columns, :]


def file_identity(path):
    """Returns strings and numbers that change when the file does.

    Raises:
        VideoError: when there is no such file.
    """
    with errors_named(path):
        if is_remote(path):
            file_system, name = import_fsspec(path).core.url_to_fs(os.fspath(path))
            return os.fspath(path), file_system.ukey(name)
        status = os.stat(path)
        return os.path.abspath(path), status.st_size, status.st_mtime_ns


def read_bytes(path):
    """Returns the content of a file, or of an address that `fsspec` opens.

    Raises:
        VideoError: when it cannot be read.
    """
    with errors_named(path):
        opener = import_fsspec(path).open if is_remote(path) else open
        with opener(os.fspath(path), "rb") as file:
            return file.read()


def _open_container(path, stack):
    with errors_named(path):
        # "file:" keeps FFmpeg from reading a name with a colon as a protocol.
        source = f"file:{path}"
        if is_remote(path):
            source = stack.enter_context(import_fsspec(path).open(os.fspath(path), "rb"))
        elif not stat.S_ISREG(os.stat(path).st_mode):
            # A pipe can be read once; a loader opens each file again for every clip.
            raise OSError("is no regular file")
        # Real files carry metadata in Latin-1; by default PyAV raises UnicodeDecodeError on them.
        container = stack.enter_context(av.open(source, metadata_errors="ignore"))
    return container, _film_of(path, container)


def _address_and_format(source):
    if source == "-":
        return "pipe:0", None
    if "://" in source and not os.path.exists(source):
        return source, None
    is_device = stat.S_ISCHR(os.stat(source).st_mode)
    return (source, "v4l2") if is_device else (f"file:{source}", None)


def _film_of(path, container):
    """Returns the stream to show, set up to be decoded in this thread."""
    # Embedded artwork is a stream of one picture, which may come first.
    films = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not films:
        raise VideoError(f"{path}: has no video stream")
    best = container.streams.best("video")
    stream = best if best in films else films[0]
    if stream.codec_context is None:
        raise VideoError(f"{path}: has a video stream that no decoder knows")
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    return stream


@contextlib.contextmanager
def errors_named(path):
    """Makes every error in it a `VideoError` that begins with the name of the file."""
    try:
        yield
    except ImportError:  # a missing package is no fault of the file
        raise
    except Exception as error:  # each file system raises errors of its own
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if isinstance(error, FileNotFoundError):  # which may say the name again, and no more
            reason = os.strerror(errno.ENOENT)
        raise VideoError(f"{path}: {reason}") from error


def _decode_in_order(path, container, stream):
    """Yields `(frame, number of packets so far that could not be decoded)`."""
    num_damaged = 0
    for packet in _packets(path, container, stream):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            num_damaged += 1
            continue
        for frame in frames:
            yield frame, num_damaged


def _packets(path, container, stream):
    packets = container.demux(stream)
    while True:
        with errors_named(path):
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:  # unreadable from here on: the video ends
                packet = None
        if packet is None:
            return
        yield packet


def _length_and_rate(path, stream):
    """Returns the number of frames that will be shown, and frames per second or 0.0."""
    rate, num_frames = float(stream.average_rate or 0), stream.frames
    if rate and num_frames:
        index = list(stream.index_entries)
        if not _reaches_the_end(index, stream):
            return num_frames, rate  # of a file that is cut: what it should have
        # An edit list hides frames that others need, and some writers leave packets empty.
        shown = [entry.timestamp for entry in index if entry.size and not entry.is_discard]
        span = float((shown[-1] - shown[0]) * stream.time_base) if shown else 0
        if span > 0 and len(shown) == len(index):
            rate = _rate_that_fits(rate, (len(shown) - 1) / span)
        return len(shown), rate
    num_frames, measured = _read_stamps(path, file_identity(path))
    return num_frames, _rate_that_fits(rate, measured)


def _rate_that_fits(rate, measured):
    if measured and abs(rate / measured - 1) > _RATE_TOLERANCE:
        return measured
    return rate


def _reaches_the_end(index, stream):
    """Whether the index has all frames, although the header may count others."""
    if not index or "mov" in stream.container.format.name.split(","):
        return bool(index)  # it stands in the header itself, without what no edit shows
    # AVI has its index at the end. FFmpeg knows the first few entries of a file that is cut.
    return index[-1].timestamp >= 0.8 * (stream.duration or 0)


@functools.lru_cache(maxsize=100_000)
def _read_stamps(path, identity):
    """Returns the number of packets that will be shown, and the rate of their time stamps."""
    del identity  # a file that has changed is read again
    with contextlib.ExitStack() as stack:
        container, stream = _open_container(path, stack)
        packets = [
            (packet.pts, packet.is_discard)
            for packet in _packets(path, container, stream)
            if packet.size
        ]
        stamps = [pts for pts, _ in packets if pts is not None]
        span = float((max(stamps) - min(stamps)) * stream.time_base) if stamps else 0
    rate = (len(stamps) - 1) / span if span > 0 else 0.0
    return sum(not is_discard for _, is_discard in packets), rate


def _with_first(path, frames):
    """Returns the first decoded frame, and an iterator over all of them."""
    first = next(frames, None)
    if first is None:
        raise VideoError(f"{path}: no frame can be decoded")
    return first[0], itertools.chain([first], frames)
