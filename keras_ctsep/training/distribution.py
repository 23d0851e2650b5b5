"""Training on several devices, each backend by its own means.

- JAX: `keras.distribution.DataParallel` over the devices of one process, or of all processes that
  have the variables of `keras.distribution.initialize` (`KERAS_DISTRIBUTION_JOB_ADDRESSES`,
  `KERAS_DISTRIBUTION_NUM_PROCESSES`, `KERAS_DISTRIBUTION_PROCESS_ID`).
- TensorFlow: `tf.distribute.MirroredStrategy` over the devices of one process.
- PyTorch: one process a device, started by `torchrun`.

The loss curve is that of one device with the same global batch, because every process has equally
many clips in a batch and Keras divides the loss by their number, filled-in clips included. Batch
norm takes its mean and variance from the whole batch on JAX, and from the part on each device on
TensorFlow and PyTorch, where `keras.layers.BatchNormalization(synchronized=True)` helps on
TensorFlow alone.
"""

import atexit
import os

import keras
import numpy as np

# What a launcher sets for the processes of each backend.
_LAUNCHERS = {
    "torch": "WORLD_SIZE",
    "jax": "KERAS_DISTRIBUTION_NUM_PROCESSES",
    "tensorflow": "TF_CONFIG",
}


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
    backend = keras.backend.backend()
    for other, variable in _LAUNCHERS.items():
        if other != backend and variable in os.environ:
            raise ValueError(
                f"Expected processes for the backend {backend}. "
                f"Received: {variable}={os.environ[variable]}, as for {other}"
            )
    shard, num_devices = {"torch": _start_torch, "jax": _start_jax}.get(backend, _start_tf)()
    if batch_size % num_devices:
        raise ValueError(
            f"Expected a batch size that {num_devices} devices divide. Received: {batch_size}"
        )
    if shard[0] == 0:
        print(f"{backend}: {shard[1]} processes, {num_devices} devices")
    return batch_size // shard[1], shard


def callbacks(train_data, test_data, shard):
    """Gives the callbacks that keep the processes equal, to come first in the list for `fit`.

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
    return [_TorchProcesses(len(train_data), len(test_data))]


def local_copy(model, shard):
    """Gives a model for `predict` on this process's share of the data. Call it after `fit`.

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
    import jax

    weights = [keras.ops.convert_to_numpy(weight) for weight in model.weights]
    _share_among(jax.local_devices())
    copy = keras.models.clone_model(model)
    copy.set_weights(weights)
    return copy


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
    of_processes = [rows] * shard[1]
    if shard[1] > 1 and keras.backend.backend() == "jax":
        from jax.experimental.multihost_utils import process_allgather

        of_processes = process_allgather(rows)
    elif shard[1] > 1:
        import torch.distributed

        torch.distributed.all_gather_object(of_processes, rows)
    of_batches = [part.reshape(num_batches, -1, *rows.shape[1:]) for part in of_processes]
    return np.concatenate(of_batches, axis=1).reshape(-1, *rows.shape[1:])


def _start_jax():
    import jax

    if _LAUNCHERS["jax"] in os.environ and not jax.distributed.is_initialized():
        keras.distribution.initialize()
    _share_among(jax.devices())
    return (jax.process_index(), jax.process_count()), jax.device_count()


def _share_among(jax_devices):
    names = [f"{device.platform}:{device.id}" for device in jax_devices]
    # Every process reads its own part already.
    distribution = keras.distribution.DataParallel(devices=names, auto_shard_dataset=False)
    keras.distribution.set_distribution(distribution)


def _start_tf():
    import tensorflow as tf

    if _LAUNCHERS["tensorflow"] in os.environ:
        raise ValueError(
            "fit of Keras 3 does not train in several processes on TensorFlow (keras#20585); "
            "the backends torch and jax do. Received: TF_CONFIG"
        )
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    tf.distribute.experimental_set_strategy(strategy)
    return (0, 1), len(devices)


def _start_torch():
    import torch.distributed

    if _LAUNCHERS["torch"] not in os.environ:
        raise ValueError(
            "Expected one process a device on PyTorch: start the program with "
            "torchrun --nproc-per-node=gpu. Received: no WORLD_SIZE"
        )
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group()
        atexit.register(torch.distributed.destroy_process_group)
    num_processes = torch.distributed.get_world_size()
    return (torch.distributed.get_rank(), num_processes), num_processes


class _TorchProcesses(keras.callbacks.Callback):
    """Keeps processes equal under plain `fit`; `DistributedDataParallel` has no `fit`."""

    def __init__(self, num_train_batches, num_test_batches):
        super().__init__()
        self._num_train_batches = num_train_batches
        self._num_test_batches = num_test_batches

    def on_train_begin(self, logs=None):
        import torch.distributed

        variables = self.model.variables + self.model.optimizer.variables
        arrays = [keras.ops.convert_to_numpy(variable) for variable in variables]
        torch.distributed.broadcast_object_list(arrays)
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        self._tensors = [variable.value for variable in self.model.trainable_variables]
        self._num_gradients = 0
        self._hooks = [
            tensor.register_post_accumulate_grad_hook(self._count_gradient)
            for tensor in self._tensors
        ]

    def on_train_end(self, logs=None):
        for hook in self._hooks:
            hook.remove()

    def on_train_batch_end(self, batch, logs=None):
        if self._num_gradients:
            raise ValueError(
                f"Expected gradients of all {len(self._tensors)} trainable variables. "
                f"Received: {self._num_gradients}"
            )
        if batch + 1 == self._num_train_batches:
            weights = self.model.non_trainable_weights
            _reduce([w.value for w in weights if "float" in w.dtype], average=True)
            self._sum_metrics()

    def on_test_batch_end(self, batch, logs=None):
        if batch + 1 == self._num_test_batches:
            self._sum_metrics()

    def _count_gradient(self, tensor):
        # One exchange of all gradients costs much less than one for each.
        self._num_gradients += 1
        if self._num_gradients == len(self._tensors):
            self._num_gradients = 0
            _reduce([tensor.grad for tensor in self._tensors], average=True)

    def _sum_metrics(self):
        # Keras's metrics are quotients of sums over batches.
        _reduce([variable.value for variable in self.model.metrics_variables])


def _reduce(tensors, average=False):
    """Replaces PyTorch tensors by their sum, or average, over all processes."""
    import torch.distributed

    if not tensors:
        return
    with torch.no_grad():
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        torch.distributed.all_reduce(flat)
        if average:
            flat /= torch.distributed.get_world_size()
        parts = flat.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))
