"""A trained model with its classes and the way its clips are cut."""

import json
import pathlib

import keras

from keras_ctsep.data import ClipCache
from keras_ctsep.models import make_network
from keras_ctsep.weights import count_saved_classes, kinetics400_class_names

_VIEW_ARGUMENTS = (
    "batch_size",
    "num_frames",
    "frame_stride",
    "fps",
    "short_side",
    "crop_size",
    "frame_differences",
    "shuffle_frames",
    "seed",
    "strict",
    "cache",
)


def read_run(model_path, **overrides):
    """Loads a saved model with what is beside it in its run's folder.

    Args:
        model_path: a `.keras` file, with `settings.json` and `classes.txt` beside it.
        **overrides: arguments that take the place of those in `settings.json` unless `None`.

    Returns:
        A tuple `(model, arguments, class_names)`; `class_names` are the numbers of the classes
        when there is no `classes.txt`.

    Raises:
        ValueError: when the file is not a model, or the class names do not fit to it.
    """
    model_path = pathlib.Path(model_path)
    model = keras.models.load_model(model_path, compile=False)
    settings, classes = (model_path.with_name(name) for name in ("settings.json", "classes.txt"))
    arguments = json.loads(settings.read_text())["arguments"] if settings.exists() else {}
    arguments |= {name: value for name, value in overrides.items() if value is not None}
    num_classes = model.output_shape[-1]
    if classes.exists():
        class_names = classes.read_text(encoding="utf-8").splitlines()
    else:
        class_names = [str(number) for number in range(num_classes)]
    if len(class_names) != num_classes:
        raise ValueError(
            f"{classes}: Expected one line for each of the {num_classes} classes of {model_path}. "
            f"Received: {len(class_names)} lines"
        )
    return model, arguments, class_names


def read_weights(name, weights, **overrides):
    """Makes a network and fills it with weights that others trained.

    The clips are those of torchvision's checkpoints: 16 frames, 15 a second, 112 pixels wide out of
    128. The class names are those of the `classes.txt` next to the file, where it has as many lines
    as the file's head has classes, else Kinetics-400's, where the head has 400.

    Args:
        name: name of the network, see `keras_ctsep.models.make_network`.
        weights: a `.pth`, `.weights.h5` or `.keras` file.
        **overrides: arguments that take the place of those above unless `None`.

    Returns:
        A tuple `(model, arguments, class_names)` as from `read_run`.

    Raises:
        ValueError: when the weights do not fit to the network, or no class names fit to them.
    """
    class_names = _names_for(weights, count_saved_classes(weights))
    model = make_network(name, len(class_names), weights=str(weights), head="same")
    arguments = {"num_frames": 16, "fps": 15.0, "short_side": 128, "crop_size": 112}
    arguments |= {name: value for name, value in overrides.items() if value is not None}
    return model, arguments, class_names


def _names_for(weights, num_classes):
    classes = pathlib.Path(weights).with_name("classes.txt")
    beside = classes.read_text(encoding="utf-8").splitlines() if classes.exists() else []
    for names in (beside, list(kinetics400_class_names())):
        if names and len(names) == num_classes:
            return names
    raise ValueError(
        f"{weights}: Expected a head, and {classes} with a line for each of its classes. "
        f"Received: {num_classes} classes, {len(beside)} lines"
    )


def view_arguments(arguments):
    """Picks what `keras_ctsep.data.VideoDataset` has to know out of the arguments of a run.

    Args:
        arguments: dict, as in `settings.json`; what is missing or `None` is left out.

    Returns:
        Dict of keyword arguments.
    """
    view = {name: arguments[name] for name in _VIEW_ARGUMENTS if arguments.get(name) is not None}
    if "crop_size" in view:
        view.setdefault("short_side", view["crop_size"] * 8 // 7)
    if "cache" in view:
        view["cache"] = ClipCache(view["cache"])
    if arguments.get("workers") is not None:
        view["num_threads"] = arguments["workers"]
    return view
