"""`tf.distribute.MirroredStrategy` over the devices of one process on TensorFlow."""

import json
import os


def start():
    """Mirrors variables on all devices; returns `((process, processes), devices)`."""
    import tensorflow as tf

    if _num_launched() > 1:
        raise ValueError(
            "fit of Keras 3 does not train in several processes on TensorFlow (keras#20585); "
            f"the backends torch and jax do. Received: TF_CONFIG={os.environ['TF_CONFIG']}"
        )
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    tf.distribute.experimental_set_strategy(strategy)
    return (0, 1), len(devices)


def is_started():
    import tensorflow as tf

    return tf.distribute.has_strategy()


def stop():
    import tensorflow as tf

    tf.distribute.experimental_set_strategy(None)


def _num_launched():
    # Some clouds set the variable on every machine, also where it is the only one.
    text = os.environ.get("TF_CONFIG") or "{}"
    try:
        cluster = dict(json.loads(text)).get("cluster") or {}
        return sum(len(cluster.get(job, ())) for job in ("chief", "master", "worker"))
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"Expected TF_CONFIG to be a JSON object. Received: {text}") from error
