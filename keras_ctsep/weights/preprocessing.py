"""Clips as the networks that others trained saw them."""

import numpy as np


def torchvision_preprocess(clip, resize_size=(128, 171), crop_size=112):
    """Resizes and crops a clip as torchvision does for its video networks.

    Their published accuracies belong to this: every frame is squeezed to 128 x 171 whatever its
    aspect, by bilinear interpolation between the four nearest pixels and no more (no antialias, so
    that other pixels of a large frame have no part in it), and the centre is cut out. The readers
    of this package resize the shorter side instead, keep the aspect and weight every pixel; on
    videos of 320 x 240 the two differ by several grey levels. Normalization is in the model.

    Args:
        clip: uint8 `(frames, height, width, channels)`, 0..255.
        resize_size: `(height, width)` after resizing.
        crop_size: side of the square that is cut out.

    Returns:
        uint8 `(frames, crop_size, crop_size, channels)`.

    Raises:
        ValueError: for a clip of another type or rank, and a crop larger than what is resized.

    Example:
    >>> import numpy as np
    >>> torchvision_preprocess(np.zeros((16, 240, 320, 3), "uint8")).shape
    (16, 112, 112, 3)

    Reference:
        torchvision, `transforms/_presets.py`, VideoClassification.
    """
    clip = np.asarray(clip)
    if clip.ndim != 4 or clip.dtype != np.uint8:
        raise ValueError(
            "`clip` must be uint8 (frames, height, width, channels). "
            f"Received: {clip.dtype} {clip.shape}"
        )
    if not 0 < crop_size <= min(resize_size):
        raise ValueError(
            f"`crop_size` must be in 1..{min(resize_size)}. Received: crop_size={crop_size}"
        )
    # Rounds a half to the even number: for 171 - 112 the crop begins at 30, not 29.
    top, left = (round((size - crop_size) / 2) for size in resize_size)
    rows, row_weights = _neighbours(clip.shape[1], resize_size[0], top, crop_size)
    columns, column_weights = _neighbours(clip.shape[2], resize_size[1], left, crop_size)
    clip = _between(clip[:, :, columns[0]], clip[:, :, columns[1]], column_weights[:, None])
    clip = _between(clip[:, rows[0]], clip[:, rows[1]], row_weights[:, None, None])
    return np.rint(clip).astype("uint8")


def _neighbours(size, new_size, start, count):
    """Returns two source indices for each place of a crop, and the weight of the second."""
    # In float32 as there: in float64 one pixel in a thousand rounds to another grey level.
    places = np.arange(start, start + count, dtype="float32") + np.float32(0.5)
    places = np.maximum(places * np.float32(size / new_size) - np.float32(0.5), np.float32(0))
    first = places.astype("int64")
    return (first, np.minimum(first + 1, size - 1)), places - first.astype("float32")


def _between(first, second, weights):
    return first * (1 - weights) + second * weights
