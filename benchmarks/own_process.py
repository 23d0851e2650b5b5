"""Calls in processes of their own, with a backend and memory of their own."""

import concurrent.futures
import multiprocessing


def in_own_process(function, *arguments):
    """Returns what a function returns in a fresh process, whose memory is its own."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()
