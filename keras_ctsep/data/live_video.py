"""Frames of a video as they come: from a file, a pipe, a camera or a stream."""

import contextlib
import os
import queue
import threading
import time
import warnings

from keras_ctsep.data.decoding import make_converter
from keras_ctsep.data.video_file import VideoError, open_source, open_video

_MOST_WAITING = 32  # frames, about a second
_PATIENCE = 5.0  # seconds without a frame before that is said
_PAUSE = 0.01  # seconds


class LiveVideo:
    """The frames of a source that may never end, in order of time.

    A thread reads the source. Where frames come faster than they are taken, those of a file wait.
    All other sources do not wait: once more than a second of frames is waiting, frames are dropped
    until all of these are taken, and counted.

    Args:
        source: a file, a named pipe, `"-"` for the standard input, a camera such as
            `"/dev/video0"`, or the address of a stream that FFmpeg opens, such as `"rtsp://..."`.
        short_side: size in pixels of the shorter side after scaling; `None` keeps the size.
        frame_stride: distance between the frames, in frames of the source.
        fps: frames a second, instead of `frame_stride`.
        report: called with one line of text when nothing has come for 5 seconds.
        **scaling: `frame_size` and `antialias`, as for `decode_frames`.

    Attributes:
        num_frames: frames handed out so far.
        num_dropped: frames dropped so far.
        seconds: time of the last frame that was handed out.
        rate: frames a second that are handed out, 0.0 while that is unknown.

    Raises:
        VideoError: in the loop, when not even one frame can be read. A source that breaks off
            later ends there.

    Example:
    >>> import tempfile
    >>> from keras_ctsep.data import LiveVideo, make_motion_dataset, read_ucf101
    >>> folder = make_motion_dataset(tempfile.mkdtemp() + "/set", num_groups=2, clips_per_group=1)
    >>> with LiveVideo(read_ucf101(folder, subset="train").paths[0], frame_stride=2) as video:
    ...     shapes = {frame.shape for frame in video}
    >>> len(shapes), video.num_frames > 0, video.num_dropped
    (1, True, 0)
    """

    def __init__(
        self, source, short_side=None, frame_stride=1, fps=None, report=warnings.warn, **scaling
    ):
        self.source = os.fspath(source)
        self.short_side, self.frame_stride, self.fps = short_side, frame_stride, fps
        self._to_array = make_converter(short_side, **scaling)
        self.num_frames, self.num_dropped, self.seconds, self.rate = 0, 0, 0.0, 0.0
        self._report = report
        self._waits = os.path.isfile(self.source)
        self._frames = queue.Queue(_MOST_WAITING)
        self._origin, self._is_dropping = 0.0, False
        self._stop = threading.Event()
        # Opening too may take for ever, and Ctrl-C reaches the main thread alone.
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def stop(self):
        """Ends the loop over the frames. A handler of signals may call it."""
        self._stop.set()

    def __exit__(self, *error):
        self.stop()
        self._thread.join(timeout=1)  # one that waits for its source ends with the program

    def __iter__(self):
        since, is_told = time.monotonic(), False
        while not self._stop.is_set():
            try:
                seconds, frame = self._frames.get(timeout=_PAUSE)
            except queue.Empty:
                if not is_told and time.monotonic() - since > _PATIENCE:
                    self._report(f"{self.source}: nothing for {_PATIENCE:.0f} seconds, waiting")
                    is_told = True
                continue
            if isinstance(frame, Exception):
                raise frame
            if frame is None:
                return
            self.num_frames, self.seconds = self.num_frames + 1, seconds
            yield frame
            since, is_told = time.monotonic(), False

    def _read(self):
        end = None
        try:
            with _open(self.source) as (rate, frames):
                self._sample(rate, frames)
        except Exception as error:  # raised where the frames are taken
            end = error
        while not self._stop.is_set():
            with contextlib.suppress(queue.Full):
                self._frames.put((self.seconds, end), timeout=_PAUSE)
                return

    def _sample(self, rate, frames):
        """Offers the wanted ones of the decoded frames."""
        stride = self.frame_stride
        if self.fps:
            if not rate:
                raise VideoError(
                    f"{self.source}: does not say its frame rate, fps={self.fps} is wanted"
                )
            stride = rate / self.fps
        self.rate = rate / stride
        num_offered = 0
        for index, (frame, _) in enumerate(frames):
            while int(num_offered * stride) == index:
                seconds = index / rate if rate else frame.time or 0.0
                if self._has_room(seconds):
                    self._frames.put((seconds, self._to_array(self.source, frame)))
                num_offered += 1
            if self._stop.is_set():
                return

    def _has_room(self, seconds):
        """Waits until there is room for a frame of that time, or it is too late for it."""
        while not self._stop.is_set():
            if self._frames.empty():
                # Nobody is behind: after a pause of the source, the clock starts again.
                self._origin, self._is_dropping = time.monotonic() - seconds, False
            if not self._is_dropping and not self._frames.full():
                return True
            # A server may send a film faster than it plays.
            if not self._waits and time.monotonic() >= self._origin + seconds:
                self._is_dropping = True
                self.num_dropped += 1
                return False
            time.sleep(_PAUSE)
        return False


@contextlib.contextmanager
def _open(source):
    """Yields frames per second, 0.0 if unknown, and an iterator over decoded frames."""
    if os.path.isfile(source):
        with open_video(source) as (info, frames):
            yield info.fps, frames
    else:
        with open_source(source) as opened:
            yield opened
