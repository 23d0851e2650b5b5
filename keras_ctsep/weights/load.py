"""Weights from a file: its name says how it is read and how its weights are named."""

from keras_ctsep.weights import keras_file, names_keras_applications, names_torchvision
from keras_ctsep.weights.assign import assign_all
from keras_ctsep.weights.torch_file import read_torch_checkpoint

_TORCH = (".pth", ".pt")


def load_weights(model, path):
    """Fills a model with the weights of a file, or raises and leaves the model as it is.

    A head for another number of classes than the model's is left out: the model's stays as it
    starts, and one line says so. A model without a head ignores the file's.

    Args:
        model: a video model of this package; its head, if it has one, is the layer `classifier`.
        path: a torchvision checkpoint (`.pth`, `.pt`; networks of `VideoResNet` only) or a file
            that Keras saved from the same network on any backend (`.weights.h5`, `.keras`).

    Raises:
        ValueError: when the file is missing, damaged, of an unknown kind, refers to code,
            or does not hold exactly the model's weights. The message names the file.
    """
    name = str(path)
    if name.endswith(_TORCH):
        names_torchvision.load_torch_state(model, read_torch_checkpoint(path), path)
    elif name.endswith((".weights.h5", ".keras")):
        variables = keras_file.variables_by_place(model)
        arrays = keras_file.read_keras_file(path)
        assign_all(variables, arrays, keras_file.HEAD, model, path)
    else:
        raise ValueError(
            "`weights` must be None or end in .pth, .pt, .weights.h5 or .keras. "
            f"Received: weights={name}"
        )


def count_saved_classes(weights):
    """Returns the number of classes of the head that weights have, 0 where they have none.

    Args:
        weights: a file as for `load_weights`, or `"imagenet"`.

    Raises:
        ValueError: when the file is missing or damaged.
    """
    if weights == "imagenet":
        return names_keras_applications.IMAGENET_CLASSES
    read = read_torch_checkpoint if str(weights).endswith(_TORCH) else keras_file.read_keras_file
    arrays = read(weights)
    heads = (names_torchvision.HEAD, keras_file.HEAD, names_keras_applications.HEAD)
    return next((len(arrays[bias]) for _, bias in heads if bias in arrays), 0)


def require_head(weights, num_classes):
    """Raises ValueError unless weights have a head for that number of classes."""
    saved_classes = count_saved_classes(weights)
    if saved_classes != num_classes:
        raise ValueError(
            f"{weights}: Expected a head of {num_classes} classes. "
            f"Received: {saved_classes} classes"
        )
