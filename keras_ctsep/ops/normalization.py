"""Batch normalization over all axes but the last, each way in as few passes as the backend has."""

import math
from typing import NamedTuple

import keras
from keras import ops

from keras_ctsep.ops.backend import relu_inplace
from keras_ctsep.ops.custom_gradient import custom_gradient
from keras_ctsep.ops.rematerialization import depends_on


class Moments(NamedTuple):
    """What `batch_norm` found out about its inputs.

    Attributes:
        mean: `(channels,)`.
        variance: `(channels,)`, of the batch as it is (biased).
        reserved: what TensorFlow's gradient wants of them, in its own form.
    """

    mean: object
    variance: object
    reserved: tuple = ()


def batch_norm(inputs, gamma, beta, epsilon, relu=False, moments=None):
    """Normalizes each channel by its mean and variance over the batch.

    Args:
        inputs: tensor `(..., channels)`.
        gamma: scale `(channels,)`, at least float32.
        beta: offset `(channels,)`, at least float32.
        epsilon: float added to the variance.
        relu: whether to apply ReLU to the outputs.
        moments: the `Moments` of these inputs, where they were computed before: the same outputs
            and gradients with a pass less. (PyTorch has no gradient that takes them.)

    Returns:
        A tuple `(outputs, moments)`: outputs of the inputs' shape and type, and the `Moments` they
        were normalized by, which pass no gradient on.

    Example:
    >>> from keras import ops
    >>> outputs, moments = batch_norm(
    ...     ops.array([[1.0], [3.0]]), ops.ones(1), ops.zeros(1), epsilon=0.0
    ... )
    >>> float(moments.mean[0]), float(moments.variance[0])
    (2.0, 1.0)

    Reference:
        Ioffe and Szegedy 2015, "Batch Normalization", arXiv 1502.03167, section 3.
    """
    if keras.backend.backend() == "torch":
        return _torch_batch_norm(inputs, gamma, beta, epsilon, relu)
    by_tensorflow = keras.backend.backend() == "tensorflow" and gamma.dtype == "float32"
    function = _tensorflow_batch_norm if by_tensorflow else _portable_batch_norm
    return function(inputs, gamma, beta, epsilon, relu, moments)


def _torch_batch_norm(inputs, gamma, beta, epsilon, relu):
    import torch

    outputs, mean, inverse = torch.native_batch_norm(
        inputs.reshape(-1, inputs.shape[-1]), gamma, beta, None, None, True, 0.0, epsilon
    )
    variance = inverse.detach() ** -2 - epsilon
    # Before the reshape: through a view autograd would copy the gradient once more.
    outputs = relu_inplace(outputs) if relu else outputs
    return outputs.reshape(inputs.shape), Moments(mean.detach(), variance)


def _tensorflow_batch_norm(inputs, gamma, beta, epsilon, relu, moments):
    import tensorflow as tf

    rows = tf.reshape(inputs, (1, -1, 1, inputs.shape[-1]))
    if moments is None:
        outputs, mean, variance, *reserved = tf.raw_ops.FusedBatchNormV3(
            x=rows, scale=gamma, offset=beta, mean=[], variance=[], epsilon=epsilon
        )
        # TensorFlow returns the unbiased variance.
        count = tf.cast(tf.shape(rows)[1], variance.dtype)
        variance *= (count - 1) / count
        moments = tf.nest.map_structure(tf.stop_gradient, Moments(mean, variance, tuple(reserved)))
    else:
        outputs = _tensorflow_batch_norm_by(rows, gamma, beta, epsilon, moments)
    return _tensorflow_finish(outputs, inputs, relu), moments


def _tensorflow_batch_norm_by(rows, gamma, beta, epsilon, moments):
    import tensorflow as tf

    def normalized(rows, gamma, beta):
        return _tensorflow_normalize(rows, gamma, beta, moments.mean, moments.variance, epsilon)

    def gradient(upstream, rows, gamma, beta):
        del beta
        reserved = {f"reserve_space_{i}": part for i, part in enumerate(moments.reserved, start=1)}
        settings = {"y_backprop": upstream, "x": rows, "scale": gamma, "epsilon": epsilon}
        return tf.raw_ops.FusedBatchNormGradV3(**settings, **reserved)[:3]

    return custom_gradient(normalized, gradient)(rows, gamma, beta)


def _tensorflow_normalize(rows, gamma, beta, mean, variance, epsilon):
    import tensorflow as tf

    moments = {"mean": mean, "variance": variance}
    settings = {"epsilon": epsilon, "is_training": False}
    return tf.raw_ops.FusedBatchNormV3(x=rows, scale=gamma, offset=beta, **moments, **settings)[0]


def _tensorflow_finish(rows, inputs, relu):
    import tensorflow as tf

    # TensorFlow fuses a ReLU with the norm where nothing, not even a reshape, lies between.
    rows = relu_inplace(rows) if relu else rows
    return tf.ensure_shape(tf.reshape(rows, tf.shape(inputs)), inputs.shape)


def _portable_batch_norm(inputs, gamma, beta, epsilon, relu, moments):
    axes = tuple(range(len(inputs.shape) - 1))
    if moments is None:
        values = ops.cast(ops.stop_gradient(inputs), gamma.dtype)
        mean = ops.mean(values, axes)
        moments = Moments(mean, ops.mean(ops.square(values - mean), axes))

    def normalized(inputs, gamma, beta, mean, variance):
        # JAX differentiates this line too where it looks for second derivatives.
        mean, variance = _mean_of(inputs, mean), _variance_of(inputs, mean, variance)
        return normalize(inputs, gamma, beta, mean, variance, epsilon)

    # By autodiff, the way through the moments would take several passes more.
    def gradient(upstream, inputs, gamma, beta, mean, variance):
        upstream = ops.cast(upstream, gamma.dtype)
        inverse = ops.rsqrt(_variance_of(inputs, mean, variance) + epsilon)
        mean = depends_on(_mean_of(inputs, mean), upstream)
        unit = (ops.cast(inputs, gamma.dtype) - mean) * inverse
        d_beta = ops.sum(upstream, axes)
        d_gamma = ops.sum(upstream * unit, axes)
        mean_gradient = (d_beta + unit * d_gamma) / _count(inputs, gamma.dtype)
        d_inputs = ops.cast(gamma * inverse * (upstream - mean_gradient), inputs.dtype)
        nothing = ops.zeros_like(variance)
        return d_inputs, d_gamma, d_beta, nothing, nothing

    mean_and_variance = (moments.mean, moments.variance)
    outputs = custom_gradient(normalized, gradient)(inputs, gamma, beta, *mean_and_variance)
    return relu_inplace(outputs) if relu else outputs, moments


def _count(inputs, dtype):
    return ops.cast(math.prod(ops.shape(inputs)[:-1]), dtype)


# Both return what was computed before, and know how it depends on the inputs: only so are second
# derivatives right, and first ones take no pass more.


def _mean_of(inputs, mean):
    def gradient(upstream, inputs, mean):
        share = upstream / _count(inputs, mean.dtype)
        of_inputs = ops.broadcast_to(ops.cast(share, inputs.dtype), ops.shape(inputs))
        return of_inputs, ops.zeros_like(mean)

    return custom_gradient(lambda inputs, mean: ops.copy(mean), gradient)(inputs, mean)


def _variance_of(inputs, mean, variance):
    def gradient(upstream, inputs, mean, variance):
        share = 2 * upstream / _count(inputs, mean.dtype)
        centred = ops.cast(inputs, mean.dtype) - _mean_of(inputs, mean)
        of_inputs = ops.cast(share * centred, inputs.dtype)
        return of_inputs, ops.zeros_like(mean), ops.zeros_like(variance)

    returned = custom_gradient(lambda inputs, mean, variance: ops.copy(variance), gradient)
    return returned(inputs, mean, variance)


def normalize(inputs, gamma, beta, mean, variance, epsilon, relu=False):
    """Normalizes each channel by a given mean and variance.

    Args:
        inputs: tensor `(..., channels)`.
        gamma: scale `(channels,)`, at least float32.
        beta: offset `(channels,)`.
        mean: `(channels,)`.
        variance: `(channels,)`.
        epsilon: float added to the variance.
        relu: whether to apply ReLU to the outputs.

    Returns:
        Tensor of the inputs' shape and type.

    Example:
    >>> from keras import ops
    >>> one = ops.ones(1)
    >>> outputs = normalize(ops.array([[5.0]]), 2 * one, one, 3 * one, 4 * one, epsilon=0.0)
    >>> float(outputs[0, 0])
    3.0
    """
    if keras.backend.backend() == "torch":
        import torch

        rows = inputs.reshape(-1, inputs.shape[-1])
        rows = torch.nn.functional.batch_norm(rows, mean, variance, gamma, beta, eps=epsilon)
        return (relu_inplace(rows) if relu else rows).reshape(inputs.shape)
    if keras.backend.backend() == "tensorflow" and gamma.dtype == "float32":
        import tensorflow as tf

        rows = tf.reshape(inputs, (1, -1, 1, inputs.shape[-1]))
        rows = _tensorflow_normalize(rows, gamma, beta, mean, variance, epsilon)
        return _tensorflow_finish(rows, inputs, relu)
    scale, offset = scale_and_offset(gamma, beta, mean, variance, epsilon)
    outputs = ops.cast(ops.cast(inputs, scale.dtype) * scale + offset, inputs.dtype)
    return relu_inplace(outputs) if relu else outputs


def scale_and_offset(gamma, beta, mean, variance, epsilon):
    """Returns what `normalize` multiplies by and then adds, each `(channels,)`.

    Example:
    >>> from keras import ops
    >>> one = ops.ones(1)
    >>> scale, offset = scale_and_offset(2 * one, one, 3 * one, 4 * one, epsilon=0.0)
    >>> float(scale[0]), float(offset[0])
    (1.0, -2.0)
    """
    scale = gamma * ops.rsqrt(variance + epsilon)
    return scale, beta - mean * scale
