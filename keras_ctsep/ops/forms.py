"""Which form of a convolution runs where, and the measurements that say why."""

import os

import keras

from keras_ctsep.ops import dense, depthwise
from keras_ctsep.ops.backend import device_kind

FORMS = {
    "depthwise": {
        "grouped": depthwise.grouped,
        "folded": depthwise.folded,
        "shifted": depthwise.shifted,
    },
    "dense": {
        "direct": dense.direct,
        "folded": dense.folded,
        "multiplied": dense.multiplied,
        "looped": dense.looped,
    },
}

# A window is a "point" (1, 1, 1), flat in "space" (1, height, width) or in "time" (frames, 1, 1),
# or a "volume". Strides change no row: the order was the same with and without.
# Beside the rows: ms forward / backward for the form chosen and what it was chosen over.
DEFAULT = {
    ("depthwise", "point"): "folded",
    ("depthwise", "space"): "folded",
    ("depthwise", "time"): "folded",
    ("depthwise", "volume"): "folded",
    ("dense", "point"): "multiplied",
    ("dense", "space"): "folded",
    ("dense", "time"): "folded",
    ("dense", "volume"): "direct",
}
TABLE = {
    ("tensorflow", "cpu"): DEFAULT,
    ("torch", "cpu"): DEFAULT | {("dense", "point"): "folded"},
    ("jax", "cpu"): DEFAULT
    | {
        ("depthwise", "point"): "shifted",
        ("depthwise", "space"): "shifted",
        ("depthwise", "time"): "shifted",
        ("depthwise", "volume"): "shifted",
        ("dense", "space"): "looped",
        ("dense", "time"): "looped",
    },
}


def window_kind(window, pads):
    """Returns "point", "space", "time" or "volume"."""
    in_time = window[0] > 1 or tuple(pads[0]) != (0, 0)
    in_space = tuple(window[1:]) != (1, 1) or tuple(pads[1:]) != ((0, 0), (0, 0))
    return {
        (False, False): "point",
        (False, True): "space",
        (True, False): "time",
        (True, True): "volume",
    }[in_time, in_space]


def choose(channels, kind, inputs, form=None):
    """Returns the function that convolves.

    Args:
        channels: `"dense"` or `"depthwise"`.
        kind: kind of window, as `window_kind` gives it.
        inputs: the tensor to convolve.
        form: name of a form. Default: the environment variable `KERAS_CTSEP_FORM`, where it names
            a form of this kind of convolution, else the row of `TABLE`.

    Raises:
        ValueError: for a name that is no form.
    """
    forced = form or os.environ.get("KERAS_CTSEP_FORM")
    known = [name for forms in FORMS.values() for name in forms]
    if forced and forced not in (known if form is None else FORMS[channels]):
        raise ValueError(f"`form` must be one of {known}. Received: form={forced}")
    if forced in FORMS[channels]:
        return FORMS[channels][forced]
    # Accelerators have the safe default: their forms have not been measured.
    rows = TABLE.get((keras.backend.backend(), device_kind(inputs)), DEFAULT)
    return FORMS[channels][rows[channels, kind]]
