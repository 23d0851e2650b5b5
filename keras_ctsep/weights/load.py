"""Weights by name or from a file: its name says how it is read and how its weights are named."""

from keras_ctsep.files import local_file
from keras_ctsep.weights import keras_file, names_keras_applications, names_movinet_tensorflow
from keras_ctsep.weights.assign import assign_all
from keras_ctsep.weights.download import download
from keras_ctsep.weights.published import find_published, is_name
from keras_ctsep.weights.tensorflow_file import (
    is_tensorflow_checkpoint,
    read_tensorflow_checkpoint,
)
from keras_ctsep.weights.tensorflow_state import load_tensorflow_state
from keras_ctsep.weights.torch_file import ENDINGS, read_torch_checkpoint
from keras_ctsep.weights.torch_state import HEADS, load_torch_state

_KERAS = (".weights.h5", ".keras")


def load_weights(model, weights, network=None):
    """Fills a model with published weights or those of a file, or leaves it as it is and raises.

    A head for another number of classes than the model's is left out: the model's stays as it
    starts, and one line says so. A model without a head ignores the file's.

    Args:
        model: a video model of this package; its head, if it has one, is the layer `classifier`.
        weights: the name of published weights, such as `"kinetics400"`; or a file, or an address
            that `fsspec` opens (`hf://...`, `s3://...`, `https://...`): a PyTorch checkpoint of the
            same network (`.pth`, `.pt`, `.pyth`), or what Keras saved of it on any backend
            (`.weights.h5`, `.keras`). For MoViNets also a checkpoint of tensorflow/models, which is
            several files in one local folder: what their names begin with
            (`"movinet_a0_base/ckpt-1"`), the `.index` file, or the folder. It needs TensorFlow.
        network: name of the function that made the model; only needed for names of weights.

    Raises:
        ImportError: for a TensorFlow checkpoint where TensorFlow is not installed.
        ValueError: when the file is missing, damaged, of an unknown kind, refers to code,
            or does not hold exactly the model's weights. The message names the file.
    """
    source = weights_file(weights, network or model.name)
    read, fill = _reader_and_filler(source, _KERAS)
    with local_file(source) as path:
        fill(model, read(path), source)


def _reader_and_filler(weights, keras_endings):
    """Returns how weights of that name are read, and how a model is filled with them."""
    name = str(weights)
    if name.endswith(ENDINGS):
        return read_torch_checkpoint, load_torch_state
    if name.endswith(keras_endings):
        return keras_file.read_keras_file, _load_keras_arrays
    if is_tensorflow_checkpoint(name):
        return read_tensorflow_checkpoint, load_tensorflow_state
    raise ValueError(
        "`weights` must be None, the name of published weights such as kinetics400, end in "
        ".pth, .pt, .pyth, .weights.h5 or .keras, or be a TensorFlow checkpoint, of which the "
        f".index file is there. Received: weights={name}"
    )


def _load_keras_arrays(model, arrays, source):
    variables = keras_file.variables_by_place(model)
    assign_all(variables, arrays, keras_file.HEAD, keras_file.TOP, model, source)


def weights_file(weights, network):
    """Returns the file that a name of published weights stands for; anything else as it came."""
    return download(find_published(network, weights)) if is_name(weights) else weights


def count_saved_classes(weights):
    """Returns the number of classes of the head that weights have, 0 where they have none.

    Args:
        weights: a file as for `load_weights`, or `"imagenet"`.

    Raises:
        ValueError: when the file is missing or damaged.
    """
    if weights == "imagenet":
        return names_keras_applications.IMAGENET_CLASSES
    # Image networks of Keras 1 and 2 are in plain .h5 files.
    read, _ = _reader_and_filler(weights, (".h5", ".keras"))
    with local_file(weights) as path:
        arrays = read(path)
    heads = (
        *HEADS,
        *names_movinet_tensorflow.HEADS,
        keras_file.HEAD,
        names_keras_applications.HEAD,
    )
    return next((len(arrays[bias]) for _, bias in heads if bias in arrays), 0)


def require_head(weights, num_classes, network):
    """Raises ValueError unless weights have a head for that number of classes."""
    saved_classes = count_saved_classes(weights_file(weights, network))
    if saved_classes != num_classes:
        raise ValueError(
            f"{weights}: Expected a head of {num_classes} classes. "
            f"Received: {saved_classes} classes"
        )
