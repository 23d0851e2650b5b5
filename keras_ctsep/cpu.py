"""What makes TensorFlow and PyTorch faster on a CPU, and one line where it is missing."""

import ctypes
import functools
import os
import pathlib
import platform
import warnings

import keras

CPU_INFO = pathlib.Path("/proc/cpuinfo")
# Numbers of glibc's <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
# On CPUs with any of these instructions TensorFlow takes oneDNN unasked (`DefaultOneDnnPolicy`).
_ONEDNN_UNASKED = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16"}
_ALLOCATOR_VARIABLES = {"GLIBC_TUNABLES", "LD_PRELOAD", "MALLOC_MMAP_MAX_"}


@functools.cache
def keep_freed_memory():
    """Keeps freed memory in this process, so that PyTorch computes up to twice as fast on a CPU.

    PyTorch asks the C library for the memory of each result and gives it back soon after. glibc
    hands large pieces back to the system, which fills every page with zeros when it is asked for
    it again: for batches of 8 clips that takes longer than the convolutions. After this call glibc
    keeps the memory for the next results; the process then holds about a third more of it.

    Call it once, before the first batch, as the recipes do. Forward passes over hours leave more
    and more free gaps between what is kept: it is for training. It does nothing on
    TensorFlow and JAX, which keep memory by themselves, where the C library is another one, and
    where `MALLOC_MMAP_MAX_`, `GLIBC_TUNABLES` or `LD_PRELOAD` is set: who sets one of them has
    chosen how memory is kept.

    Returns:
        bool, whether freed memory is kept now.

    Example:
    >>> from keras_ctsep import cpu
    >>> kept = cpu.keep_freed_memory()
    """
    if not _gives_memory_back():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return mallopt(_M_MMAP_MAX, 0) == 1 and mallopt(_M_TRIM_THRESHOLD, -1) == 1


def _gives_memory_back():
    is_chosen = bool(_ALLOCATOR_VARIABLES & set(os.environ))
    on_glibc = platform.libc_ver()[0] == "glibc"
    return keras.backend.backend() == "torch" and on_glibc and not is_chosen


@functools.cache
def hint_at_faster_settings():
    """Warns where a train step on this CPU would be faster with what nobody has asked for."""
    if keras.backend.backend() == "tensorflow" and _misses_onednn():
        how = "TF_ENABLE_ONEDNN_OPTS=1 in the environment, set before Python starts"
    elif _gives_memory_back() and not keep_freed_memory.cache_info().currsize:
        how = "keras_ctsep.cpu.keep_freed_memory(), called before the first batch"
    else:
        return
    warnings.warn(f"A train step on this CPU takes about half the time with {how}.", stacklevel=2)


def _misses_onednn():
    if "TF_ENABLE_ONEDNN_OPTS" in os.environ or not CPU_INFO.exists():
        return False
    flags = set(CPU_INFO.read_text().split())
    return "avx2" in flags and not flags & _ONEDNN_UNASKED
