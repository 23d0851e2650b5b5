"""Transforms of whole clips: random numbers are drawn once and applied to every frame.

Clips are uint8 arrays `(frames, height, width, 3)` with values 0..255, and so are the results. All
arithmetic is on integers, so that every machine computes the same clip.
"""

import numpy as np

# What stands for the changes -255 to 255 of a value from one frame to the next.
_CHANGES = np.arange(-255, 256)
_OF_CHANGES = 128 + np.sign(_CHANGES) * np.rint(127 * np.sqrt(np.abs(_CHANGES) / 255))
_OF_CHANGES = _OF_CHANGES.astype(np.uint8)


def resize(clip, height, width):
    """Scales a clip by bilinear interpolation between pixel centres.

    Args:
        clip: uint8 array `(frames, height, width, 3)`.
        height: new height in pixels.
        width: new width in pixels.

    Returns:
        uint8 array `(frames, height, width, 3)`, within one grey level of exact interpolation.

    Example:
    >>> import numpy as np
    >>> from keras_ctsep.data import resize
    >>> row = np.array([0, 100], np.uint8).reshape(1, 1, 2, 1).repeat(3, axis=-1)
    >>> resize(row, 1, 4)[0, 0, :, 0].tolist()
    [0, 25, 75, 100]
    """
    clip = _check_clip(clip)
    if height < 1 or width < 1:
        raise ValueError(f"The size must be positive. Received: height={height}, width={width}")
    rows = _neighbours(clip.shape[1], height, clip.shape[2] * 3)
    columns = _neighbours(clip.shape[2], width, 3)
    result = np.empty((len(clip), height, width, 3), np.uint8)
    # Frame by frame, because a frame fits into the processor's cache: twice as fast.
    for frame, resized in zip(clip, result, strict=True):
        resized[:] = _interpolate(_interpolate(frame, 0, *rows), 1, *columns)
    return result


def random_resized_crop(clip, size, *, rng, scale=(0.5, 1.0), ratio=(3 / 4, 4 / 3)):
    """Cuts a random part out of a clip, the same of every frame, and scales it to a square.

    Args:
        clip: uint8 array `(frames, height, width, 3)`.
        size: side of the result in pixels.
        rng: a `numpy.random.Generator`.
        scale: smallest and largest area of the part, as fractions of the frame's area.
        ratio: smallest and largest width of the part, divided by its height. A part that would
            be larger than the frame in one direction is cut there.

    Returns:
        uint8 array `(frames, size, size, 3)`.

    Reference:
        Szegedy et al., "Going deeper with convolutions", arXiv 1409.4842, section 6.

    Example:
    >>> import numpy as np
    >>> from keras_ctsep.data import random_resized_crop
    >>> clip = np.zeros((16, 128, 171, 3), np.uint8)
    >>> random_resized_crop(clip, 112, rng=np.random.default_rng(0)).shape
    (16, 112, 112, 3)
    """
    clip = _check_clip(clip)
    if not 0 < scale[0] <= scale[1] <= 1:
        raise ValueError(f"`scale` must be two ascending fractions. Received: scale={scale}")
    if not 0 < ratio[0] <= ratio[1]:
        raise ValueError(f"`ratio` must be two ascending numbers > 0. Received: ratio={ratio}")
    frame_height, frame_width = clip.shape[1:3]
    area = rng.uniform(*scale) * frame_height * frame_width
    aspect = np.exp(rng.uniform(*np.log(ratio)))
    height = int(np.clip(round(np.sqrt(area / aspect)), 1, frame_height))
    width = int(np.clip(round(np.sqrt(area * aspect)), 1, frame_width))
    top = rng.integers(frame_height - height + 1)
    left = rng.integers(frame_width - width + 1)
    return resize(clip[:, top : top + height, left : left + width], size, size)


def center_crop(clip, size):
    """Cuts the square in the middle out of every frame.

    Where the middle lies between two pixels, the even one begins the square, as in torchvision.

    Args:
        clip: uint8 array `(frames, height, width, 3)`.
        size: side of the square in pixels.

    Returns:
        uint8 array `(frames, size, size, 3)`, a view of `clip`.

    Example:
    >>> import numpy as np
    >>> from keras_ctsep.data import center_crop
    >>> center_crop(np.zeros((16, 128, 171, 3), np.uint8), 112).shape
    (16, 112, 112, 3)
    """
    height, width = _check_crop(clip, size)
    top, left = round((height - size) / 2), round((width - size) / 2)
    return clip[:, top : top + size, left : left + size]


def three_crops(clip, size):
    """Cuts three squares along the longer side: at its start, in the middle, at its end.

    Args:
        clip: uint8 array `(frames, height, width, 3)`.
        size: side of the squares in pixels.

    Returns:
        uint8 array `(3, frames, size, size, 3)`.

    Example:
    >>> import numpy as np
    >>> from keras_ctsep.data import three_crops
    >>> three_crops(np.zeros((16, 128, 171, 3), np.uint8), 112).shape
    (3, 16, 112, 112, 3)
    """
    height, width = _check_crop(clip, size)
    spare = np.array([height - size, width - size])
    places = np.stack([np.rint(spare / 2).astype(np.int64)] * 3)
    longer = int(width >= height)
    places[:, longer] = 0, places[1, longer], spare[longer]
    return np.stack([clip[:, y : y + size, x : x + size] for y, x in places])


def horizontal_flip(clip):
    """Mirrors every frame, left to right.

    Args:
        clip: uint8 array `(frames, height, width, 3)`.

    Returns:
        uint8 array of the same shape, a view of `clip`.

    Example:
    >>> import numpy as np
    >>> from keras_ctsep.data import horizontal_flip
    >>> clip = np.arange(6, dtype=np.uint8).reshape(1, 1, 2, 3)
    >>> horizontal_flip(clip).ravel().tolist()
    [3, 4, 5, 0, 1, 2]
    """
    return _check_clip(clip)[:, :, ::-1]


def color_jitter(clip, *, rng, strength=0.4):
    """Changes brightness, contrast and saturation of a clip, by the same factors in every frame.

    Each factor is drawn between `1 - strength` and `1 + strength`. Contrast is changed around the
    clip's mean, saturation around each pixel's luma (ITU-R BT.601).

    Args:
        clip: uint8 array `(frames, height, width, 3)`.
        rng: a `numpy.random.Generator`.
        strength: largest change, between 0 and 1.

    Returns:
        uint8 array of the same shape.

    Example:
    >>> import numpy as np
    >>> from keras_ctsep.data import color_jitter
    >>> grey = np.full((2, 4, 4, 3), 100, np.uint8)
    >>> jittered = color_jitter(grey, rng=np.random.default_rng(0))
    >>> np.unique(jittered).size, bool((jittered != grey).all())
    (1, True)
    """
    clip = _check_clip(clip)
    if not 0 <= strength <= 1:
        raise ValueError(f"`strength` must be between 0 and 1. Received: strength={strength}")
    brightness, contrast, saturation = rng.uniform(1 - strength, 1 + strength, size=3)
    # Brightness and contrast change each value independently: a table of all 256 is exact and fast.
    mean = clip.mean() * brightness
    levels = (np.arange(256) * brightness - mean) * contrast + mean
    clip = np.clip(np.rint(levels), 0, 255).astype(np.uint8).take(clip)
    red, green, blue = (clip[..., channel].astype(np.uint16) for channel in range(3))
    luma = ((77 * red + 150 * green + 29 * blue + 128) >> 8).astype(np.int16)[..., None]
    # In 64ths: 255 * 64 fits 16 bits.
    clip = clip + ((clip - luma) * np.int16(round((saturation - 1) * 64)) >> 6)
    return np.clip(clip, 0, 255).astype(np.uint8)


def frame_differences(clip):
    """Turns `n + 1` frames into the `n` changes from one to the next.

    Args:
        clip: uint8 array `(frames, height, width, 3)`, at least two frames; or several of them,
            along a first axis.

    Returns:
        uint8 array of the same axes, one frame less: 128 is no change, 255 is from black to white,
        1 from white to black. Between them it is the square root of the change that counts, so that
        small ones are kept exactly, and in a dark video motion is not much weaker than in a
        bright one.

    Reference:
        Tao, Wang and Yamasaki, "Motion representation using residual frames with 3D CNN",
        arXiv 2006.13017.

    Example:
    >>> import numpy as np
    >>> from keras_ctsep.data import frame_differences
    >>> frames = np.array([10, 30, 30, 0], np.uint8).reshape(4, 1, 1, 1).repeat(3, axis=-1)
    >>> frame_differences(frames)[:, 0, 0, 0].tolist()
    [164, 128, 84]
    """
    if np.ndim(clip) == 5:
        return np.stack([frame_differences(one) for one in clip])
    clip = _check_clip(clip)
    if len(clip) < 2:
        raise ValueError(f"Differences need two frames or more. Received: clip.shape={clip.shape}")
    clip = clip.astype(np.int16)
    return _OF_CHANGES.take(clip[1:] - clip[:-1] + 255)


def _interpolate(frame, axis, low, high, weight):
    shape = frame.shape[:axis] + low.shape + frame.shape[axis + 1 :]
    result = frame.take(low, axis).reshape(-1, weight.size) * (128 - weight)
    result += frame.take(high, axis).reshape(-1, weight.size) * weight
    result += 64
    result >>= 7
    return result.astype(np.uint8).reshape(shape)


def _neighbours(old_size, new_size, values_per_step):
    """The two old places that each new one lies between, and the weight of the second."""
    place = np.clip((np.arange(new_size) + 0.5) * old_size / new_size - 0.5, 0, old_size - 1)
    low = place.astype(np.int64)
    # In 128ths: 255 * 128 fits 16 bits. Repeated, because NumPy is slow on a last axis of 3.
    weight = np.rint((place - low) * 128).astype(np.uint16).repeat(values_per_step)
    return low, np.minimum(low + 1, old_size - 1), weight


def _check_clip(clip):
    clip = np.asarray(clip)
    if clip.ndim != 4 or clip.shape[-1] != 3 or clip.dtype != np.uint8:
        raise ValueError(
            "A clip must be a uint8 array of shape (frames, height, width, 3). "
            f"Received: shape={clip.shape}, dtype={clip.dtype}"
        )
    return clip


def _check_crop(clip, size):
    height, width = _check_clip(clip).shape[1:3]
    if not 1 <= size <= min(height, width):
        raise ValueError(
            f"The crop must fit into frames of {height}x{width} pixels. Received: size={size}"
        )
    return height, width
