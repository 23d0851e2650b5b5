"""Prefetching with a thread pool."""

import concurrent.futures
import os
import threading


class LookAhead:
    """Calls a function in advance, for keys that `get` will need soon.

    The results of `get` depend on the keys alone, not on earlier calls or on the thread: results
    that were dropped or not started are computed when they are needed.

    Args:
        function: called with one key, in any thread.
        num_threads: number of threads. With 0, `get` calls the function itself.
    """

    def __init__(self, function, num_threads):
        self._function = function
        self._num_threads = num_threads
        self._start()

    def _start(self):
        self._process = os.getpid()
        self._futures = {}
        self._lock = threading.Lock()
        self._pool = None

    def __reduce__(self):
        return LookAhead, (self._function, self._num_threads)

    def get(self, keys, next_keys):
        """Returns the results for `keys` as a list, and starts to compute those for `next_keys`.

        Afterwards only `next_keys` are remembered, and the keys of other threads' last calls.
        """
        if not self._num_threads:
            return [self._function(key) for key in keys]
        if self._process != os.getpid():
            # A fork takes no threads along, and perhaps a lock that one of them holds.
            self._start()
        with self._lock:
            self._pool = self._pool or concurrent.futures.ThreadPoolExecutor(self._num_threads)
            for key in (*keys, *next_keys):
                if key not in self._futures:
                    self._futures[key] = self._pool.submit(self._function, key)
            futures = [self._futures[key] for key in keys]
            self._forget(keys, next_keys)
        return [self._result(key, future) for key, future in zip(keys, futures, strict=True)]

    def _result(self, key, future):
        try:
            return future.result()
        except concurrent.futures.CancelledError:  # other readers went on meanwhile
            return self._function(key)

    def _forget(self, keys, next_keys):
        for key in set(keys) - set(next_keys):
            del self._futures[key]
        # Keras abandons iterators half-way, and TensorFlow reads through two at once: keep one
        # other reader's keys, and no more.
        for key in list(self._futures)[: -2 * max(len(next_keys), 1)]:
            self._futures.pop(key).cancel()
