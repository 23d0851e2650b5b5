"""The tensors of a PyTorch checkpoint as NumPy arrays, with nothing in the file run."""

import collections
import io
import math
import pathlib
import pickle
import re
import zipfile
from typing import NamedTuple

import keras
import numpy as np

ENDINGS = (".pth", ".pt", ".pyth")
# bfloat16 is unknown to NumPy: its bits are the upper half of a float32.
_STORAGE_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
}
# Of PyTorchVideo, and of many others.
_NAMES_OF_WEIGHTS = ("model_state", "state_dict")
_LEGACY_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C


class _Storage(NamedTuple):
    kind: str
    key: str


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple


def read_torch_checkpoint(path):
    """Reads a checkpoint that `torch.save(model.state_dict(), path)` wrote.

    PyTorch is used (`torch.load(weights_only=True)`) where Keras runs on it. Elsewhere it need not
    be installed: the file's pickle is read with everything but tensors and ordered dictionaries
    refused. Both the zip format and the one before PyTorch 1.6, which torchvision's files of 2019
    have, are understood. Nothing of the file is executed either way.

    Args:
        path: a `.pth`, `.pt` or `.pyth` file that holds one flat dictionary from names to
            tensors, by itself or as `model_state` or `state_dict` of another dictionary.

    Returns:
        A dictionary from names to NumPy arrays, in the file's order, float16 and bfloat16 as
        float32.

    Raises:
        ValueError: when the file is missing, cut short, no checkpoint, or holds anything but
            tensors. The message begins with the path.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: there is no such weights file.")
    read = _read_with_torch if keras.backend.backend() == "torch" else _read_with_numpy
    try:
        return read(path)
    except Exception as error:  # Bytes from anywhere raise anything; all of it means one thing.
        raise ValueError(
            f"{path}: this is no PyTorch checkpoint of tensors alone, or it is cut short. "
            f"{_reason(error)}"
        ) from error


def _reason(error):
    text = " ".join(f"{error}".split())
    refused = re.search(r"GLOBAL (\S+)", text)
    # PyTorch's own advice here is to switch the protection off; it stays in the chained error.
    if refused:
        return f"The file refers to {refused[1]}; only tensors are allowed. Nothing was run."
    return text.split(" In PyTorch ")[0] or type(error).__name__


def _read_with_torch(path):
    import torch

    state = _weights_of(torch.load(path, map_location="cpu", weights_only=True))
    _check_flat(state, torch.Tensor)
    floats = {torch.float16, torch.bfloat16}
    return {
        name: (value.float() if value.dtype in floats else value).detach().numpy()
        for name, value in state.items()
    }


def _read_with_numpy(path):
    content = path.read_bytes()
    if content.startswith(b"PK"):
        state, storages = _read_zip(content)
    else:
        state, storages = _read_legacy(content)
    state = _weights_of(state)
    _check_flat(state, _Tensor)
    return {name: _as_array(value, storages) for name, value in dict.items(state)}


def _weights_of(state):
    """Returns the weights of a dictionary that training left, with the optimizer beside them."""
    for name in _NAMES_OF_WEIGHTS:
        if isinstance(state, dict) and dict.__contains__(state, name):
            return dict.__getitem__(state, name)
    return state


def _check_flat(state, tensor_type):
    if not isinstance(state, dict):
        raise ValueError(f"Expected a dictionary of tensors. Received: {type(state).__name__}")
    # The dictionary comes from the file: its own attributes are not to be trusted.
    others = [name for name, value in dict.items(state) if not isinstance(value, tensor_type)]
    if others or not state:
        raise ValueError(
            "Expected one flat dictionary from names to tensors, such as model.state_dict(). "
            f"Received: other entries {others}"
        )


def _read_zip(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        pickles = [name for name in names if name.split("/")[1:] == ["data.pkl"]]
        if len(pickles) != 1:
            raise ValueError(f"Expected one data.pkl in the zip file. Received: {names[:5]}")
        folder = pickles[0].split("/")[0]
        if f"{folder}/byteorder" in names and archive.read(f"{folder}/byteorder") != b"little":
            raise ValueError("Expected little-endian numbers.")
        state = _unpickle(io.BytesIO(archive.read(pickles[0])))
        data = f"{folder}/data/"
        storages = {n.removeprefix(data): archive.read(n) for n in names if n.startswith(data)}
    return state, storages


def _read_legacy(content):
    # Five pickles (magic number, version, system, object, storage keys), then every storage as
    # its number of elements (int64) and its bytes.
    file = io.BytesIO(content)
    if _unpickle(file) != _LEGACY_MAGIC_NUMBER:
        raise ValueError("Expected a file that torch.save wrote.")
    _unpickle(file)
    if not _unpickle(file)["little_endian"]:
        raise ValueError("Expected little-endian numbers.")
    kinds = {}
    state = _unpickle(file, kinds)
    storages = {}
    for key in _unpickle(file):
        num_elements = int.from_bytes(file.read(8), "little")
        storages[key] = file.read(num_elements * np.dtype(_STORAGE_DTYPES[kinds[key]]).itemsize)
    return state, storages


def _unpickle(file, kinds=None):
    """Loads one pickle that may hold tensors; `kinds` gathers the kind of each storage."""

    # Made for each file, so that a pickle that sets attributes on them changes nothing.
    def rebuild_tensor(storage, offset, shape, strides, *_):
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError("A tensor has no storage.")
        return _Tensor(storage, offset, tuple(shape), tuple(strides))

    def rebuild_parameter(tensor, *_):
        return tensor

    admitted = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
        ("torch._utils", "_rebuild_parameter"): rebuild_parameter,
        # A plain string: nothing in a pickle can call it or change it.
        **{("torch", kind): kind for kind in _STORAGE_DTYPES},
    }

    class TensorUnpickler(pickle.Unpickler):
        def find_class(self, module, name):
            if (module, name) not in admitted:
                raise pickle.UnpicklingError(f"GLOBAL {module}.{name}")
            return admitted[module, name]

        def persistent_load(self, pid):
            tag, kind, key, _, _, *view = pid
            if tag != "storage" or kind not in _STORAGE_DTYPES or view not in ([], [None]):
                raise pickle.UnpicklingError(f"Expected a tensor's storage. Received: {pid}")
            if kinds is not None:
                kinds[key] = kind
            return _Storage(kind, key)

    return TensorUnpickler(file).load()


def _as_array(tensor, storages):
    kind, key = tensor.storage
    dtype = np.dtype(_STORAGE_DTYPES[kind])
    content = storages[key]
    steps = [(n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True)]
    if min([tensor.offset, *tensor.shape, *tensor.strides]) < 0:
        raise ValueError(f"Expected sizes, strides and offset >= 0. Received: {tensor}")
    if math.prod(tensor.shape) and (tensor.offset + sum(steps) + 1) * dtype.itemsize > len(content):
        raise ValueError(f"A tensor of shape {tensor.shape} has {len(content)} bytes only.")
    strides = [s * dtype.itemsize for s in tensor.strides]
    array = np.ndarray(tensor.shape, dtype, content, tensor.offset * dtype.itemsize, strides)
    if kind == "BFloat16Storage":
        return (array.astype("uint32") << 16).view("float32")
    return array.astype("float32") if kind == "HalfStorage" else array
