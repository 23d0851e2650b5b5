"""Exporting a model: write, open in the other runtime, compare, keep or raise."""

import contextlib
import math
import os
import pathlib

import keras
import numpy as np

from keras_ctsep.data import ClipFormat
from keras_ctsep.export.comparison import TOLERANCE, largest_difference, probe_batches
from keras_ctsep.export.own_process import export_in_own_process
from keras_ctsep.export.writers import WRITERS, write
from keras_ctsep.files import require_writable, write_whole
from keras_ctsep.inference import VideoClassifier
from keras_ctsep.inference.exported import RUNTIMES, open_exported, require_modules
from keras_ctsep.inference.streaming import initial_states, score_steps, streaming_for_clips
from keras_ctsep.ops.backend import device_kind

# The scores of a stream are compared after so many steps.
_STEPS = 4


def export(model, path, format, calibration=None, stream_frames=None):
    """Writes a model as a file for another runtime, if that returns the scores of Keras.

    The file is written beside the target and opened in the runtime of its format. Both score
    batches of 1 and 3 clips, and clips of two other sizes where the model takes any. The file is
    kept if the largest difference is at most 1e-4 of the largest score; of probabilities the
    logarithms are compared as well. A model that computes in 16 bits is written, and compared, as
    one of the same weights that computes in 32. The file of a `VideoClassifier` has the names of
    the classes and the way clips are cut inside; `keras_ctsep.inference.VideoClassifier.load`
    opens it.

    A format is written on the backend whose exporter is right for it: `"torch"` on PyTorch, all
    others on TensorFlow. On another backend, or with a GPU, this starts a process of its own with
    that backend on the CPU.

    Args:
        model: a `keras_ctsep.inference.VideoClassifier`, or a Keras model that takes clips
            `(batch, frames, height, width, channels)` and returns scores `(batch, num_classes)`.
        path: file to write; an existing one is replaced. Its ending is that of the format: `.onnx`,
            `.tflite` for LiteRT, `.xml` for OpenVINO (with a `.bin` beside it), `.pt2` for
            torch.export. For SavedModel it is a folder that does not exist.
        format: `"onnx"`, `"litert"`, `"saved_model"`, `"openvino"` or `"torch"`. Files of
            torch.export take clips of the classifier's size only; of a Keras model that takes any
            size, 16x112x112.
        calibration: None, or uint8 clips `(num_clips, frames, height, width, channels)` like those
            of the training: ONNX and LiteRT files then compute in 8-bit integers where they can,
            with ranges that were seen on these clips. Scores differ, so measure the accuracy.
        stream_frames: None, or the number of frames at a time of the streaming network that is
            written, a multiple of `keras_ctsep.inference.frames_per_step(model)`. Its inputs are
            `clips`, `state_1`, `state_2` and so on, and zeros before the first frame. Its scores
            are for the latest clip, and are compared after each of four steps.

    Returns:
        The largest difference, a float; with `calibration` that of three of those clips.

    Raises:
        ModuleNotFoundError: when a package or a backend is missing.
        OSError: when the path cannot be written.
        ValueError: for another model, ending or format, for `stream_frames` with `calibration` or
            a model that cannot be streamed, and when the scores differ; no file is left.

    Example:
    >>> import keras, tempfile
    >>> from keras_ctsep.data import ClipFormat
    >>> from keras_ctsep.export import export
    >>> from keras_ctsep.inference import VideoClassifier
    >>> clip = keras.Input((None, None, None, 3))
    >>> model = keras.Model(clip, keras.layers.GlobalAveragePooling3D()(clip))
    >>> clips = ClipFormat(num_frames=8, fps=15, short_side=64, crop_size=56)
    >>> classifier = VideoClassifier(model, ["red", "green", "blue"], clips)
    >>> path = tempfile.mkdtemp() + "/model.pt2"
    >>> if keras.backend.backend() == "torch":  # on others it starts a process
    ...     assert export(classifier, path, "torch") <= 1e-4
    ...     assert VideoClassifier.load(path).class_names == ("red", "green", "blue")
    """
    path = pathlib.Path(path)
    check_target(path, format, calibration is not None, stream_frames)
    network, clips, about = _parts(model)
    network = _in_32_bits(network)
    if stream_frames is not None:
        network = streaming_for_clips(network, clips, stream_frames)
    on_cpu = not network.weights or device_kind(network.weights[0].value) == "cpu"
    shape = network.inputs[0].shape
    sizes = clips.shape[:3] if calibration is None else calibration.shape[1:4]
    sizes = tuple(own or size for own, size in zip(shape[1:4], sizes, strict=True))
    if calibration is not None or not WRITERS[format].takes_any_size:
        shape = (None, *sizes, shape[4])
    differences = []
    with _write_whole(path) as temporary:
        if on_cpu and keras.backend.backend() == WRITERS[format].backend:
            write(network, temporary, format, shape, about, calibration)
        else:
            differences += [
                export_in_own_process(model, temporary, format, calibration, stream_frames)
            ]
        if on_cpu:  # GPUs multiply with fewer digits; the other process has compared on the CPU
            exported, _ = open_exported(temporary, format)
            is_exact = calibration is None
            if stream_frames is not None:
                pairs = _step_pairs(exported, network)
            else:
                batches = probe_batches(shape, sizes) if is_exact else [calibration[:3]]
                pairs = (
                    (exported.predict_on_batch(batch), network.predict_on_batch(batch))
                    for batch in batches
                )
            differences += [largest_difference(*pair, logarithms=is_exact) for pair in pairs]
        difference = float(np.max(differences))  # NaN if one is NaN
        if not difference <= (TOLERANCE if calibration is None else math.inf):
            raise ValueError(
                f"{path}: Expected the scores of Keras within {TOLERANCE} of the largest. "
                f"Received: a difference of {difference:.2g}; no file is left"
            )
    return difference


def check_target(path, format, is_int8=False, stream_frames=None):
    """Raises unless a file of a format can be written; called before long work.

    Args:
        path: `pathlib.Path`.
        format: name of the format.
        is_int8: whether it is to compute in 8-bit integers.
        stream_frames: as in `export`.
    """
    if is_int8 and stream_frames is not None:
        raise ValueError(
            f"Expected int8 or stream_frames, not both. Received: stream_frames={stream_frames}"
        )
    if format not in WRITERS or is_int8 and not WRITERS[format].takes_int8:
        known = [name for name, row in WRITERS.items() if row.takes_int8 or not is_int8]
        raise ValueError(
            f"Expected a format{' for int8' * is_int8} out of {known}. Received: format={format!r}"
        )
    runtime, writer = RUNTIMES[format], WRITERS[format]
    endings = {row.ending for row in RUNTIMES.values()} | {".keras"}
    if (path.suffix if path.suffix in endings else "") != runtime.ending:
        expected = f"ends in {runtime.ending}" if runtime.ending else "is that of a folder"
        raise ValueError(
            f"Expected a path that {expected} for the format {format}. Received: {path}"
        )
    if path.is_dir() or not runtime.ending and path.exists():
        raise ValueError(f"Expected the path of a new file or folder. Received: {path}, exists")
    modules = dict.fromkeys((writer.backend, *writer.modules, runtime.module))
    require_modules(f"{runtime.title} files", modules, (writer.backend, runtime.extra))
    require_writable(path.parent)


def _step_pairs(exported, stream):
    """Yields the scores of a file and those of Keras, after each step."""
    _, num_frames, *sizes = stream.inputs[0].shape
    shape = (None, _STEPS * num_frames, *sizes)
    for clips in probe_batches(shape, shape[1:4]):
        states = initial_states(stream, len(clips))
        yield from zip(
            score_steps(exported.step, clips, states, num_frames),
            score_steps(stream.predict_on_batch, clips, states, num_frames),
            strict=True,
        )


def _parts(model):
    """Returns the Keras model, how its clips are cut, and what a file has beside it."""
    if isinstance(model, VideoClassifier):
        model.require_keras()
        return model.model, model.clips, model.about
    shape = getattr(model, "input_shape", None)
    if not isinstance(model, keras.Model) or not isinstance(shape, tuple) or len(shape) != 5:
        raise ValueError(
            "Expected a VideoClassifier, or a Keras model whose one input are clips. "
            f"Received: {type(model).__name__} with input_shape={shape}"
        )
    # What a model does not say itself is that of most published networks.
    of_model = {"num_frames": shape[1], "short_side": shape[2], "crop_size": shape[2]}
    return model, ClipFormat(**{name: size for name, size in of_model.items() if size}), {}


def _in_32_bits(model):
    """Returns the model, or one of the same weights where some of its layers compute in 16 bits."""

    def in_16_bits(layer):
        return layer.compute_dtype in ("float16", "bfloat16")

    def clone(layer):
        change = {"dtype": "float32"} if in_16_bits(layer) else {}
        return type(layer).from_config(layer.get_config() | change)

    if not any(map(in_16_bits, model.layers)):
        return model
    wide = keras.models.clone_model(model, clone_function=clone)
    wide.set_weights(model.get_weights())
    return wide


@contextlib.contextmanager
def _write_whole(path):
    """As `write_whole`, with the weights that OpenVINO has in a second file."""
    with write_whole(path) as temporary:
        weights = temporary.with_suffix(".bin")
        try:
            yield temporary
            if weights.exists():
                path.unlink(missing_ok=True)  # an old file does not fit the new weights
                os.replace(weights, path.with_suffix(".bin"))
        finally:
            weights.unlink(missing_ok=True)
