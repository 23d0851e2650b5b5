"""Convolutions and norms written down in NumPy, in float64: what the package is compared with."""

import numpy as np


def pairs_of(sizes, window, strides, padding, dilation):
    """Zeros before and after each axis, spelled out anew from Keras's documentation."""
    words = {"valid": (0, 0, 0), "same": ("same",) * 3, "causal": ("causal", "same", "same")}
    padding = words.get(padding, padding)
    pairs = []
    for kind, size, taps, stride, step in zip(
        padding, sizes, window, strides, dilation, strict=True
    ):
        reach = (taps - 1) * step + 1
        places = -(-size // stride)
        total = max((places - 1) * stride + reach - size, 0)
        if kind == "causal":
            pairs.append((reach - 1, 0))
        else:
            pairs.append((total // 2, total - total // 2) if kind == "same" else (kind, kind))
    return pairs


def windows_of(inputs, window, strides, padding, dilation):
    """Views `(batch, frames, height, width, channels, kt, kh, kw)` of what each window sees."""
    pairs = pairs_of(inputs.shape[1:4], window, strides, padding, dilation)
    padded = np.pad(inputs.astype("float64"), [(0, 0), *pairs, (0, 0)])
    reach = [(taps - 1) * step + 1 for taps, step in zip(window, dilation, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(1, 2, 3))
    (st, sh, sw), (dt, dh, dw) = strides, dilation
    return views[:, ::st, ::sh, ::sw, :, ::dt, ::dh, ::dw]


def conv3d(inputs, kernel, strides=(1, 1, 1), padding="valid", dilation=(1, 1, 1)):
    views = windows_of(inputs, kernel.shape[:3], strides, padding, dilation)
    return np.einsum("nthwcijk,ijkcf->nthwf", views, kernel.astype("float64"))


def depthwise_conv3d(inputs, kernel, strides=(1, 1, 1), padding="valid", dilation=(1, 1, 1)):
    views = windows_of(inputs, kernel.shape[:3], strides, padding, dilation)
    outputs = np.einsum("nthwcijk,ijkcm->nthwcm", views, kernel.astype("float64"))
    return outputs.reshape(*outputs.shape[:4], -1)


def batch_norm(inputs, norm):
    """The norm at inference, from the variables of a Keras layer."""
    gamma, beta, mean, variance = (np.asarray(weight, "float64") for weight in norm.get_weights())
    return (inputs - mean) / np.sqrt(variance + 1e-5) * gamma + beta


def relu(inputs):
    return np.maximum(inputs, 0)
