"""Signals that end a training after a batch, with nothing lost."""

import signal
import sys
import threading

import keras

from keras_ctsep.training import distribution


class StopOnSignal(keras.callbacks.Callback):
    """Ends the program after the batch in which SIGINT (Ctrl-C) or SIGTERM came.

    As a callback it looks after every batch, in `fit` after those of training but the last: the
    epoch then ends first, which saves it. As a context manager it catches the signals, except in
    a thread that is not the main one, where it leaves them alone. A second signal acts at once.
    The exit code is 128 plus the signal's number: 130, 143.

    A signal to one of several processes ends all of them after the same batch, the others as by
    SIGTERM.

    Args:
        checkpoint: `Checkpoint` that is to write the state before a training is left.
        message: text that says what is saved and how to go on.
        shard: `(i, n)` from `distribution.start`.

    Example:
    ```python
    with StopOnSignal(checkpoint, "Go on with --resume.") as stop:
        model.fit(data, callbacks=[checkpoint, stop])
    ```
    """

    def __init__(self, checkpoint, message="", shard=(0, 1)):
        super().__init__()
        self.checkpoint = checkpoint
        self.message = message
        self.shard = shard
        self._received = None

    def __enter__(self):
        # Python allows handlers only there; a thread's program looks after signals itself.
        in_main_thread = threading.current_thread() is threading.main_thread()
        signals = (signal.SIGINT, signal.SIGTERM) if in_main_thread else ()
        self._handlers = {number: signal.signal(number, self._receive) for number in signals}
        return self

    def __exit__(self, *error):
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _receive(self, number, frame):
        self._received = number
        self.__exit__()

    def on_train_batch_end(self, batch, logs=None):
        if self._agreed() and self.checkpoint.write_within_epoch(batch):
            # A launcher ends all processes once one has ended: not while process 0 still writes.
            distribution.any_process(True, self.shard)
            self._leave()

    def _look(self, number, logs=None):
        if self._agreed():
            self._leave()

    on_epoch_end = on_predict_batch_end = _look

    def _agreed(self):
        agreed = distribution.any_process(self._received is not None, self.shard)
        if agreed and self._received is None:
            self._received = signal.SIGTERM
        return agreed

    def _leave(self):
        name = signal.Signals(self._received).name
        print(f"\nStopped by {name}. {self.message}", file=sys.stderr, flush=True)
        raise SystemExit(128 + self._received)
