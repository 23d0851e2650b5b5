"""Settings of TensorFlow and PyTorch that make training on a CPU faster, said in one line, once."""

import functools
import os
import pathlib
import warnings

import keras

# Variable and gain, measured in docs/guides/performance.md. Both libraries read theirs when they
# start, so that a package which is imported later cannot set it for them.
SETTINGS = {
    "tensorflow": ("TF_ENABLE_ONEDNN_OPTS", "half the time or less"),
    "torch": ("THP_MEM_ALLOC_ENABLE", "up to a fifth less time"),
}
CPU_INFO = pathlib.Path("/proc/cpuinfo")


@functools.cache
def hint_at_faster_settings():
    """Warns where a train step on this CPU would be faster with a setting that nobody has made."""
    variable, gain = SETTINGS.get(keras.backend.backend(), (None, None))
    if variable is None or variable in os.environ or not CPU_INFO.exists():
        return
    # On these CPUs TensorFlow takes oneDNN unasked.
    if variable == "TF_ENABLE_ONEDNN_OPTS" and "avx512_vnni" in CPU_INFO.read_text():
        return
    warnings.warn(
        f"A train step on this CPU takes {gain} with {variable}=1 in the environment, set before "
        "Python starts.",
        stacklevel=2,
    )
