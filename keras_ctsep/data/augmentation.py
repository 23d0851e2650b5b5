"""What a training clip is changed by, so that no two are equal."""

import dataclasses

from keras_ctsep.data.arguments import require
from keras_ctsep.data.transforms import color_jitter, horizontal_flip, random_resized_crop


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random crops, mirror images and colours, the same for all frames of a clip.

    Args:
        crop_scale: smallest and largest area of random crops, as fractions of the frame's area.
        flip: whether half of the clips are mirrored; `False` where left and right are classes.
        color_jitter: largest change of brightness, contrast and saturation, between 0 and 1; 0
            keeps the colours, for classes that differ in colour. See
            `keras_ctsep.data.color_jitter`.

    Raises:
        ValueError: for arguments outside these ranges.

    Example:
    >>> import numpy as np
    >>> from keras_ctsep.data import Augmentation
    >>> augment = Augmentation(flip=False)
    >>> frames = np.zeros((16, 128, 171, 3), np.uint8)
    >>> augment(frames, 112, rng=np.random.default_rng(0)).shape
    (16, 112, 112, 3)
    """

    crop_scale: tuple[float, float] = (0.5, 1.0)
    flip: bool = True
    color_jitter: float = 0.4

    def __post_init__(self):
        smallest, largest = self.crop_scale
        is_right = 0 < smallest <= largest <= 1
        require(is_right, "`crop_scale` must be two ascending fractions", self, "crop_scale")
        is_right = 0 <= self.color_jitter <= 1
        require(is_right, "`color_jitter` must be between 0 and 1", self, "color_jitter")

    def __call__(self, frames, crop_size, *, rng):
        """Returns a changed part of a clip.

        Args:
            frames: uint8 array `(frames, height, width, 3)`.
            crop_size: side of the part in pixels.
            rng: a `numpy.random.Generator`.

        Returns:
            uint8 array `(frames, crop_size, crop_size, 3)`.
        """
        clip = random_resized_crop(frames, crop_size, rng=rng, scale=self.crop_scale)
        if self.flip and rng.random() < 0.5:
            clip = horizontal_flip(clip)
        if self.color_jitter:
            clip = color_jitter(clip, rng=rng, strength=self.color_jitter)
        return clip
