"""The folder of a run: what was asked for, and what a saved model needs to be used."""

import importlib.metadata
import itertools
import json
import pathlib
import platform

import keras

from keras_ctsep.data import ClipCache, kinetics400_class_names
from keras_ctsep.files import write_whole
from keras_ctsep.models import make_network

# What may differ between a run and its continuation without changing the result.
_NOT_COMPARED = ("cache", "data", "annotations", "output", "resume", "strict", "workers")
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


def choose_run_folder(name, resume=False):
    """Gives `name`, or the first of `name-2`, `name-3` ... that no run has used.

    Args:
        name: str or path.
        resume: bool, gives the last one that was used instead.

    Returns:
        A `pathlib.Path`.
    """
    name = pathlib.Path(name)
    folder = name
    for number in itertools.count(2):
        following = name.with_name(f"{name.name}-{number}")
        if not (following if resume else folder).exists():
            return folder
        folder = following


def write_run(output, arguments, class_names):
    """Starts a run's folder: `settings.json` and `classes.txt`.

    Args:
        output: the folder.
        arguments: dict of all arguments. With `arguments["resume"]` they have to be those of the
            run that is there, but for the ones that do not change its result.
        class_names: sequence of str.

    Raises:
        OSError: when the folder cannot be written.
        ValueError: when there is a run already, or when it had other arguments.
    """
    output = pathlib.Path(output)
    arguments = {
        name: str(value) if isinstance(value, pathlib.Path) else value
        for name, value in arguments.items()
    }
    if (output / "history.csv").exists() and not arguments["resume"]:
        raise ValueError(
            f"{output} holds a run already. Go on with --resume, or choose another --output."
        )
    if (output / "settings.json").exists() and arguments["resume"]:
        before = json.loads((output / "settings.json").read_text())["arguments"]
        for name in (arguments.keys() | before.keys()) - set(_NOT_COMPARED):
            if before.get(name) != arguments.get(name):
                raise ValueError(
                    f"{output}: Expected the arguments of the run to resume, {name}="
                    f"{before.get(name)!r}. Received: {name}={arguments.get(name)!r}"
                )
    settings = {
        "arguments": arguments,
        "backend": keras.backend.backend(),
        "versions": _versions(),
        "seed": arguments.get("seed"),
    }
    with write_whole(output / "settings.json") as temporary:
        temporary.write_text(json.dumps(settings, indent=2) + "\n")
    with write_whole(output / "classes.txt") as temporary:
        temporary.write_text("".join(f"{name}\n" for name in class_names), encoding="utf-8")


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

    A torchvision checkpoint brings Kinetics-400's class names and the clips that it was trained on:
    16 frames, 15 a second, 112 pixels wide out of 128. Another file has `classes.txt` beside it.

    Args:
        name: name of the network, see `keras_ctsep.models.make_network`.
        weights: a `.pth`, `.weights.h5` or `.keras` file.
        **overrides: arguments that take the place of those above unless `None`.

    Returns:
        A tuple `(model, arguments, class_names)` as from `read_run`.

    Raises:
        ValueError: when the weights do not fit to the network.
    """
    classes = pathlib.Path(weights).with_name("classes.txt")
    class_names = list(kinetics400_class_names())
    if classes.exists():
        class_names = classes.read_text(encoding="utf-8").splitlines()
    model = make_network(name, len(class_names), weights=str(weights))
    arguments = {"num_frames": 16, "fps": 15.0, "short_side": 128, "crop_size": 112}
    arguments |= {name: value for name, value in overrides.items() if value is not None}
    return model, arguments, class_names


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


def _versions():
    names = ("keras-ctsep", "keras", "numpy", "av", "tensorflow", "tensorflow-cpu", "torch", "jax")
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for name in names:
        for distribution in importlib.metadata.distributions(name=name):
            versions[name] = distribution.version
    return versions
