"""Opening video files, and what can go wrong with them."""

import contextlib
import errno
import os
from typing import NamedTuple

import av


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
        num_frames: number of frames by the header, which may be wrong, or counted without decoding
            where the format has no such header.
        fps: frames per second, on average where the rate varies; 0.0 when the file does not say.
        height: height in pixels, as shown (after rotation).
        width: width in pixels, as shown (after rotation).

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
        A context manager that gives the `VideoInfo` and an iterator over at least one pair: a
        decoded `av.VideoFrame`, and how many packets before it could not be decoded.

    Raises:
        VideoError: when not even one frame can be decoded.
    """
    with contextlib.ExitStack() as stack:
        container, stream = _open_container(path, stack)
        frames = _decode_in_order(path, container, stream)
        first = next(frames, None)
        if first is None:
            raise VideoError(f"{path}: no frame can be decoded")
        num_frames = stream.frames or _count_packets(path)
        height, width = first[0].height, first[0].width
        if quarter_turns(first[0]) % 2:
            height, width = width, height
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        yield VideoInfo(num_frames, fps, height, width), _chain(first, frames)


def quarter_turns(frame):
    """Counter-clockwise turns by 90 degrees that make a decoded frame upright."""
    return round(frame.rotation / 90) % 4


def is_remote(path):
    """True for an address that `fsspec` opens, such as `s3://...` or `zip://...::...`."""
    return "://" in os.fspath(path) or "::" in os.fspath(path)


def file_identity(path):
    """Returns strings and numbers that change when the file does.

    Raises:
        VideoError: when there is no such file.
    """
    with _errors_named(path):
        if is_remote(path):
            file_system, name = _import_fsspec(path).core.url_to_fs(os.fspath(path))
            return os.fspath(path), file_system.ukey(name)
        status = os.stat(path)
        return os.path.abspath(path), status.st_size, status.st_mtime_ns


def read_bytes(path):
    """Returns the content of a file, or of an address that `fsspec` opens.

    Raises:
        VideoError: when it cannot be read.
    """
    with _errors_named(path):
        opener = _import_fsspec(path).open if is_remote(path) else open
        with opener(os.fspath(path), "rb") as file:
            return file.read()


def _open_container(path, stack):
    with _errors_named(path):
        # "file:" keeps FFmpeg from reading a name with a colon as a protocol.
        source = f"file:{path}"
        if is_remote(path):
            source = stack.enter_context(_import_fsspec(path).open(os.fspath(path), "rb"))
        # Real files carry metadata in Latin-1; by default PyAV raises UnicodeDecodeError on them.
        container = stack.enter_context(av.open(source, metadata_errors="ignore"))
    if not container.streams.video:
        raise VideoError(f"{path}: has no video stream")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise VideoError(f"{path}: has a video stream that no decoder knows")
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    return container, stream


def _import_fsspec(path):
    try:
        import fsspec
    except ImportError as error:
        raise ImportError(f"{path} needs fsspec: pip install 'keras_ctsep[remote]'") from error
    return fsspec


@contextlib.contextmanager
def _errors_named(path):
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
        with _errors_named(path):
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:  # unreadable from here on: the video ends
                packet = None
        if packet is None:
            return
        yield packet


def _count_packets(path):
    with contextlib.ExitStack() as stack:
        container, stream = _open_container(path, stack)
        return sum(packet.size > 0 for packet in _packets(path, container, stream))


def _chain(first, frames):
    yield first
    yield from frames
