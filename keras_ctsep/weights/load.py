"""Weights from files, torchvision's or Keras's: every tensor finds its place, or none is taken."""

import collections
import pathlib
import re
import zipfile

import h5py
import keras

from keras_ctsep.weights.torch_file import read_torch_checkpoint

# Names of one layer's weights here and in PyTorch, where the norm of a convolution's outputs is a
# module of its own, and a (2+1)D convolution a sequence of four modules.
_TORCH_NAMES_OF_NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_TORCH_NAMES = {"kernel": "weight", "bias": "bias"}
_TORCH_NAMES_2PLUS1D = {
    "spatial_kernel": "0.weight",
    **{name: f"1.{torch_name}" for name, torch_name in _TORCH_NAMES_OF_NORM.items()},
    "temporal_kernel": "3.weight",
}


HEADS = ("fresh", "same")

# What h5py and zipfile raise for a damaged file: RuntimeError where the damage is further in.
_DAMAGE = (OSError, KeyError, RuntimeError, zipfile.BadZipFile)


def load_weights(model, path, head="fresh"):
    """Fills a model with the weights of a file, or raises and leaves the model to be thrown away.

    A model without a head takes no notice of the file's.

    Args:
        model: a video model of this package; its head, if it has one, is the layer `classifier`.
        path: a torchvision checkpoint (`.pth`, `.pt`; networks of `VideoResNet` only) or a file
            that Keras saved from the same network on any backend (`.weights.h5`, `.keras`).
        head: what happens where the file's head has another number of classes than the model's,
            or is missing. `"fresh"`: the model's is left as it is, and one line says so, which is
            right for fine-tuning. `"same"`: that is an error, which is right for prediction.

    Raises:
        ValueError: when the file is missing, damaged, of an unknown kind, asks for code to be run,
            or does not hold exactly the model's weights. The message names the file.
    """
    require_known(head)
    name = str(path)
    if name.endswith((".pth", ".pt")):
        load_torch_state(model, read_torch_checkpoint(path), path, head)
    elif name.endswith((".weights.h5", ".keras")):
        _load_keras(model, path, head)
    else:
        raise ValueError(
            "`weights` must be None or end in .pth, .pt, .weights.h5 or .keras. "
            f"Received: weights={name}"
        )


def require_known(head):
    """Raises ValueError for a `head` that is none of `HEADS`."""
    if head not in HEADS:
        raise ValueError(f"`head` must be one of {HEADS}. Received: head={head}")


def count_saved_classes(path):
    """Returns the number of classes of a file's head, 0 where it has none.

    Args:
        path: a file as for `load_weights`.

    Raises:
        ValueError: when the file is missing or damaged.
    """
    if str(path).endswith((".pth", ".pt")):
        return len(read_torch_checkpoint(path).get("fc.bias", ()))
    return _saved_classes(saved_shapes(path))


def load_torch_state(model, state, source, head="fresh"):
    """Fills a VideoResNet with a state dict of torchvision's network of the same name.

    Kernels come outputs first, `(out, in, frames, height, width)`, and are turned around. Counters
    of batches, which Keras does not have, are left out.

    Args:
        model: a `R3D18` or another network of the table of `VideoResNet`.
        state: dictionary from PyTorch's names to NumPy arrays.
        source: what to name in messages, such as the path.
        head: as in `load_weights`.

    Raises:
        ValueError: when names or shapes of `state` and of the model differ.
    """
    variables = _torch_variables(model, source)
    arrays = {
        name: _inputs_first(array)
        for name, array in state.items()
        if not str(name).endswith(".num_batches_tracked")
    }
    assign_all(variables, arrays, ("fc.weight", "fc.bias"), model, source, head)


def _inputs_first(array):
    return array.transpose(2, 3, 4, 1, 0) if array.ndim == 5 else array.T


def _torch_variables(model, source):
    """Returns the model's variables by their names in torchvision's state dict."""
    stem_is_2plus1d = any(
        layer.name == "stem_conv" and _is_2plus1d(layer) for layer in model.layers
    )
    variables = {}
    for layer in model.layers:
        conv, norm = _torch_prefixes(layer.name, stem_is_2plus1d)
        names = _TORCH_NAMES_2PLUS1D if _is_2plus1d(layer) else _TORCH_NAMES
        for variable in layer.weights:
            of_norm = "/norm/" in variable.path
            prefix, known = (norm, _TORCH_NAMES_OF_NORM) if of_norm else (conv, names)
            if variable.name not in known or prefix is None:
                raise ValueError(
                    f"{source}: {model.name} has no counterpart in torchvision; only R3D, MC3 and "
                    f"R(2+1)D networks take a PyTorch checkpoint. Received: {variable.path}"
                )
            variables[f"{prefix}.{known[variable.name]}"] = variable
    return variables


def _is_2plus1d(layer):
    return hasattr(layer, "spatial_kernel") and hasattr(layer, "temporal_kernel")


def _torch_prefixes(name, stem_is_2plus1d):
    """Returns the names there of a layer and of the norm of its outputs, or None."""
    if name == "classifier":
        return "fc", None
    if name == "stem_conv":
        return ("stem", "stem.4") if stem_is_2plus1d else ("stem.0", "stem.1")
    place = re.fullmatch(r"stage(\d+)_block(\d+)_(shortcut_conv|conv\d)", name)
    if place is None:
        return None, None
    stage, block, conv = place.groups()
    module = f"layer{stage}.{int(block) - 1}.{'downsample' if conv == 'shortcut_conv' else conv}"
    return f"{module}.0", f"{module}.1"


def assign_all(variables, arrays, head_names, model, source, head):
    """Gives every variable the array of its name, or raises before the first one is changed.

    Args:
        variables: dictionary from names to the model's variables.
        arrays: dictionary from names to arrays. Those of the head may be missing, left over or
            made for another number of classes.
        head_names: the names of the classifier's kernel and bias.
        model: the model, for messages.
        source: what to name in messages, such as the path.
        head: as in `load_weights`.

    Raises:
        ValueError: when names or shapes differ.
    """
    variables, arrays = dict(variables), dict(arrays)
    bias = head_names[1]
    saved_classes = len(arrays[bias]) if bias in arrays else 0
    num_classes = variables[bias].shape[0] if bias in variables else 0
    if saved_classes != num_classes:
        for name in head_names:
            arrays.pop(name, None)
            variables.pop(name, None)
        if num_classes:
            _leave_head(source, saved_classes, num_classes, head)
    wanted = {name: tuple(variable.shape) for name, variable in variables.items()}
    given = {name: array.shape for name, array in arrays.items()}
    _require_equal(wanted, given, model, source)
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _leave_head(source, saved_classes, num_classes, head):
    if head == "same":
        raise ValueError(
            f"{source}: Expected a head of {num_classes} classes. Received: {saved_classes} classes"
        )
    print(
        f"{source}: the file has {saved_classes} classes, the model {num_classes}: "
        "the classifier starts fresh."
    )


def _require_equal(wanted, given, model, source):
    if wanted == given:
        return
    lines = {
        "missing in the file": {n: s for n, s in wanted.items() if n not in given},
        "unknown to the model": {n: s for n, s in given.items() if n not in wanted},
        "of another shape": {
            n: f"{given[n]} for {s}" for n, s in wanted.items() if n in given and given[n] != s
        },
    }
    found = [
        f"{what}: " + ", ".join(f"{name} {shape}" for name, shape in which.items())
        for what, which in lines.items()
        if which
    ]
    raise ValueError(f"{source}: these are no weights of {model.name}; {'; '.join(found)}")


def saved_shapes(path):
    """Returns the shapes of the layers' weights in a Keras file, by their place in it.

    Args:
        path: a `.weights.h5`, `.keras` or, as keras.applications has them, `.h5` file.

    Raises:
        ValueError: when the file is missing or damaged.
    """
    if not pathlib.Path(path).is_file():
        raise ValueError(f"{path}: there is no such weights file.")
    shapes = {}

    def note(name, item):
        # Optimizer, metrics and the state of dropout are no weights of the network.
        if isinstance(item, h5py.Dataset) and not re.search("^optimizer|metric|/seed_gen", name):
            shapes[name] = item.shape

    try:
        if str(path).endswith(".keras"):
            with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as inner:
                with h5py.File(inner) as file:
                    file.visititems(note)
        else:
            with h5py.File(path) as file:
                file.visititems(note)
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    return shapes


def _damaged(path, error):
    return ValueError(f"{path}: this is no Keras file, or it is cut short. {error}")


def _load_keras(model, path, head):
    shapes = saved_shapes(path)
    saved_classes = _saved_classes(shapes)
    target = _with_classes(model, saved_classes)
    if target is not model and _has_head(model):
        _leave_head(path, saved_classes, model.get_layer("classifier").units, head)
    require_same_shapes(target, shapes, model.name, path)
    try:
        target.load_weights(path)
    except (*_DAMAGE, ValueError) as error:
        raise _damaged(path, error) from error


def require_same_shapes(model, shapes, name, path):
    """Raises ValueError unless a file has as many weights of each shape as the model.

    Keras would take a file with layers too many without a word, and would have filled some layers
    before it finds one that does not fit.
    """
    wanted = collections.Counter(tuple(weight.shape) for weight in model.weights)
    given = collections.Counter(shapes.values())
    if wanted != given:
        missing = sorted((wanted - given).elements())
        unknown = sorted((given - wanted).elements())
        raise ValueError(
            f"{path}: these are no weights of {name}; shapes missing in the file: {missing}; "
            f"shapes unknown to the model: {unknown}"
        )


def _saved_classes(shapes):
    # The head alone is a matrix with a bias beside it.
    heads = [
        shape[1]
        for name, shape in shapes.items()
        if len(shape) == 2 and name.removesuffix("0") + "1" in shapes
    ]
    return heads[0] if heads else 0


def _has_head(model):
    return any(layer.name == "classifier" for layer in model.layers)


def _with_classes(model, num_classes):
    """Returns a model of the same layers whose head has `num_classes`; without a head for 0."""
    features = model.get_layer("classifier").input if _has_head(model) else model.output
    if num_classes == (model.get_layer("classifier").units if _has_head(model) else 0):
        return model
    if num_classes:
        features = keras.layers.Dense(num_classes, name="classifier")(features)
    return keras.Model(model.input, features)
