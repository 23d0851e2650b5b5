"""Scores over time: windows over a whole video, however long, in one pass of the decoder."""

import concurrent.futures
import contextlib
import gc
import os
import sys
import warnings
from typing import NamedTuple

import keras
import numpy as np

from keras_ctsep.data import (
    VideoError,
    center_crop,
    decode_clips,
    read_video_info,
    window_clips,
)
from keras_ctsep.data.decoding import known_rate

# No slower than 8 on a CPU, for half of the memory.
LARGEST_BATCH = 4
# PyTorch's `tree_flatten`, through which Keras hands over lists of tensors, leaves them in cycles
# of references. Python frees those late, because it counts objects and not bytes: in an hour that
# added 600 MB.
_BATCHES_PER_COLLECTION = 8


class WindowScores(NamedTuple):
    """What a model says about a video over time.

    Attributes:
        path: the video.
        duration: length of the video in seconds.
        starts: float array `(num_windows,)`, when each window begins, in seconds.
        ends: float array `(num_windows,)`, when each window ends, in seconds.
        scores: float array `(num_windows, num_classes)`.
    """

    path: str
    duration: float
    starts: np.ndarray
    ends: np.ndarray
    scores: np.ndarray


class Segment(NamedTuple):
    """A part of a video in which one class has the highest score.

    Attributes:
        start: when it begins, in seconds.
        end: when it ends, in seconds.
        class_name: the class.
        score: mean of the smoothed scores of that class over the windows of the part.
    """

    start: float
    end: float
    class_name: str
    score: float


def score_windows(classifier, video, every=1.0, report=warnings.warn, verbose=0):
    """Scores windows over a whole video, in one pass of the decoder.

    A window is a clip as the model of the classifier takes it, and its scores are those of the same
    clip cut alone. A thread decodes while the model computes. Memory does not grow with the length
    of the video, apart from the scores.

    Args:
        classifier: a `VideoClassifier`.
        video: path of the video.
        every: seconds from the start of a window to the start of the next one. Not shorter than the
            time from frame to frame.
        report: called with one line of text when frames of the video are missing or damaged.
        verbose: 1 shows a progress bar with the time left, on the error stream.

    Returns:
        `WindowScores`. A video that is shorter than a clip has one window, in which the last frame
        is repeated.

    Raises:
        ValueError: for windows that are too close.
        VideoError: when the video cannot be read, or does not say its frame rate.

    Example:
    >>> import keras, tempfile
    >>> from keras_ctsep.data import ClipFormat, make_motion_dataset, read_ucf101
    >>> from keras_ctsep.inference import VideoClassifier, score_windows
    >>> clip = keras.Input((None, None, None, 3))
    >>> model = keras.Model(clip, keras.layers.GlobalAveragePooling3D()(clip))
    >>> clips = ClipFormat(num_frames=5, short_side=32, crop_size=32)
    >>> classifier = VideoClassifier(model, ["red", "green", "blue"], clips)
    >>> folder = make_motion_dataset(tempfile.mkdtemp() + "/set", num_groups=2, clips_per_group=1)
    >>> video = read_ucf101(folder, subset="train").paths[0]  # 20 frames, 25 a second
    >>> windows = score_windows(classifier, video, every=0.2)
    >>> windows.starts.tolist(), windows.scores.shape
    ([0.0, 0.2, 0.4, 0.6], (4, 3))
    """
    if not every > 0:
        raise ValueError(f"Expected seconds above 0 between windows. Received: every={every}")
    video = os.fspath(video)
    info = read_video_info(video)
    rate = known_rate(video, info, f"a window every {every} seconds")
    if not every * rate >= 1:
        raise VideoError(
            f"{video}: Expected windows one frame apart or more, {1 / rate:.4g} seconds. "
            f"Received: every={every}"
        )
    indices = window_clips(*classifier.clips.sampling(video, info), every * rate)
    batch_size = min(LARGEST_BATCH, len(indices))
    scores = []
    with contextlib.redirect_stdout(sys.stderr) if verbose else contextlib.nullcontext():
        progress = keras.utils.Progbar(len(indices), verbose=verbose, unit_name="window")
        clips = read_windows(classifier.clips, video, indices, report)
        for batch, count in ahead(in_batches(clips, batch_size)):
            scores.append(np.asarray(classifier.model.predict_on_batch(batch))[:count])
            progress.add(count)
            if len(scores) % _BATCHES_PER_COLLECTION == 0:
                gc.collect()
        found = sum(map(len, scores))
        if found < len(indices):
            progress.update(found, finalize=True)  # the file ended before its header said
    # Of a file that is cut, what there is.
    num_frames = info.num_frames if found == len(indices) else indices[found - 1, -1] + 1
    return WindowScores(
        video,
        float(num_frames / rate),
        indices[:found, 0] / rate,
        (indices[:found, -1] + 1) / rate,
        np.concatenate(scores).astype("float32"),
    )


def read_windows(clips, video, indices, report):
    """Yields the windows of a video one after the other, uint8, as a model takes them.

    Args:
        clips: `ClipFormat`.
        video: path of the video.
        indices: frames of the windows, as from `window_clips`.
        report: as for `score_windows`.
    """
    rng = np.random.default_rng(0)
    for frames in decode_clips(video, indices, report=report, **clips.scaling):
        yield clips.cut(frames, center_crop, rng)


def in_batches(clips, batch_size):
    """Yields `(batch, count)`: arrays of one size, the last one filled up with its first clip.

    One size, because JAX compiles a model for each.

    Example:
    >>> import numpy as np
    >>> [(batch.tolist(), n) for batch, n in in_batches(iter(np.arange(5)), 3)]
    [([0, 1, 2], 3), ([3, 4, 3], 2)]
    """
    clips = iter(clips)
    for first in clips:
        batch = np.empty((batch_size, *first.shape), first.dtype)
        batch[:], count = first, 1
        for clip in clips:
            batch[count] = clip
            count += 1
            if count == batch_size:
                break
        yield batch, count


def ahead(items):
    """Yields the items of an iterator, of which a thread computes one in advance.

    Example:
    >>> list(ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    items, end = iter(items), object()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, items, end)
        while (item := following.result()) is not end:
            following = pool.submit(next, items, end)
            yield item


def smoothed(scores, width):
    """Returns means of scores over `width` windows around each, fewer at both ends.

    Args:
        scores: array `(num_windows, num_classes)`.
        width: int, 1 or more; an even one takes the same number on both sides, one window more.

    Example:
    >>> smoothed([[0.0], [3.0], [0.0], [6.0]], 3).ravel().tolist()
    [1.5, 1.0, 3.0, 3.0]
    """
    scores = np.asarray(scores, "float64")
    reach = width // 2
    starts = (max(place - reach, 0) for place in range(len(scores)))
    # Not differences of sums: one score that is no number would spoil all after it.
    return np.stack(
        [scores[start : place + reach + 1].mean(axis=0) for place, start in enumerate(starts)]
    )


def find_segments(windows, class_names, smoothing=1):
    """Cuts a video where the class with the highest score changes.

    A cut lies midway between the centres of the two windows. The first segment begins with the
    video, and the last one ends with it.

    Args:
        windows: `WindowScores`.
        class_names: sequence of str, one for each class.
        smoothing: over how many windows, the one in the middle included, the scores are averaged
            first; 1 leaves them as they are.

    Returns:
        list of `Segment`, in order of time, without gaps.

    Raises:
        ValueError: for a smoothing below 1.

    Example:
    >>> import numpy as np
    >>> from keras_ctsep.inference import WindowScores, find_segments
    >>> scores = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
    >>> windows = WindowScores("a.mp4", 5.0, np.array([0, 1, 2]), np.array([2, 3, 4]), scores)
    >>> for segment in find_segments(windows, ["run", "jump"]):
    ...     print(segment.start, segment.end, segment.class_name, round(segment.score, 2))
    0.0 1.5 run 0.8
    1.5 5.0 jump 0.65
    """
    if smoothing < 1:
        raise ValueError(f"Expected one window or more. Received: smoothing={smoothing}")
    scores = smoothed(windows.scores, smoothing)
    best = scores.argmax(axis=1)
    centres = (windows.starts + windows.ends) / 2
    changes = np.flatnonzero(np.diff(best)) + 1
    bounds = [0, *changes.tolist(), len(best)]
    cuts = [0.0, *((centres[changes - 1] + centres[changes]) / 2).tolist(), windows.duration]
    return [
        Segment(start, end, class_names[best[first]], float(scores[first:last, best[first]].mean()))
        for start, end, first, last in zip(cuts, cuts[1:], bounds, bounds[1:], strict=False)
    ]
