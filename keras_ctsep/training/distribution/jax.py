"""`keras.distribution.DataParallel` over the devices of one process or of several on JAX."""

import os

import keras
import numpy as np


def start():
    """Shares batches among all devices; returns `((process, processes), devices)`."""
    import jax

    launched = "KERAS_DISTRIBUTION_NUM_PROCESSES" in os.environ
    if launched and not jax.distributed.is_initialized():
        keras.distribution.initialize()
    _share_among(jax.devices())
    return (jax.process_index(), jax.process_count()), jax.device_count()


def is_started():
    return keras.distribution.distribution() is not None


def stop():
    keras.distribution.set_distribution(None)


def any_process(flag):
    from jax.experimental.multihost_utils import process_allgather

    return bool(process_allgather(np.int32(flag)).any())


def gather(rows, num_processes):
    """Returns an array of the arrays `rows` of all processes."""
    from jax.experimental.multihost_utils import process_allgather

    return process_allgather(rows)


def local_copy(model):
    """Returns a copy on the devices of this process, on which everything is placed from then on."""
    import jax

    weights = [keras.ops.convert_to_numpy(weight) for weight in model.weights]
    _share_among(jax.local_devices())
    copy = keras.models.clone_model(model)
    copy.set_weights(weights)
    return copy


def _share_among(jax_devices):
    names = [f"{device.platform}:{device.id}" for device in jax_devices]
    # Every process reads its own part already.
    distribution = keras.distribution.DataParallel(devices=names, auto_shard_dataset=False)
    keras.distribution.set_distribution(distribution)
