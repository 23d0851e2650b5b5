"""The weights in a checkpoint that `tf.train.Checkpoint` wrote, as NumPy arrays."""

import glob
import os
import re

import numpy as np

_INDEX = ".index"
# Where a network is among the objects of a checkpoint depends on what else was saved: as `model`,
# or as `backbone` and `model`. Slots of the optimizer have a longer ending, counters no layer.
_WEIGHT = re.compile(r"(?:.*/)?(layer_with_weights-\d+/[^.]+)/\.ATTRIBUTES/VARIABLE_VALUE")


def is_tensorflow_checkpoint(path):
    """Whether a path is what the files of a TensorFlow checkpoint begin with, or its index.

    Or a folder with such files and a file `checkpoint`, which names the last ones.
    """
    path = os.fspath(path)
    is_folder = os.path.isfile(os.path.join(path, "checkpoint"))
    return path.endswith(_INDEX) or os.path.isfile(path + _INDEX) or is_folder


def read_tensorflow_checkpoint(path):
    """Reads the weights of a Keras model in a checkpoint that `tf.train.Checkpoint` wrote.

    Needs TensorFlow, on any backend.

    Args:
        path: what the names of its files begin with (`"movinet_a0_base/ckpt-1"`), its `.index`
            file, or its folder, then the last one in it counts.

    Returns:
        A dictionary from names to NumPy arrays. A name is the path from the innermost numbered
        layer on: `"layer_with_weights-0/_stem/_conv/kernel"`.

    Raises:
        ModuleNotFoundError: when TensorFlow is not installed.
        ValueError: when a file is missing or damaged, and when there are no weights of one model.
    """
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ModuleNotFoundError(f"{path} needs TensorFlow: pip install tensorflow-cpu") from error
    prefix = _prefix(path, tf.train.latest_checkpoint)
    try:
        reader = tf.train.load_checkpoint(prefix)
        found = [_WEIGHT.fullmatch(name) for name in sorted(reader.get_variable_to_shape_map())]
        weights = [(match[1], reader.get_tensor(match[0])) for match in found if match]
    except Exception as error:  # TensorFlow raises its OpError itself, and IndexError.
        raise ValueError(
            f"{path}: this is no TensorFlow checkpoint, or it is cut short. "
            f"{' '.join(str(error).split())}"
        ) from error
    arrays = {name: np.asarray(values) for name, values in weights}
    if not weights or len(arrays) < len(weights):
        raise ValueError(
            f"{path}: Expected a checkpoint with the weights of one Keras model. "
            f"Received: {len(weights)} weights with {len(arrays)} names"
        )
    return arrays


def _prefix(path, latest_checkpoint):
    """Returns what the names of the files begin with, or raises where one is missing."""
    path = os.fspath(path)
    prefix = path.removesuffix(_INDEX)
    if os.path.isdir(path):
        prefix = latest_checkpoint(path) or os.path.join(path, "")
    for ending in (_INDEX, ".data-*"):
        if not glob.glob(glob.escape(prefix) + ending):
            raise ValueError(
                f"{path}: Expected all files of a TensorFlow checkpoint in one local folder. "
                f"Received: no {os.path.basename(prefix)}{ending}"
            )
    return prefix
