"""Where a model looks in a video, from its first frame to its last."""

import contextlib
import math
import os
import sys
import warnings
from typing import NamedTuple

import keras
import numpy as np

from keras_ctsep.data import center_crop, decode_clips, read_video_info, window_clips
from keras_ctsep.inference.activation_maps import enlarge, make_map_model
from keras_ctsep.inference.windows import ahead, in_batches, read_windows

_BATCH_SIZE = 8
_RATE_OF_UNKNOWN = 25.0


class Explanation(NamedTuple):
    """Where a model looks in a video.

    Attributes:
        path: the video.
        class_name: the class that the maps belong to.
        scores: float array `(num_classes,)`, of all classes, as `VideoClassifier.predict` returns
            them.
        score: that of the class.
        fps: frames a second of the video; 25 where it does not say.
        indices: int array `(num_windows, num_frames)`, numbers of the frames of windows that
            together cover the video. They overlap a little.
        maps: float32 array `(num_windows, map_frames, map_height, map_width)`: how much each place
            of a window speaks for the class, more than for the mean of all classes.
    """

    path: str
    class_name: str
    scores: np.ndarray
    score: float
    fps: float
    indices: np.ndarray
    maps: np.ndarray

    @property
    def is_new(self):
        """Bool array `(num_windows, num_frames)`: frames that no earlier window has."""
        last = np.concatenate([[-1], self.indices[:-1, -1]])
        is_new = self.indices > last[:, None]
        # A frame stands twice where the video is slower than the clips, or too short for one.
        is_new[:, 1:] &= np.diff(self.indices, axis=1) > 0
        return is_new

    @property
    def curve(self):
        """How much each new frame speaks for the class: times in seconds, and means of the map."""
        sizes = self.indices.shape[1], *self.maps.shape[2:]
        means = enlarge(self.maps, sizes).mean(axis=(2, 3))[self.is_new]
        return self.indices[self.is_new] / self.fps, means


def explain(classifier, video, class_name=None, report=warnings.warn, verbose=0):
    """Computes class activation maps over a whole video.

    Args:
        classifier: a `VideoClassifier` whose model ends as `make_map_model` needs it.
        video: path of the video.
        class_name: a class of the classifier; the one with the highest score if not given.
        report: called with one line of text when frames of the video are missing or damaged.
        verbose: 1 shows a progress bar with the time left, on the error stream.

    Returns:
        An `Explanation`.

    Raises:
        ValueError: for an unknown class, and when the model ends in another way.
        VideoError: when the video cannot be read.

    Reference:
        Zhou et al., "Learning deep features for discriminative localization", arXiv 1512.04150.

    Example:
    >>> import tempfile
    >>> from keras_ctsep.data import ClipFormat, make_motion_dataset, read_ucf101
    >>> from keras_ctsep.inference import VideoClassifier, explain
    >>> from keras_ctsep.models import CTSepResNet10
    >>> clips = ClipFormat(num_frames=8, short_side=36, crop_size=32)
    >>> model = CTSepResNet10(2, width=0.0625)
    >>> classifier = VideoClassifier(model, ["jump", "run"], clips)
    >>> folder = make_motion_dataset(tempfile.mkdtemp() + "/set", num_groups=2, clips_per_group=1)
    >>> video = read_ucf101(folder, subset="train").paths[0]  # 20 frames
    >>> found = explain(classifier, video, "run")
    >>> found.indices[:, [0, -1]].tolist(), found.maps.shape
    ([[0, 7], [6, 13], [12, 19]], (3, 1, 2, 2))
    """
    video = os.fspath(video)
    clips = classifier.clips
    if class_name is not None and class_name not in classifier.class_names:
        raise ValueError(f"Expected a class of the model. Received: {class_name}")
    if clips.shuffle_frames:
        raise ValueError("Expected frames in their order. Received: clips with shuffle_frames=True")
    map_model = make_map_model(classifier.model)
    [prediction] = classifier.predict([video])
    if prediction.error:
        raise prediction.error
    label = classifier.class_names.index(class_name) if class_name else prediction.scores.argmax()
    info = read_video_info(video)
    indices = _covering_indices(clips, video, info)
    maps = []
    with contextlib.redirect_stdout(sys.stderr) if verbose else contextlib.nullcontext():
        progress = keras.utils.Progbar(len(indices), verbose=verbose, unit_name="window")
        windows = read_windows(clips, video, indices, report)
        for batch, count in ahead(in_batches(windows, min(_BATCH_SIZE, len(indices)))):
            of_classes = np.asarray(map_model.predict_on_batch(batch))[:count]
            maps.extend(of_classes[..., label] - of_classes.mean(axis=-1))
            progress.update(len(maps))
        progress.update(len(maps), finalize=len(maps) < len(indices))
    return Explanation(
        video,
        classifier.class_names[label],
        prediction.scores,
        float(prediction.scores[label]),
        info.fps or _RATE_OF_UNKNOWN,
        indices[: len(maps), -clips.num_frames :],
        np.stack(maps),
    )


def draw_explanation(explanation, clips):
    """Draws the maps over the frames, in which the model saw them.

    Where a place speaks for the class most in the whole video, it is red; half as much is orange;
    places that do not speak for it keep their colours.

    Args:
        explanation: an `Explanation`.
        clips: `ClipFormat`, that of the classifier.

    Yields:
        Two uint8 arrays `(height, width, 3)` for each new frame of each window: the frame as it
        is, and with the map.
    """
    strongest = max(float(explanation.maps.max()), 1e-9)
    windows = decode_clips(explanation.path, explanation.indices, report=_ignore, **clips.scaling)
    for window, of_class, is_new in zip(
        windows, explanation.maps, explanation.is_new, strict=False
    ):
        frames = center_crop(window, clips.crop_size)
        heat = np.clip(enlarge(of_class, frames.shape[:3]) / strongest, 0, 1)[..., None]
        colour = np.concatenate([np.full_like(heat, 255), 255 * (1 - heat), 0 * heat], axis=-1)
        shares = 0.6 * heat
        drawn = (frames * (1 - shares) + colour * shares + 0.5).astype("uint8")
        yield from zip(frames[is_new], drawn[is_new], strict=True)


def _covering_indices(clips, video, info):
    """Returns the frames of as few windows as cover a video, at equal distances."""
    sampling = clips.sampling(video, info)
    [first] = window_clips(*sampling, max(1, info.num_frames))
    span = int(first[-1]) + 1
    num_windows = math.ceil(info.num_frames / span)
    step = (info.num_frames - span) / (num_windows - 1) if num_windows > 1 else info.num_frames
    return window_clips(*sampling, max(1, step))


def _ignore(text):
    """Leaves out what `explain` has reported already."""
