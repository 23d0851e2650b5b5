"""Which form of a convolution runs where, and the measurements that say why."""

import keras

from keras_ctsep.cpu import hint_at_faster_settings
from keras_ctsep.ops import depthwise, full
from keras_ctsep.ops.backend import device_kind

FORMS = {
    "depthwise": {
        "grouped": depthwise.grouped,
        "folded": depthwise.folded,
        "turned": depthwise.turned,
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

# By (full or depthwise, kind of kernel): the form with the fastest forward and backward pass
# together, for training, and the one with the fastest forward pass. Strides do not change which
# form is fastest.
DEFAULT = {
    ("depthwise", "point"): ("folded", "folded"),
    ("depthwise", "space"): ("folded", "folded"),
    ("depthwise", "time"): ("folded", "folded"),
    ("depthwise", "volume"): ("folded", "folded"),
    ("full", "point"): ("multiplied", "multiplied"),
    ("full", "space"): ("folded", "folded"),
    ("full", "time"): ("folded", "folded"),
    ("full", "volume"): ("direct", "direct"),
}
# Beside a row: ms forward / forward and backward at (2, 16, 56, 56, 64), window 3, of the form
# chosen and then of others. `benchmarks/forms.py`, 2 cores of an AMD EPYC with AVX2,
# tensorflow 2.21.0 and jax 0.10.2 on 2026-11-27, torch 2.13.0 on 2026-11-26; a busy machine: ratios
# below 1.3 say nothing. "One core with AVX-512": the same, in ms of CPU time on one core of another
# AMD EPYC, 2026-11-28, torch 2.13.0, beside other work.
TABLE = {
    # With oneDNN, which TensorFlow itself takes only where it finds AVX-512.
    ("tensorflow", "cpu"): {
        ("depthwise", "point"): ("folded", "folded"),
        # 12 / 30; shifted 153 / 363, grouped 1377 / 2572
        ("depthwise", "space"): ("folded", "folded"),
        # 8 / 23; shifted 34 / 101, grouped 1040 / 1984
        ("depthwise", "time"): ("folded", "folded"),
        # One core with AVX-512: 13 / 44; folded 13 / 230, shifted 124 / 472, grouped 2413 / 4690.
        # A gradient of our own at training alone, as for full and time below.
        ("depthwise", "volume"): ("turned", "folded"),
        # 8 / 32; batched 12 / 43, folded 9 / 46, direct 12 / 75
        ("full", "point"): ("multiplied", "multiplied"),
        ("full", "space"): ("folded", "folded"),  # 59 / 222; looped 53 / 235, direct 60 / 451
        # 20 / 147; folded 19 / 103, direct 25 / 153. But a train step of CTSepResNet18 took 1504 ms
        # per clip with folded, 726 with looped, 723 with batched (step by step in turn).
        # At inference a gradient of our own would leave loose ends in graphs that are exported; who
        # trains kernels below norms that stay as they are takes `models.freeze_norms`.
        ("full", "time"): ("looped", "folded"),
        ("full", "volume"): ("direct", "direct"),  # 179 / 1258; looped 236 / 738, folded 202 / 937
    },
    ("torch", "cpu"): {
        ("depthwise", "point"): ("folded", "folded"),
        ("depthwise", "space"): ("folded", "folded"),  # 5 / 48; grouped 6 / 265, shifted 94 / 330
        ("depthwise", "time"): ("folded", "folded"),  # 5 / 19; shifted 33 / 92, grouped 5 / 265
        # One core with AVX-512: 5 / 20; folded 23 / 64, turned 19 / 63, shifted 102 / 271
        ("depthwise", "volume"): ("grouped", "grouped"),
        # 8 / 34; batched 9 / 27, direct 9 / 27, multiplied 10 / 47. One core with AVX-512: 7 / 24;
        # batched 7 / 24, direct 22 / 62, multiplied 13 / 36. By two threads the kernel gradient at
        # (2, 13, 10, 10, 216) to 96 channels took 0.3 ms, batched 0.6. Forward passes of
        # CTSepResNet18, depthwise, took 48 ms a clip, batched 44 to 47.
        ("full", "point"): ("folded", "batched"),
        # 49 / 309; looped 49 / 240, but the (1, 7, 7) stem 4x slower
        ("full", "space"): ("folded", "folded"),
        # 24 / 87; folded 24 / 314, looped 22 / 144, direct 19 / 89
        ("full", "time"): ("batched", "batched"),
        ("full", "volume"): ("direct", "direct"),
    },
    # Their kernel gradients run over the clips one by one. If the batch is sharded over several CPU
    # devices of a process, each of them gathers it; the forms of accelerators do not.
    ("jax", "cpu"): {
        ("depthwise", "point"): ("shifted", "shifted"),
        # 4 / 27; folded 228 / 1538, grouped 998 / 3041
        ("depthwise", "space"): ("shifted", "shifted"),
        # 4 / 16; folded 240 / 2378, grouped 1055 / 2042
        ("depthwise", "time"): ("shifted", "shifted"),
        # One core with AVX-512: 9 / 98. On the machine above folded took 1081 / 3973, grouped
        # 3413 / 7711.
        ("depthwise", "volume"): ("shifted", "shifted"),
        ("full", "point"): ("multiplied", "multiplied"),  # 7 / 32; looped 14 / 42, direct 6 / 57
        # 138 / 404; multiplied 239 / 500, direct 169 / 651
        ("full", "space"): ("looped", "looped"),
        ("full", "time"): ("looped", "looped"),  # 26 / 101; batched 23 / 134, direct 61 / 232
        # 363 / 1277; multiplied 648 / 1567, direct 465 / 1763
        ("full", "volume"): ("looped", "looped"),
    },
}


def channels_to_add(channels, inputs):
    """Returns how many channels of zeros beside these make a train step faster.

    oneDNN's fast kernels take channels by eight. With 48 for the 45 in the stem a train step of
    CTSepResNet18 on TensorFlow took 802 to 861 ms instead of 885 to 922, depthwise 535 to 558
    instead of 563 to 629 (2026-11-27, batch 2, the CPU of `TABLE`); PyTorch and JAX, and the
    forward pass alone, showed no difference. Accelerators have not been measured.

    Args:
        channels: int.
        inputs: the tensor to convolve.
    """
    by_eight = keras.backend.backend() == "tensorflow" and device_kind(inputs) == "cpu"
    return -channels % 8 if by_eight else 0


def choose(channels, kind, inputs, training, form=None):
    """Returns the function that convolves.

    Args:
        channels: `"full"` or `"depthwise"`.
        kind: kind of kernel, as `folding.kernel_kind` returns it.
        inputs: the tensor to convolve.
        training: whether to take the form for training.
        form: name of a form. Default: the row of `TABLE`.

    Raises:
        ValueError: for a name that is no form.
    """
    forms = FORMS[channels]
    if form is None:
        # Accelerators have the safe default: their forms have not been measured.
        device = device_kind(inputs)
        if training and device == "cpu":
            hint_at_faster_settings()
        rows = TABLE.get((keras.backend.backend(), device), DEFAULT)
        for_training, for_inference = rows[channels, kind]
        form = for_training if training else for_inference
    if form not in forms:
        raise ValueError(f"`form` must be one of {list(forms)}. Received: form={form}")
    return forms[form]
