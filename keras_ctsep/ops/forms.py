"""Which form of a convolution runs where, and the measurements that say why."""

import os

import keras

from keras_ctsep.ops import depthwise, full
from keras_ctsep.ops.backend import device_kind

FORMS = {
    "depthwise": {
        "grouped": depthwise.grouped,
        "folded": depthwise.folded,
        "shifted": depthwise.shifted,
    },
    "full": {
        "direct": full.direct,
        "folded": full.folded,
        "multiplied": full.multiplied,
        "looped": full.looped,
        "batched": full.batched,
    },
}

# By what is convolved and the kind of window. Strides change no row: the order was the same with
# and without.
DEFAULT = {
    ("depthwise", "point"): "folded",
    ("depthwise", "space"): "folded",
    ("depthwise", "time"): "folded",
    ("depthwise", "volume"): "folded",
    ("full", "point"): "multiplied",
    ("full", "space"): "folded",
    ("full", "time"): "folded",
    ("full", "volume"): "direct",
}
# Beside a row: ms forward / forward and backward at (2, 16, 56, 56, 64), window 3, of the form
# chosen and then of others. `benchmarks/forms.py`, 2 cores of an AMD EPYC with AVX2,
# tensorflow 2.21.0 and jax 0.10.2 on 2026-11-27, torch 2.13.0 on 2026-11-26; a busy machine: ratios
# below 1.3 say nothing.
TABLE = {
    # With oneDNN, which `import keras_ctsep` asks for where TensorFlow itself would not.
    ("tensorflow", "cpu"): {
        ("depthwise", "point"): "folded",
        ("depthwise", "space"): "folded",  # 12 / 30; shifted 153 / 363, grouped 1377 / 2572
        ("depthwise", "time"): "folded",  # 8 / 23; shifted 34 / 101, grouped 1040 / 1984
        ("depthwise", "volume"): "folded",  # 50 / 339; shifted 226 / 1014, grouped 3551 / 7256
        ("full", "point"): "multiplied",  # 8 / 32; batched 12 / 43, folded 9 / 46, direct 12 / 75
        ("full", "space"): "folded",  # 59 / 222; looped 53 / 235, direct 60 / 451
        # 20 / 147; folded 19 / 103, direct 25 / 153. But a train step of CTSepResNet18 took 1504 ms
        # per clip with folded, 726 with looped, 723 with batched (step by step in turn).
        ("full", "time"): "looped",
        ("full", "volume"): "direct",  # 179 / 1258; looped 236 / 738, folded 202 / 937
    },
    ("torch", "cpu"): {
        ("depthwise", "point"): "folded",
        ("depthwise", "space"): "folded",  # 5 / 48; grouped 6 / 265, shifted 94 / 330
        ("depthwise", "time"): "folded",  # 5 / 19; shifted 33 / 92, grouped 5 / 265
        ("depthwise", "volume"): "folded",  # 44 / 120; grouped 14 / 377, shifted 268 / 885
        ("full", "point"): "batched",  # 9 / 27; direct 9 / 27, folded 8 / 34, multiplied 10 / 47
        ("full", "space"): "folded",  # 49 / 309; looped 49 / 240, but the (1, 7, 7) stem 4x slower
        # 24 / 87; folded 24 / 314, looped 22 / 144. Direct, 19 / 89, is wrong in bfloat16 at two
        # frames.
        ("full", "time"): "batched",
        ("full", "volume"): "direct",
    },
    ("jax", "cpu"): {
        ("depthwise", "point"): "shifted",
        ("depthwise", "space"): "shifted",  # 4 / 27; folded 228 / 1538, grouped 998 / 3041
        ("depthwise", "time"): "shifted",  # 4 / 16; folded 240 / 2378, grouped 1055 / 2042
        ("depthwise", "volume"): "shifted",  # 85 / 171; folded 1081 / 3973, grouped 3413 / 7711
        ("full", "point"): "multiplied",  # 7 / 32; looped 14 / 42, direct 6 / 57
        ("full", "space"): "looped",  # 138 / 404; multiplied 239 / 500, direct 169 / 651
        ("full", "time"): "looped",  # 26 / 101; batched 23 / 134, direct 61 / 232
        ("full", "volume"): "looped",  # 363 / 1277; multiplied 648 / 1567, direct 465 / 1763
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
        channels: `"full"` or `"depthwise"`.
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
