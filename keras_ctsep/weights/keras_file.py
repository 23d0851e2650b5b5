"""The weights in files that Keras writes, and in its models, by the names of layers.

A place is the name of a layer, of a part of it where there is one, and the number of the weight in
it: `"stem_conv/norm/0"`. Keras itself matches layers by their order; it accepts a file with layers
too many, and it has changed a part of the model before it finds a layer that does not fit.
"""

import collections
import contextlib
import pathlib
import zipfile

import h5py
import ml_dtypes
import numpy as np

HEAD = ("classifier/0", "classifier/1")
# Layers after the features.
TOP = ("classifier/", "head_")

# What h5py and zipfile raise for a damaged file: RuntimeError where the damage is further in.
_DAMAGE = (OSError, KeyError, RuntimeError, zipfile.BadZipFile)


def variables_by_place(model):
    """Returns a dictionary from places to the variables of a model's layers."""
    variables, counts = {}, collections.Counter()
    for layer in model.layers:
        for variable in layer.weights:
            owner = variable.path.rpartition("/")[0]
            variables[f"{owner}/{counts[owner]}"] = variable
            counts[owner] += 1
    return variables


def read_keras_file(path):
    """Reads the weights of the layers in a Keras file.

    Args:
        path: a `.keras` or `.weights.h5` file, or a `.h5` file as Keras 1 and 2 wrote them.

    Returns:
        A dictionary from places to NumPy arrays, without the state of optimizer and metrics.

    Raises:
        ValueError: when the file is missing, damaged or of another kind.
    """
    if not pathlib.Path(path).is_file():
        raise ValueError(f"{path}: there is no such weights file.")
    try:
        with contextlib.ExitStack() as stack:
            file = path
            if str(path).endswith(".keras"):
                archive = stack.enter_context(zipfile.ZipFile(path))
                file = stack.enter_context(archive.open("model.weights.h5"))
            file = stack.enter_context(h5py.File(file))
            saved = _of_keras_3(file["layers"]) if "layers" in file else _of_keras_2(file)
            return {place: _array(dataset) for place, dataset in saved}
    except _DAMAGE as error:
        raise ValueError(f"{path}: this is no Keras file, or it is cut short. {error}") from error


def _of_keras_3(group, place=""):
    """Yields the places and datasets below a group, which stands for a layer or for several."""
    if "vars" in group:
        own = group["vars"]
        place += f"{own.attrs['name']}/"
        yield from ((place + number, dataset) for number, dataset in own.items())
    for key, inner in group.items():
        # The state of dropout is no weight of the network.
        if key not in ("vars", "seed_generator"):
            yield from _of_keras_3(inner, place)


def _of_keras_2(file):
    file = file.get("model_weights", file)
    for layer in _texts(file.attrs["layer_names"]):
        for number, name in enumerate(_texts(file[layer].attrs["weight_names"])):
            yield f"{layer}/{number}", file[layer][name]


def _texts(names):
    return [name.decode() if isinstance(name, bytes) else name for name in names]


def _array(dataset):
    # h5py reads bfloat16, which Keras marks, as two bytes without a meaning.
    if dataset.attrs.get("dtype") == "bfloat16":
        return np.asarray(dataset).view(ml_dtypes.bfloat16).astype("float32")
    return np.asarray(dataset)
