"""Training on several devices, each backend by its own means.

- JAX: `keras.distribution.DataParallel` over the devices of one process, or of all processes that
  have the variables of `keras.distribution.initialize` (`KERAS_DISTRIBUTION_JOB_ADDRESSES`,
  `KERAS_DISTRIBUTION_NUM_PROCESSES`, `KERAS_DISTRIBUTION_PROCESS_ID`).
- TensorFlow: `tf.distribute.MirroredStrategy` over the devices of one process.
- PyTorch: one process a device, started by `torchrun`.

The loss curve is that of one device with the same global batch: every process has equally many
clips in a batch, and the loss that gradients are taken of is divided by their number, filled-in
clips included, so that the mean over processes is exact. Batch
norm takes its mean and variance from the whole batch on JAX, and from the part on each device on
TensorFlow and PyTorch, where `keras.layers.BatchNormalization(synchronized=True)` helps on
TensorFlow alone.
"""

import importlib

import keras
import numpy as np


def start(distribute, batch_size):
    """Makes ready for training on all devices. Call it before any model is built.

    Args:
        distribute: bool, whether to use all devices of the processes that a launcher started, or
            else of this machine. Otherwise nothing happens.
        batch_size: int, clips of a batch over all devices.

    Returns:
        A tuple `(batch_size, shard)` for `keras_ctsep.data.VideoDataset`: the clips of a batch
        that this process reads, and `(i, n)`, the number of this process and of all. Process 0 is
        the one that writes files and prints.

    Raises:
        ValueError: when the devices do not divide the batch, and for what Keras does not support
            on the backend.

    Example:
    >>> from keras_ctsep.training import distribution
    >>> distribution.start(False, batch_size=16)
    (16, (0, 1))
    """
    if not distribute:
        return batch_size, (0, 1)
    shard, num_devices = _of_backend().start()
    if batch_size % num_devices:
        stop()
        raise ValueError(
            f"Expected a batch size that {num_devices} devices divide. Received: {batch_size}"
        )
    if shard[0] == 0:
        print(f"{keras.backend.backend()}: {shard[1]} processes, {num_devices} devices")
    return batch_size // shard[1], shard


def stop():
    """Leaves the devices: models that are built from then on are on one device again.

    Call it when a training that `start` made ready is over. Processes stay joined.
    """
    _of_backend().stop()


def is_started():
    """Tells whether models that are built now are shared among devices.

    Returns:
        bool. On PyTorch, whose processes share no models, `False`.

    Example:
    >>> from keras_ctsep.training import distribution
    >>> distribution.is_started()
    False
    """
    return _of_backend().is_started()


def any_process(flag, shard):
    """Tells whether any process says so. All processes have to call it, and wait for each other.

    Args:
        flag: bool, what this process says.
        shard: `(i, n)` from `start`.

    Returns:
        bool, the same in all processes.

    Example:
    >>> from keras_ctsep.training import distribution
    >>> distribution.any_process(True, shard=(0, 1))
    True
    """
    return bool(flag) if shard[1] == 1 else _of_backend().any_process(flag)


def callbacks(train_data, test_data, shard):
    """Returns the callbacks that keep the processes equal, to come first in the list for `fit`.

    Only PyTorch needs one. It copies the variables of process 0 to the others, averages the
    gradients in each step, and at the end of an epoch the moving statistics of batch norm and the
    metrics, so that all processes validate, save and report the same.

    Args:
        train_data: `keras_ctsep.data.VideoDataset`, what `fit` gets.
        test_data: the same for `validation_data`, and for `evaluate`.
        shard: `(i, n)` from `start`.

    Returns:
        List of `keras.callbacks.Callback`.
    """
    if shard[1] == 1 or keras.backend.backend() != "torch":
        return []
    return [_of_backend().EqualProcesses(train_data, test_data)]


def local_copy(model, shard):
    """Returns a model for `predict` on this process's share of the data. Call it after `fit`.

    `predict` of Keras on JAX cannot return what lies on another process's devices.

    Args:
        model: a functional Keras model.
        shard: `(i, n)` from `start`.

    Returns:
        On JAX with several processes a copy on the devices of this one, on which everything is
        placed from then on; else `model`.
    """
    if shard[1] == 1 or keras.backend.backend() != "jax":
        return model
    return _of_backend().local_copy(model)


def gather(rows, num_batches, shard):
    """Puts together what all processes have, in the order of one that reads everything.

    Args:
        rows: array whose first axis holds `num_batches` batches of equal size.
        num_batches: int, 1 to put the rows of process 1 after all those of process 0.
        shard: `(i, n)` from `start`.

    Returns:
        Array with `n` times the rows, the same in all processes.

    Example:
    >>> from keras_ctsep.training import distribution
    >>> distribution.gather([[0.5], [1.5]], num_batches=2, shard=(0, 1)).tolist()
    [[0.5], [1.5]]
    """
    rows = np.asarray(rows)
    of_processes = [rows] if shard[1] == 1 else _of_backend().gather(rows, shard[1])
    of_batches = [part.reshape(num_batches, -1, *rows.shape[1:]) for part in of_processes]
    return np.concatenate(of_batches, axis=1).reshape(-1, *rows.shape[1:])


def _of_backend():
    return importlib.import_module(f"{__name__}.{keras.backend.backend()}")
