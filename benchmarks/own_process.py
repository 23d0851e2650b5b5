"""Calls in processes of their own, with a backend and memory of their own."""

import concurrent.futures
import multiprocessing


def in_own_process(function, *arguments):
    """Returns what a function returns in a fresh process, whose memory is its own.

    It keeps freed memory, as the recipes do: peers on PyTorch gain by it too.
    """
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        1, mp_context=context, initializer=_keep_freed_memory
    ) as pool:
        return pool.submit(function, *arguments).result()


def _keep_freed_memory():
    from keras_ctsep import cpu

    cpu.keep_freed_memory()
