"""Keras callbacks that keep a run in a folder, so that it can be stopped and go on."""

import contextlib
import csv
import json
import pathlib
import shutil
import time

import keras
import numpy as np

from keras_ctsep.files import write_whole
from keras_ctsep.inference import VideoClassifier
from keras_ctsep.plots import optional_picture, plot_curves
from keras_ctsep.training import distribution

_STATE = "state.npz"


def has_state(output):
    """Tells whether the folder has the state of a run, to go on from there.

    Example:
    >>> import tempfile
    >>> has_state(tempfile.mkdtemp())
    False
    """
    return (pathlib.Path(output) / _STATE).exists()


class Checkpoint(keras.callbacks.Callback):
    """Writes models, history and the whole state of training after every epoch.

    A run that is killed at any instant and continues from its last epoch's end has the weights of
    a run that was never stopped: the state has the weights, the batch-norm statistics, the
    optimizer with its step and moving averages, the dropout seeds, and the epoch, on which the
    order and augmentation of the data depend. So does one that continues from the batch after which
    `write_within_epoch` was called. `keras.callbacks.BackupAndRestore` leaves out the seeds, the
    history and the best score, and writes in two steps.

    Files in `output`: `last.keras`, `best.keras` (highest `val_accuracy`, the later of equals),
    `history.csv`, after these `state.npz`, and last `curves.png` where matplotlib is installed.
    With an optimizer that averages weights (`use_ema=True`) both models and the validation use
    the averages. Both have the names of the classes and the way clips are cut inside them, see
    `keras_ctsep.inference.VideoClassifier`.

    Args:
        output: folder to write into.
        model: the model to save. It shares its layers with the one that `fit` is called on, and
            is not compiled, because only an uncompiled file opens on every backend.
        train_data: `keras_ctsep.data.VideoDataset` that `fit` gets. Its seed, the epoch and the
            batch also start the global random numbers.
        writes: whether this process writes. Of several that train together one does.
        keep_best: whether to write `best.keras`. Only where the validation videos are not those
            that the model is measured on in the end.

    Example:
    ```python
    trained = keras.Model(model.inputs, model.outputs)
    trained.compile(...)
    checkpoint = Checkpoint("runs/1", model, train_data)
    checkpoint.start(trained, resume=True)
    checkpoint.fit(
        trained, train_data, epochs=10, validation_data=test_data, callbacks=[checkpoint]
    )
    ```
    """

    def __init__(self, output, model, train_data, writes=True, keep_best=False):
        super().__init__()
        self.output = pathlib.Path(output)
        self.saved_model = model
        self.train_data = train_data
        self.writes = writes
        self.keep_best = keep_best
        self.history = []  # one dict an epoch
        self._raw_weights = None
        self._resumed = False

    @property
    def state_path(self):
        return self.output / _STATE

    def start(self, model, resume=False):
        """Restores the compiled `model` from the state in the folder, or writes the first state.

        Writing it before training shows whether the folder can be written.

        Returns:
            Whether there was one, and the run goes on from there.

        Raises:
            OSError: when the folder cannot be written.
            ValueError: when the state is that of another model, when processes have different
                states, or when the disk is almost full.
        """
        model.optimizer.build(model.trainable_variables)
        goes_on = resume and has_state(self.output)
        if goes_on:
            self._read_state(model)
            self._resumed = True
        elif self.writes:
            self._write_state(model)
        self._require_equal_processes()
        if self.writes:
            self._require_room()
        return goes_on

    def _require_room(self):
        free, needed = shutil.disk_usage(self.output).free, 3 * self.state_path.stat().st_size
        if free < needed:
            raise ValueError(
                f"{self.output}: Expected room for the models and a second state, "
                f"{needed:,} bytes. Received: {free:,} bytes free"
            )

    def fit(self, model, data, epochs, **arguments):
        """Calls `model.fit` for what is left of the epochs.

        Where a part of an epoch is left, that is a call of its own, because Keras asks the data
        for the number of batches once a call.

        Args:
            model: the model that `start` got.
            data: `train_data`, or an `AugmentedBatches` of it. It shuffles by itself.
            epochs: int, the number of the last epoch.
            **arguments: other arguments of `keras.Model.fit`; `callbacks` has this one.
        """
        first = len(self.history)
        if self.train_data.first_batch:
            model.fit(data, initial_epoch=first, epochs=first + 1, shuffle=False, **arguments)
            self.train_data.first_batch = 0
            first += 1
            if model.stop_training:
                return
        model.fit(data, initial_epoch=first, epochs=epochs, shuffle=False, **arguments)

    def write_within_epoch(self, batch):
        """Writes the state after that batch of the call of `fit`, to go on from there.

        The row of that epoch in the history is then about the batches that come after.

        Returns:
            Whether it did: False after the last batch, when the epoch is about to end anyway.
        """
        if batch + 1 == len(self.train_data):
            return False
        if self.writes:
            self._write_state(self.model, batch + 1 + self.train_data.first_batch)
        return True

    def on_train_begin(self, logs=None):
        # `fit` first traces the model, which on PyTorch draws from the seeds of dropout.
        if self._resumed:
            self._read_state(self.model)
            self._resumed = False

    def on_train_end(self, logs=None):
        # `fit` leaves the averages in the model, and another call comes unless a callback ends all.
        if self.train_data.first_batch and not self.model.stop_training:
            _assign(self.model.trainable_variables, self._raw_weights)

    def on_epoch_begin(self, epoch, logs=None):
        self.train_data.epoch = epoch
        self._epoch_start = time.monotonic()

    def on_train_batch_begin(self, batch, logs=None):
        # On PyTorch a dropout layer without a seed draws from the global generator.
        if keras.backend.backend() == "torch":
            data = self.train_data
            place = np.random.SeedSequence((data.seed, data.epoch, data.first_batch + batch))
            keras.utils.set_random_seed(int(place.generate_state(1)[0]))

    def on_test_begin(self, logs=None):
        self._raw_weights = _use_average_weights(self.model)

    def on_test_end(self, logs=None):
        _assign(self.model.trainable_variables, self._raw_weights)

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1} | {name: float(value) for name, value in logs.items()}
        learning_rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        row["learning_rate"] = float(learning_rate)
        row["seconds"] = round(time.monotonic() - self._epoch_start, 2)
        self.history.append(row)
        # All processes assign, because on JAX they have to take the same steps.
        with _average_weights(self.model) as self._raw_weights:
            if self.writes:
                self._save_models(row)
        if self.writes:
            self._write_history()
            # After them, so that whoever continues from here finds the models and the history.
            self._write_state(self.model)
            self._draw_history()

    def _require_equal_processes(self):
        place = [len(self.history), self.train_data.first_batch]
        places = distribution.gather([place], 1, self.train_data.shard)
        if (places != places[0]).any():
            raise ValueError(
                f"Expected {self.state_path} to be the same file in all processes. "
                f"Received: states after these epochs and batches, {places.tolist()}"
            )

    def _save_models(self, row):
        best = max(row.get("val_accuracy", 0.0) for row in self.history)
        if self.keep_best and row.get("val_accuracy", 0.0) == best:
            self._save_model("best.keras")
        self._save_model("last.keras")

    def _save_model(self, name):
        data = self.train_data
        classifier = VideoClassifier(self.saved_model, data.annotations.class_names, data.clips)
        classifier.save(self.output / name)

    def _write_history(self):
        with write_whole(self.output / "history.csv") as temporary:
            with open(temporary, "w", newline="") as file:
                writer = csv.DictWriter(file, self.history[0])
                writer.writeheader()
                writer.writerows(self.history)

    def _draw_history(self):
        columns = {name: [row[name] for row in self.history] for name in self.history[0]}
        with optional_picture(self.output / "curves.png", say=len(self.history) == 1) as path:
            plot_curves(columns, path)

    def _write_state(self, model, batch=0):
        arrays = [keras.ops.convert_to_numpy(variable) for variable in _all_variables(model)]
        with write_whole(self.state_path) as temporary:
            np.savez(temporary, *arrays, history=json.dumps(self.history), batch=batch)

    def _read_state(self, model):
        variables = _all_variables(model)
        with np.load(self.state_path) as state:
            arrays = [state[f"arr_{index}"] for index in range(len(state.files) - 2)]
            history, batch = json.loads(str(state["history"])), int(state["batch"])
        if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
            raise ValueError(
                f"{self.state_path} is the state of another model or optimizer. Received: "
                f"{len(arrays)} arrays for {len(variables)} variables, or other shapes"
            )
        _assign(variables, arrays)
        self.history = history
        self.train_data.first_batch = batch


def _all_variables(model):
    # model.variables has the seeds of dropout; a file of weights has not.
    return model.variables + model.optimizer.variables


def _assign(variables, arrays):
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _use_average_weights(model):
    # keras.callbacks.SwapEMAWeights swaps by additions on TensorFlow; the rounding would make a
    # resumed run differ.
    raw = [keras.ops.convert_to_numpy(variable).copy() for variable in model.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    # On JAX they now share memory with the optimizer's averages, and `evaluate` frees its own.
    _assign(model.trainable_variables, map(keras.ops.copy, model.trainable_variables))
    return raw


@contextlib.contextmanager
def _average_weights(model):
    raw = _use_average_weights(model)
    yield raw
    _assign(model.trainable_variables, raw)
