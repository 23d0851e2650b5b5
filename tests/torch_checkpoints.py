"""Checkpoints as torch.save writes them, made without PyTorch, which two of the backends lack."""

import pickle
import struct
import zipfile

import numpy as np
from checks import GOLDEN


def narrow_state(num_classes=5, seed=0):
    """A state dict of r3d_18 with torchvision's names and a sixteenth of its channels."""
    rng = np.random.default_rng(seed)
    golden = np.load(GOLDEN / "r3d_18.npz")
    state = {}
    for name, text in zip(golden["names"].tolist(), golden["shapes"].tolist(), strict=True):
        shape = [int(size) for size in text.split(",") if size]
        shape = [size // 16 if size >= 64 else size for size in shape]
        if name.startswith("fc."):
            shape[0] = num_classes
        # Kernels as means, so that activations keep their size through all layers.
        state[name] = rng.uniform(0.5, 1.5, size=shape) / np.prod(shape[1:])
    return {name: values.astype("float32") for name, values in state.items()}


def write_checkpoint(path, state):
    """Writes a dictionary from names to float32 arrays in the zip format of torch.save.

    The pickle is put together by hand: Python's pickler refuses classes that it cannot import.
    """
    pieces = [pickle.PROTO, b"\x02", pickle.EMPTY_DICT, pickle.MARK]
    with zipfile.ZipFile(path, "w") as archive:
        for key, (name, array) in enumerate(state.items()):
            array = np.ascontiguousarray(array, "<f4").reshape(array.shape)
            strides = [stride // array.itemsize for stride in array.strides]
            storage = [
                _text("storage"),
                b"ctorch\nFloatStorage\n",
                _text(str(key)),
                _text("cpu"),
                _int(array.size),
            ]
            arguments = [
                _tuple(storage) + pickle.BINPERSID,
                _int(0),
                _tuple(map(_int, array.shape)),
                _tuple(map(_int, strides)),
                pickle.NEWFALSE,
                b"ccollections\nOrderedDict\n" + pickle.EMPTY_TUPLE + pickle.REDUCE,
            ]
            tensor = b"ctorch._utils\n_rebuild_tensor_v2\n" + _tuple(arguments) + pickle.REDUCE
            pieces += [_text(name), tensor]
            archive.writestr(f"archive/data/{key}", array.tobytes())
        pieces += [pickle.SETITEMS, pickle.STOP]
        archive.writestr("archive/data.pkl", b"".join(pieces))
        archive.writestr("archive/version", "3\n")


def _text(text):
    return pickle.BINUNICODE + struct.pack("<I", len(text.encode())) + text.encode()


def _int(number):
    return pickle.BININT + struct.pack("<i", number)


def _tuple(parts):
    return pickle.MARK + b"".join(parts) + pickle.TUPLE
