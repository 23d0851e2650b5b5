"""What a training changes for the whole program, and how it comes back."""

import contextlib
import random

import keras
import numpy as np

from keras_ctsep.training import distribution


@contextlib.contextmanager
def restored_global_state():
    """Restores afterwards what a training changes for the whole program, also after an error.

    That is Keras's dtype policy, the devices of `distribution.start`, and the random numbers of
    Python and NumPy. Those of Keras and of the backend go on from where the training left them.

    Returns:
        A context manager, which is also a decorator.

    Example:
    >>> import keras
    >>> from keras_ctsep import training
    >>> with training.restored_global_state():
    ...     keras.config.set_dtype_policy("mixed_bfloat16")
    >>> keras.config.dtype_policy().name
    'float32'
    """
    policy, started = keras.config.dtype_policy(), distribution.is_started()
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        if distribution.is_started() and not started:
            distribution.stop()
