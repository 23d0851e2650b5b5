"""Decoded videos on disk, so that later epochs read frames and decode nothing."""

import contextlib
import hashlib
import json
import os
import pathlib
import struct
import threading
import time
import warnings

import av
import numpy as np

from keras_ctsep.data.decoding import (
    available_indices,
    check_indices,
    decode_frames,
    make_converter,
    scaled_size,
)
from keras_ctsep.data.video_file import VideoInfo, file_identity, open_video
from keras_ctsep.files import write_whole

_SUFFIX = ".frames"
# Changes with what a file of the cache holds.
_FORMAT = 2
# What follows the frames: number, height and width of the frames, damaged packets, `VideoInfo`.
_FOOTER = struct.Struct("<4qqd2q")


class ClipCache:
    """Keeps whole decoded videos in a folder, before any part is cut out.

    The cache returns the same frames as `keras_ctsep.data.decode_frames`, bit for bit. It keeps
    whole videos and not only the wanted frames, because random clips need other frames in each
    epoch. So the first epoch takes longer than without a cache, and a video takes
    `num_frames * height * width * 3` bytes: 12 MB for 180 frames with a short side of 128.

    Several processes may use one folder at once. A file belongs to the video's path, size and
    modification time, to how its frames are scaled and to the version of PyAV; if one of them
    changes, the video is decoded again. When the folder is full, files that were last used before
    this object was made are deleted, the oldest first. When there are no such files, further videos
    are not kept: otherwise an epoch would delete what the next epoch needs.

    Args:
        directory: the folder. It is made when missing.
        max_bytes: largest sum of the sizes of all files. Each further process that writes at the
            same time may exceed it by a sixteenth. A video that takes more than a sixteenth is
            not kept.

    Raises:
        ValueError: when `max_bytes` is not positive.

    Example:
    >>> import tempfile
    >>> from keras_ctsep.data import ClipCache
    >>> cache = ClipCache(tempfile.mkdtemp(), max_bytes=20 * 2**30)
    >>> cache.num_bytes()
    0
    """

    def __init__(self, directory, max_bytes=50 * 2**30):
        if max_bytes < 1:
            raise ValueError(f"`max_bytes` must be at least 1. Received: max_bytes={max_bytes}")
        self.directory = pathlib.Path(directory)
        self.max_bytes = max_bytes
        self.directory.mkdir(parents=True, exist_ok=True)
        self._start = time.time()
        self._lock, self._process = threading.Lock(), os.getpid()
        self._num_bytes = self.num_bytes()
        self._num_new_bytes = 0
        self._is_full = False

    def __reduce__(self):
        return ClipCache, (self.directory, self.max_bytes)

    def num_bytes(self):
        """Returns the sum of the sizes of all files, in bytes."""
        return sum(size for _, size, _ in self._files())

    def decode_frames(self, path, indices, short_side=None, report=warnings.warn, **scaling):
        """Returns frames of a video from the cache, and decodes it first if it is not in the cache.

        Arguments, result and errors are those of `keras_ctsep.data.decode_frames`.
        """
        file = self._file(path, short_side, **scaling)
        if not file.exists() and not self._store(path, short_side, scaling, file):
            return decode_frames(path, indices, short_side, report, **scaling)
        try:
            frames, info, num_damaged = self._read(file)
        except FileNotFoundError:  # another process deleted it just now
            return decode_frames(path, indices, short_side, report, **scaling)
        indices = check_indices(indices(info) if callable(indices) else indices)
        return frames[available_indices(path, indices, len(frames), num_damaged, report)]

    def _file(self, path, short_side, **scaling):
        key = [_FORMAT, av.__version__, short_side, scaling, *file_identity(path)]
        name = hashlib.sha256(json.dumps(key).encode()).hexdigest()
        return self.directory / f"{name}{_SUFFIX}"

    def _read(self, file):
        status = file.stat()
        if status.st_mtime < self._start:
            # In use, so not to be deleted. A folder that may only be read serves as well.
            with contextlib.suppress(OSError):
                os.utime(file)
        with open(file, "rb") as stream:
            stream.seek(-_FOOTER.size, os.SEEK_END)
            num_frames, height, width, num_damaged, *info = _FOOTER.unpack(stream.read())
        frames = np.memmap(file, np.uint8, "r", shape=(num_frames, height, width, 3))
        return frames, VideoInfo(*info), num_damaged

    def _store(self, path, short_side, scaling, file):
        """Returns whether the video is kept now."""
        if self._is_full:
            return False
        with open_video(path) as (info, frames):
            frame_size = scaling.get("frame_size")
            height, width = scaled_size(path, info.height, info.width, short_side, frame_size)
            if not self._make_room(info.num_frames * height * width * 3):
                return False
            to_array = make_converter(short_side, **scaling)
            try:
                with write_whole(file) as temporary, open(temporary, "wb") as stream:
                    for num_frames, (frame, num_damaged) in enumerate(frames, 1):  # noqa: B007
                        stream.write(np.ascontiguousarray(to_array(path, frame)))
                    stream.write(_FOOTER.pack(num_frames, height, width, num_damaged, *info))
            except OSError as error:
                self._is_full = True
                warnings.warn(f"{self.directory}: {error}. No more videos are kept.", stacklevel=2)
                return False
        return True

    def _make_room(self, num_bytes):
        """Returns whether a file of this size may be written."""
        if num_bytes > self.max_bytes / 16:
            return False
        if self._process != os.getpid():
            # A fork takes no threads along, and perhaps a lock that one of them holds.
            self._lock, self._process = threading.Lock(), os.getpid()
        with self._lock:
            total = self._num_bytes + num_bytes
            # Look at the folder again once in a while, because other processes write to it too.
            if total > self.max_bytes or self._num_new_bytes > self.max_bytes / 16:
                total = self._delete_unused(num_bytes) + num_bytes
                self._num_new_bytes = 0
            self._is_full = total > self.max_bytes
            if not self._is_full:
                self._num_bytes = total
                self._num_new_bytes += num_bytes
            return not self._is_full

    def _delete_unused(self, num_bytes):
        """Makes room of that size, if old files allow it, and returns the sum of what is left."""
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        for last_use, size, path in files:
            if total + num_bytes <= self.max_bytes or last_use >= self._start:
                break
            # Another process may be quicker, the folder be read-only, or on Windows a file in use.
            with contextlib.suppress(OSError):
                os.unlink(path)
            if not os.path.exists(path):
                total -= size
        return total

    def _files(self):
        for entry in os.scandir(self.directory):
            # A name with a dot in front is a file that somebody writes right now.
            if entry.name.endswith(_SUFFIX) and not entry.name.startswith("."):
                with contextlib.suppress(FileNotFoundError):  # deleted just now
                    status = entry.stat()
                    yield status.st_mtime, status.st_size, entry.path
