"""What makes a backend faster on a CPU is offered, and its lack is said once."""

import os
import platform
import re
import subprocess
import sys

import keras
import pytest

from keras_ctsep.cpu import CPU_INFO

# As every import sorter puts them.
HINTS = """
import keras

import keras_ctsep

{first}
layer = keras_ctsep.layers.DepthwiseConv3D(3)
for training in {modes}:
    layer(keras.ops.ones((1, 3, 4, 4, 2)), training=training)
"""
# Results of 64 MB, one after the other. The system gives a page at its first use.
NEW_PAGES = """
import resource

import keras

import keras_ctsep

{first}
ones = keras.ops.ones(2**24)
for step in range(11):
    if step == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    ones + 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
KEEP = "assert keras_ctsep.cpu.keep_freed_memory()"
PRINT = "import keras_ctsep; print(keras_ctsep.cpu.keep_freed_memory())"
ALLOCATOR = {"GLIBC_TUNABLES", "LD_PRELOAD", "MALLOC_MMAP_MAX_"}
on_torch = pytest.mark.skipif(
    keras.backend.backend() != "torch" or platform.libc_ver()[0] != "glibc",
    reason="PyTorch with glibc alone gives memory back after each result",
)


def run(code, without=(), **variables):
    environment = {name: value for name, value in os.environ.items() if name not in without}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=environment | variables, capture_output=True, text=True, check=True
    )


def hints(modes, first="", **variables):
    code = HINTS.format(modes=modes, first=first)
    without = {"TF_ENABLE_ONEDNN_OPTS", *ALLOCATOR}
    return run(code, without, **variables).stderr.count("takes about half the time with")


def test_training_hints_once_at_what_is_missing():
    is_missing = {
        "tensorflow": CPU_INFO.exists()
        and "avx2" in CPU_INFO.read_text()
        and not re.search("avx512_(vnni|bf16)|avx_vnni|amx_", CPU_INFO.read_text()),
        "torch": platform.libc_ver()[0] == "glibc",
        "jax": False,
    }
    assert hints([True, True]) == int(is_missing[keras.backend.backend()])
    assert hints([False]) == 0


def test_nothing_is_said_to_who_has_chosen():
    assert hints([True], TF_ENABLE_ONEDNN_OPTS="0", MALLOC_MMAP_MAX_="65536") == 0


@on_torch
def test_nothing_is_said_after_the_call():
    assert hints([True], first=KEEP) == 0


@on_torch
def test_freed_memory_is_kept():
    pages = 2**26 // os.sysconf("SC_PAGE_SIZE")
    given_back, kept = (
        int(run(NEW_PAGES.format(first=first), ALLOCATOR).stdout) for first in ("", KEEP)
    )
    assert given_back >= 10 * pages
    assert kept < 2 * pages


def test_what_the_user_has_chosen_stays():
    assert run(PRINT, MALLOC_MMAP_MAX_="65536").stdout == "False\n"


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch needs the call")
def test_other_backends_keep_memory_by_themselves():
    assert run(PRINT, ALLOCATOR).stdout == "False\n"
