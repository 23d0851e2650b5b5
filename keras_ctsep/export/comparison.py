"""How far the scores of an exported file are from those of Keras."""

import numpy as np

TOLERANCE = 1e-4
# Scores below are 0 in some runtimes, which flush the smallest numbers.
_SMALLEST = 1e-20


def probe_batches(shape, sizes):
    """Returns batches of clips to compare with: 1 and 3 clips, and other sizes where they are free.

    Args:
        shape: `(None, frames, height, width, channels)` with None for free sizes.
        sizes: `(frames, height, width)` of the clips that the model was trained with.

    Returns:
        list of float32 arrays of whole numbers, 0..255.

    Example:
    >>> [batch.shape for batch in probe_batches((None, None, None, None, 3), (8, 56, 56))]
    [(1, 8, 56, 56, 3), (3, 8, 56, 56, 3), (1, 9, 64, 72, 3), (1, 12, 70, 70, 3)]
    """
    frames, height, width = sizes
    larger = (
        (1, frames + 1, height + 8, width + 16),
        (1, frames * 3 // 2, height * 5 // 4, width * 5 // 4),
    )
    shapes = [(batch, *sizes) for batch in (1, 3)] + [
        tuple(size if own is None else own for own, size in zip(shape, clip, strict=False))
        for clip in larger
    ]
    rng = np.random.default_rng(0)
    return [_draw_clips((*clip, shape[4]), rng) for clip in dict.fromkeys(shapes)]


def _draw_clips(shape, rng):
    """Draws clips of coarse and fine patterns, each with a brightness and contrast of its own."""
    batch, frames, height, width, channels = shape
    coarse = rng.normal(size=(batch, -(-frames // 4), -(-height // 8), -(-width // 8), channels))
    for axis, times in ((1, 4), (2, 8), (3, 8)):
        coarse = coarse.repeat(times, axis)
    coarse = coarse[:, :frames, :height, :width]
    mean, deviation = rng.uniform([[64], [20]], [[192], [60]], (2, batch)).reshape(
        2, -1, 1, 1, 1, 1
    )
    pictures = mean + deviation * (coarse + 0.5 * rng.normal(size=shape))
    return np.rint(np.clip(pictures, 0, 255)).astype("float32")


def largest_difference(scores, reference, logarithms=True):
    """Returns the largest difference between two arrays of scores, in parts of the largest score.

    Of probabilities the logarithms are compared as well: a network that is sure of each clip
    returns 0 and 1, in which errors before the softmax do not show.

    Args:
        scores: float array `(batch, num_classes)`.
        reference: the same of Keras.
        logarithms: whether to compare those of probabilities.

    Returns:
        A float; NaN where a score is no number.

    Example:
    >>> largest_difference(np.array([[3.0, -1.0]]), np.array([[4.0, -1.0]]))
    0.25
    """
    if scores.shape != reference.shape:
        return float("nan")
    pairs = [(scores, reference)]
    if logarithms and reference.min() >= 0 and np.allclose(reference.sum(axis=-1), 1, atol=1e-3):
        pairs.append([np.log(np.maximum(array, _SMALLEST)) for array in (scores, reference)])
    # NumPy's maximum, because Python's may leave NaN out.
    return float(np.max([abs(one - own).max() / (abs(own).max() or 1) for one, own in pairs]))
