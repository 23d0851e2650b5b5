"""Keras's initializers, drawn with NumPy.

Keras draws on the backend. JAX then compiles a program for each shape of a weight, ten seconds for
a network, and one seed starts each backend differently. Drawn with NumPy, the start is quick, and
the same on every backend.
"""

import math

import keras
import numpy as np

# Standard deviation of a normal distribution that is cut off at two standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


@keras.saving.register_keras_serializable(package="keras_ctsep")
class HeNormal(keras.initializers.HeNormal):
    """`keras.initializers.HeNormal`: a truncated normal distribution of variance 2 / fan-in.

    The fan-in is what one output of a kernel `(..., channels, filters)` reads.

    Args:
        seed: int; default: drawn from the seed that `keras.utils.set_random_seed` sets.

    Example:
    >>> HeNormal(seed=1)((1, 1, 1, 8, 4)).shape == (1, 1, 1, 8, 4)
    True

    Reference:
        He et al. 2015, "Delving Deep into Rectifiers", arXiv 1502.01852, section 2.2.
    """

    def __call__(self, shape, dtype=None):
        rng = np.random.default_rng(self.seed)
        values = rng.standard_normal(shape, "float32")
        while (beyond := np.abs(values) > 2).any():
            values[beyond] = rng.standard_normal(np.count_nonzero(beyond), "float32")
        stddev = math.sqrt(2 / math.prod(shape[:-1])) / _TRUNCATED_STDDEV
        return keras.ops.convert_to_tensor(stddev * values, dtype)


@keras.saving.register_keras_serializable(package="keras_ctsep")
class RandomNormal(keras.initializers.RandomNormal):
    """`keras.initializers.RandomNormal`.

    Args:
        mean: float.
        stddev: float.
        seed: int; default: drawn from the seed that `keras.utils.set_random_seed` sets.

    Example:
    >>> RandomNormal(stddev=0.1, seed=1)((3, 1, 1, 8, 1)).shape == (3, 1, 1, 8, 1)
    True
    """

    def __call__(self, shape, dtype=None):
        values = np.random.default_rng(self.seed).standard_normal(shape, "float32")
        return keras.ops.convert_to_tensor(self.mean + self.stddev * values, dtype)


@keras.saving.register_keras_serializable(package="keras_ctsep")
class GlorotUniform(keras.initializers.GlorotUniform):
    """`keras.initializers.GlorotUniform` of a matrix `(inputs, outputs)`.

    Args:
        seed: int; default: drawn from the seed that `keras.utils.set_random_seed` sets.

    Example:
    >>> bool(keras.ops.max(GlorotUniform(seed=1)((2, 4))) <= 1)
    True

    Reference:
        Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural
        networks", section 4.2.1.
    """

    def __call__(self, shape, dtype=None):
        limit = math.sqrt(6 / sum(shape))
        values = np.random.default_rng(self.seed).uniform(-limit, limit, shape)
        return keras.ops.convert_to_tensor(values.astype("float32"), dtype)
