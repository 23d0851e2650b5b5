"""The folder of a run: what was asked for."""

import importlib.metadata
import itertools
import json
import os
import pathlib
import platform

import keras

from keras_ctsep.data.annotations.annotations import require_no_line_breaks
from keras_ctsep.files import require_writable, write_whole
from keras_ctsep.training.checkpoint import has_state

# What may differ between a run and its continuation without changing the result.
_NOT_COMPARED = ("cache", "data", "annotations", "strict", "num_threads")
_PATHS = ("annotations", "cache", "data", "weights")


def choose_run_folder(output, default, resume=False):
    """Returns the folder for a run, after a look whether it can be written.

    Args:
        output: str or path, or `None` for the first of `default`, `default-2`, `default-3` ...
            that no run has used.
        default: str or path.
        resume: bool; without an `output`, choose the last one that was used.

    Returns:
        A `pathlib.Path`; the folder is there.

    Raises:
        OSError: when it cannot be written.
        ValueError: when it holds a run that is not to be resumed.

    Example:
    >>> import tempfile
    >>> from keras_ctsep import training
    >>> training.choose_run_folder(None, tempfile.mkdtemp() + "/run").name
    'run'
    """
    folder = _default_folder(pathlib.Path(default), resume) if output is None else output
    folder = pathlib.Path(folder)
    require_writable(folder)
    _require_no_run(folder, resume)
    return folder


def _require_no_run(folder, resume):
    if has_state(folder) and not resume:
        raise ValueError(
            f"{folder} holds a run already. Go on with --resume, or choose another --output."
        )


def _default_folder(name, resume):
    folder = name
    for number in itertools.count(2):
        following = name.with_name(f"{name.name}-{number}")
        if not _is_used(following if resume else folder):
            return folder
        folder = following


def _is_used(folder):
    return folder.is_file() or (folder.is_dir() and any(folder.iterdir()))


def write_run(output, arguments, class_names, resume=False):
    """Starts a run's folder: `settings.json` and `classes.txt`.

    Args:
        output: the folder.
        arguments: dict of what the run depends on.
        class_names: sequence of str.
        resume: whether to go on with a run that is there. It must have had the same backend,
            classes and arguments, but for those that do not change the result.

    Raises:
        OSError: when the folder cannot be written.
        ValueError: when there is a run already, or when it had other arguments.
    """
    output = pathlib.Path(output)
    require_no_line_breaks(class_names)
    # As they will be read again: tuples become lists, and paths texts.
    arguments = json.loads(json.dumps(arguments, default=os.fspath))
    for name in _PATHS:
        # So that they are found from any folder. Others are addresses, or names of weights.
        if arguments.get(name) is not None and os.path.exists(arguments[name]):
            arguments[name] = os.path.abspath(arguments[name])
    _require_no_run(output, resume)
    if (output / "settings.json").exists() and resume:
        _compare(output, arguments, class_names)
    settings = {
        "arguments": arguments,
        "backend": keras.backend.backend(),
        "versions": _versions(),
        "seed": arguments.get("seed"),
    }
    with write_whole(output / "settings.json") as temporary:
        temporary.write_text(json.dumps(settings, indent=2) + "\n")
    with write_whole(output / "classes.txt") as temporary:
        text = "".join(f"{name}\n" for name in class_names)
        # Names of folders may have bytes that are no UTF-8.
        temporary.write_bytes(text.encode("utf-8", "surrogateescape"))


def _compare(output, arguments, class_names):
    settings = json.loads((output / "settings.json").read_text())
    if "arguments" not in settings:
        raise ValueError(f"{output}: Expected the settings.json of a run. Received: another file")
    before = settings["arguments"] | {"backend": settings["backend"]}
    arguments = arguments | {"backend": keras.backend.backend()}
    # An argument that only one of them has came with another version of the package.
    for name in sorted((arguments.keys() & before.keys()) - set(_NOT_COMPARED)):
        if before[name] != arguments[name]:
            raise ValueError(
                f"{output}: Expected the arguments of the run to resume, {name}={before[name]!r}. "
                + ("To train longer, start a run with --weights last.keras. " * (name == "epochs"))
                + f"Received: {name}={arguments[name]!r}"
            )
    classes = (output / "classes.txt").read_bytes().decode("utf-8", "surrogateescape")
    if classes.split("\n")[:-1] != list(class_names):
        raise ValueError(
            f"{output}: Expected the classes of the run to resume. Received: {list(class_names)}"
        )


def _versions():
    names = ("keras-ctsep", "keras", "numpy", "av", "tensorflow", "tensorflow-cpu", "torch", "jax")
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for name in names:
        for distribution in importlib.metadata.distributions(name=name):
            versions[name] = distribution.version
    return versions
