"""Options that the commands share."""

import dataclasses
import pathlib
import sys

from keras_ctsep.files import file_name, is_remote
from keras_ctsep.inference import VideoClassifier, read_class_names
from keras_ctsep.weights.published import is_name


@dataclasses.dataclass(frozen=True)
class ClipOptions:
    """How clips are cut, instead of the way that the file of the model says.

    Args:
        num_frames: frames in a clip.
        frame_stride: distance between the frames of a clip, in frames of the video.
        fps: frames a second of a clip, instead of frame_stride.
        short_side: shorter side of the frames before the crop.
        crop_size: side of the square that the model sees.
        frame_differences: whether the model sees differences between frames.
        shuffle_frames: whether to shuffle the frames of every clip.
    """

    num_frames: int | None = None
    frame_stride: int | None = None
    fps: float | None = None
    short_side: int | None = None
    crop_size: int | None = None
    frame_differences: bool | None = None
    shuffle_frames: bool | None = None


AS_SAVED = ClipOptions()
# What a command takes that is told no model: the smallest network that knows much.
DEFAULT_NETWORK = "X3D_S"
DEFAULT_WEIGHTS = "kinetics400"


def open_classifier(model, weights=None, class_names=None, clips=AS_SAVED):
    """Opens the model of a command.

    Args:
        model: a `.keras` file, an exported file, or with `weights` the name of a network; None for
            the default network.
        weights: name of published weights, or a file of weights.
        class_names: text file with the name of a class in each line, or None.
        clips: `ClipOptions`.

    Returns:
        A `keras_ctsep.inference.VideoClassifier`.

    Raises:
        ValueError: for a file of weights without a network, and when the model cannot be opened.
    """
    model, weights = named_model(model, weights)
    names = read_class_names(class_names) if class_names else None
    options = dataclasses.asdict(clips)
    if weights:
        return VideoClassifier.from_weights(model, weights, names, **options)
    return VideoClassifier.load(model, names, **options)


def named_model(model, weights):
    """Completes what is given of `--model` and `--weights`.

    Example:
    >>> named_model("last.keras", None)
    ('last.keras', None)
    >>> named_model(None, "kinetics400") == (DEFAULT_NETWORK, "kinetics400")
    True
    """
    if model is None and weights is not None and not is_name(weights):
        raise ValueError(
            "Expected --model, the name of the network, with a file of weights. "
            f"Received: weights={weights}"
        )
    if model is None:
        return DEFAULT_NETWORK, weights or DEFAULT_WEIGHTS
    return model, weights


def path_after(model, weights, ending):
    """Returns where results of a model go if no place is given.

    That is beside the model; for weights and for addresses it is in the current folder.

    Args:
        model: as `named_model` returns it.
        weights: as `named_model` returns them.
        ending: str, put after the name. A model that is no `.keras` file keeps its own ending
            before it, since files that were exported from one model are called alike but for that.

    Returns:
        A `pathlib.Path`.

    Example:
    >>> path_after("runs/last.keras", None, ".onnx").as_posix()
    'runs/last.onnx'
    >>> path_after("runs/last.onnx", None, "-test").as_posix()
    'runs/last.onnx-test'
    >>> path_after("https://host/last.keras?token=1.2", None, "-test").as_posix()
    'last-test'
    >>> path_after("R2Plus1D18", "kinetics400", "-val").as_posix()
    'R2Plus1D18-kinetics400-val'
    """
    if weights:
        return pathlib.Path(f"{model}-{pathlib.Path(file_name(weights)).stem}{ending}")
    name = pathlib.Path(file_name(model).removesuffix(".keras") + ending)
    return name if is_remote(model) else pathlib.Path(model).with_name(name.name)


def print_warning(text):
    """Prints what is wrong with a video that can be used all the same."""
    print(text, file=sys.stderr)
