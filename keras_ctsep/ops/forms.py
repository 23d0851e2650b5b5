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
        "batched": dense.batched,
    },
}

# By what is convolved and the kind of window. Strides change no row: the order was the same with
# and without.
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
# Beside a row: ms forward / forward and backward at (2, 16, 56, 56, 64), window 3, of the form
# chosen and then of others. `recipes/benchmark_forms.py`, 2026-11-26, 2 cores of an AMD EPYC with
# AVX2, tensorflow 2.21.0, torch 2.13.0, jax 0.10.2; a busy machine: ratios below 1.3 say nothing.
TABLE = {
    ("tensorflow", "cpu"): {
        ("depthwise", "point"): "folded",
        ("depthwise", "space"): "folded",  # 12 / 25; shifted 107 / 262, grouped 1464 / 3346
        ("depthwise", "time"): "folded",  # 7 / 18; shifted 25 / 117, grouped 1018 / 1956
        ("depthwise", "volume"): "folded",  # 41 / 346; shifted 279 / 1031, grouped 3757 / 8179
        ("dense", "point"): "multiplied",  # 11 / 49; folded 10 / 49, direct 23 / 86
        ("dense", "space"): "folded",  # 77 / 278; looped 63 / 293, direct 71 / 463
        # 26 / 124; folded 30 / 109, direct 34 / 172. With TF_ENABLE_ONEDNN_OPTS=1, which
        # TensorFlow itself sets where it finds AVX-512: 27 / 124; folded 33 / 367.
        ("dense", "time"): "looped",
        ("dense", "volume"): "direct",
    },
    ("torch", "cpu"): {
        ("depthwise", "point"): "folded",
        ("depthwise", "space"): "folded",  # 5 / 48; grouped 6 / 265, shifted 94 / 330
        ("depthwise", "time"): "folded",  # 5 / 19; shifted 33 / 92, grouped 5 / 265
        ("depthwise", "volume"): "folded",  # 44 / 120; grouped 14 / 377, shifted 268 / 885
        ("dense", "point"): "batched",  # 9 / 27; direct 9 / 27, folded 8 / 34, multiplied 10 / 47
        ("dense", "space"): "folded",  # 49 / 309; looped 49 / 240, but the (1, 7, 7) stem 4x slower
        # 24 / 87; folded 24 / 314, looped 22 / 144. Direct, 19 / 89, is wrong in bfloat16 at two
        # frames.
        ("dense", "time"): "batched",
        ("dense", "volume"): "direct",
    },
    ("jax", "cpu"): {
        ("depthwise", "point"): "shifted",
        ("depthwise", "space"): "shifted",  # 12 / 61; folded 227 / 2137, grouped 1315 / 3449
        ("depthwise", "time"): "shifted",  # 10 / 60; folded 229 / 2400, grouped 1063 / 2436
        ("depthwise", "volume"): "shifted",  # 97 / 170; folded 1188 / 4676, grouped 4249 / 9088
        ("dense", "point"): "multiplied",  # 10 / 38; looped 18 / 54, direct 10 / 104
        ("dense", "space"): "looped",  # 113 / 513; multiplied 261 / 588, direct 206 / 796
        ("dense", "time"): "looped",  # 26 / 130; batched 37 / 166, direct 81 / 291
        ("dense", "volume"): "looped",  # 452 / 1317; multiplied 724 / 1860, direct 647 / 2205
    },
}


def channels_to_add(channels):
    """Returns how many channels of zeros beside these make a layer faster, in training.

    oneDNN's fast kernels take channels by eight. With 48 for the 45 in the stem a train step of
    CTSepResNet18 on TensorFlow took 802 to 861 ms in place of 885 to 922, depthwise 535 to 558 in
    place of 563 to 629 (2026-11-27, batch 2, the CPU of `TABLE`); PyTorch and JAX, and TensorFlow
    out of training, showed no difference.

    Example:
    >>> channels_to_add(48)
    0
    """
    return -channels % 8 if keras.backend.backend() == "tensorflow" else 0


def choose(channels, kind, inputs, form=None):
    """Returns the function that convolves.

    Args:
        channels: `"dense"` or `"depthwise"`.
        kind: kind of window, as `planes.window_kind` gives it.
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
