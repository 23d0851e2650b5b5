"""A trained model with the names of its classes and the way its clips are cut."""

import math
import os
import zipfile
import zlib
from typing import NamedTuple

import keras
import numpy as np

import keras_ctsep
from keras_ctsep.data import Annotations, ClipFormat, VideoDataset, VideoError
from keras_ctsep.data.look_ahead import LookAhead
from keras_ctsep.files import local_file, write_whole
from keras_ctsep.inference.about import about_weights, append_about, read_about
from keras_ctsep.inference.class_names import names_beside
from keras_ctsep.inference.exported import format_of, open_exported
from keras_ctsep.models import make_network
from keras_ctsep.weights import count_saved_classes
from keras_ctsep.weights.published import is_name

_LARGEST_BATCH = 16


class Prediction(NamedTuple):
    """What a model says about one video.

    Attributes:
        path: the video.
        scores: float array `(num_classes,)`, the mean over the clips; `None` after an error.
        frames: uint8 array `(num_frames, height, width, 3)`, what the model saw of the middle
            clip; `None` after an error.
        error: the `VideoError` of a video that cannot be read, else `None`.
    """

    path: str
    scores: np.ndarray | None
    frames: np.ndarray | None
    error: VideoError | None


class VideoClassifier:
    """A model that knows the names of its classes and how its clips are cut.

    Saved, it is an ordinary `.keras` file that has both inside, so that a file that was moved
    predicts the same. `keras.saving.load_model` opens it as well, as the model alone. Files that
    `keras_ctsep.export.export` wrote are opened in the same way.

    Args:
        model: a Keras model that takes clips `(batch, frames, height, width, 3)` and returns
            scores `(batch, num_classes)`; of an exported file an object with the same `predict`.
        class_names: sequence of str, one for each class.
        clips: `keras_ctsep.data.ClipFormat`, how clips are cut. `VideoDataset.clips` is what a
            model was trained with.

    Raises:
        ValueError: when the names or the clips do not fit the model.

    Example:
    >>> import keras, tempfile
    >>> from keras_ctsep.data import ClipFormat
    >>> from keras_ctsep.inference import VideoClassifier
    >>> clip = keras.Input((None, None, None, 3))
    >>> model = keras.Model(clip, keras.layers.GlobalAveragePooling3D()(clip))
    >>> clips = ClipFormat(num_frames=8, fps=15, short_side=64, crop_size=56)
    >>> path = tempfile.mkdtemp() + "/model.keras"
    >>> VideoClassifier(model, ["red", "green", "blue"], clips).save(path)
    >>> classifier = VideoClassifier.load(path, frame_stride=2)
    >>> classifier.class_names
    ('red', 'green', 'blue')
    >>> classifier.clips.frame_stride, classifier.clips.fps
    (2, None)
    """

    def __init__(self, model, class_names, clips):
        self.model = model
        self.class_names = tuple(map(str, class_names))
        self.clips = clips
        if not isinstance(clips, ClipFormat):
            raise ValueError(f"`clips` must be a ClipFormat. Received: clips={clips}")
        num_classes = model.output_shape[-1]
        if len(self.class_names) != num_classes:
            raise ValueError(
                f"Expected a name for each of the {num_classes} classes of the model. "
                f"Received: {len(self.class_names)} names"
            )
        _check_sizes(model, self.clips)

    @property
    def about(self):
        """What a file has beside the model: a dict of the class names, the clips and versions."""
        return {
            "class_names": self.class_names,
            "clips": self.clips.to_dict(),
            "keras_ctsep": keras_ctsep.__version__,
            "keras": keras.__version__,
        }

    def save(self, path):
        """Writes a `.keras` file with the names of the classes and the clips inside it.

        Args:
            path: where to write; the file appears whole or not at all.

        Raises:
            OSError: when the file cannot be written.
            ValueError: when the path has another ending, and for a model of an exported file.
        """
        if not os.fspath(path).endswith(".keras"):
            raise ValueError(f"Expected a path that ends in .keras. Received: {path}")
        self.require_keras()
        with write_whole(path) as temporary:
            self.model.save(temporary)
            append_about(temporary, self.about)

    def require_keras(self):
        """Raises a ValueError unless the model is one of Keras, with layers and weights."""
        if not isinstance(self.model, keras.Model):
            raise ValueError("Expected the model of a .keras file. Received: an exported file")

    @classmethod
    def load(cls, path, class_names=None, **clips):
        """Opens a `.keras` file, or one that `keras_ctsep.export.export` wrote.

        Args:
            path: a file that `save` or `export` wrote, or an address of one that `fsspec` opens
                (`hf://...`, `s3://...`, `https://...`). For others, `class_names` and `clips` have
                to be given.
            class_names: sequence of str instead of the names in the file.
            **clips: arguments of `ClipFormat` instead of those in the file, unless `None`, see
                `ClipFormat.from_dict`.

        Returns:
            A `VideoClassifier`; its model is not compiled. An exported file runs on the CPU, in the
            runtime of its format.

        Raises:
            ModuleNotFoundError: when the runtime of an exported file is not installed.
            ValueError: when the file is no model, or does not say what is not given.
        """
        with local_file(path) as file:
            return cls._load(file, class_names, clips)

    @classmethod
    def _load(cls, path, class_names, clips):
        model, about = open_exported(path) if format_of(path) else (None, _about_keras_file(path))
        saved = about.get("clips", {})
        given = {name: value for name, value in clips.items() if value is not None}
        class_names = about.get("class_names") if class_names is None else class_names
        if class_names is None or not (saved or given):
            raise ValueError(
                f"{path}: Expected a file that VideoClassifier saved, or class names, num_frames, "
                "short_side, crop_size, and frame_stride or fps with it. "
                f"Received: {saved | given or 'no clips'}, {len(class_names or ())} class names"
            )
        try:
            clips = ClipFormat.from_dict(saved, **given)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error
        return cls(model or _load_keras_model(path), class_names, clips)

    @classmethod
    def from_weights(cls, name, weights, class_names=None, **clips):
        """Makes a network and fills it with weights that others trained.

        The clips are those that the network's published weights were trained with; for a network
        without any, those of R(2+1)D: 16 frames, 15 a second. Published weights have names of
        classes. A `.keras` file that `save` wrote has clips and names inside. For another file the
        names are those of the `classes.txt` next to it, where it has as many lines as the file's
        head has classes, else Kinetics-400's or Kinetics-600's, where the head has 400 or 600.

        Args:
            name: name of the network, see `keras_ctsep.models.make_network`.
            weights: the name of published weights, such as `"kinetics400"`, or a file or an address
                as for `keras_ctsep.weights.load_weights`.
            class_names: sequence of str instead of those names.
            **clips: arguments of `ClipFormat` instead of those above, unless `None`, as in `load`.

        Returns:
            A `VideoClassifier`.

        Raises:
            ValueError: when the weights do not fit the network, or no class names fit them.
        """
        with local_file(weights) as file:  # a name is no address, and stays as it is
            about = about_weights(name, file)
            clips = ClipFormat.from_dict(about["clips"], **clips)
            known_names = about.get("class_names")
            if is_name(weights):
                model = make_network(name, len(known_names), weights=weights, head="same")
                return cls(model, class_names or known_names, clips)
            num_classes = count_saved_classes(file)
            class_names = class_names or known_names or names_beside(file, num_classes)
            model = make_network(name, num_classes, weights=file)
        return cls(model, class_names, clips)

    def dataset(self, annotations, **options):
        """Makes a data set with the clips of this model.

        Args:
            annotations: `keras_ctsep.data.Annotations` with the classes of this model.
            **options: more arguments of `keras_ctsep.data.VideoDataset`, `batch_size` among them.

        Returns:
            A `VideoDataset`.

        Raises:
            ValueError: for other classes, and what `VideoDataset` raises.
        """
        if annotations.class_names != self.class_names:
            raise ValueError(
                f"Expected the {len(self.class_names)} classes of the model, in its order. "
                f"Received: {len(annotations.class_names)} classes, or others"
            )
        return VideoDataset(annotations, clips=self.clips, **options)

    def predict(self, videos, num_clips=10, num_threads=2):
        """Scores videos one after the other; threads read the next ones in the meantime.

        Args:
            videos: sequence of paths.
            num_clips: clips spread over each video; its scores are their mean.
            num_threads: number of threads that read videos.

        Yields:
            A `Prediction` for each video, in order. One that cannot be read does not stop the
            others.

        Raises:
            ValueError: for less than one clip.
        """
        if num_clips < 1:
            raise ValueError(f"Expected one clip or more. Received: num_clips={num_clips}")
        videos = [os.fspath(video) for video in videos]
        look_ahead = LookAhead(lambda number: self._views(videos[number], num_clips), num_threads)
        batch_size = math.ceil(num_clips / math.ceil(num_clips / _LARGEST_BATCH))
        num_missing = -num_clips % batch_size
        for number, video in enumerate(videos):
            following = range(number + 1, min(number + 1 + num_threads, len(videos)))
            [views] = look_ahead.get([number], following)
            if isinstance(views, VideoError):
                yield Prediction(video, None, None, views)
            else:
                # Batches of one size, because JAX compiles the model for each.
                filled = np.concatenate([views, views[:num_missing]])
                scores = self.model.predict(filled, batch_size=batch_size, verbose=0)[:num_clips]
                scores = scores.mean(axis=0, dtype="float32")
                yield Prediction(video, scores, views[num_clips // 2], None)

    def top(self, scores, k=5):
        """Names the classes of the highest scores.

        Args:
            scores: array `(num_classes,)`.
            k: int, how many classes to name.

        Returns:
            list of tuples `(class_name, score)`, the highest score first.
        """
        best = np.argsort(-np.asarray(scores), kind="stable")[:k]
        return [(self.class_names[label], float(scores[label])) for label in best]

    def _views(self, video, num_clips):
        annotations = Annotations([video], [0], self.class_names)
        options = {"num_clips": num_clips, "batch_size": num_clips, "num_threads": 0}
        try:
            return self.dataset(annotations, strict=True, **options)[0][0]
        except VideoError as error:
            return error


def _check_sizes(model, clips):
    """Raises when the model takes clips of one size, and `clips` makes others."""
    if not isinstance(model.input_shape, tuple):
        raise ValueError(f"Expected a model of one input. Received: {len(model.inputs)} inputs")
    fixed = model.input_shape[1:4]
    if any(size not in (None, own) for size, own in zip(fixed, clips.shape[:3], strict=True)):
        raise ValueError(
            "Expected clips of the frames, height and width that the model takes, "
            f"{', '.join(map(str, fixed))}. Received: clips={clips.to_dict()}"
        )


def _about_keras_file(path):
    try:
        return read_about(path)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise _not_a_model(path, error) from error


def _load_keras_model(path):
    try:
        return keras.saving.load_model(path, compile=False)
    except (OSError, KeyError, RuntimeError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise _not_a_model(path, error) from error


def _not_a_model(path, error):
    reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return ValueError(f"{path}: Expected a .keras file. Received: {reason}")
