"""Keras's image augmentation on clips: every frame alike, each clip its own."""

import math

import keras
import numpy as np
from keras import ops

_MIXING = (keras.layers.MixUp, keras.layers.CutMix)


@keras.saving.register_keras_serializable(package="keras_ctsep")
class ClipAugmentation(keras.layers.Wrapper):
    """Makes one of Keras's image augmentation layers change all frames of a clip alike.

    Keras's layers draw one transformation for each image of `(batch, height, width, channels)`.
    Here a clip becomes one such image, so that they draw one for each clip: with its frames as
    channels for all that moves, covers or mixes pixels, and with its frames below each other for
    all that needs to see colours, or statistics such as the mean of an image, which then are those
    of the clip.

    Only with `training=True`, which is the default as in Keras's own layers, anything changes.
    It can stand at the front of a model (Keras does not compile a model with `RandomRotation`,
    `RandomShear`, `RandomTranslation`, `RandomZoom` or `RandomPerspective` in it) or in a
    `keras_ctsep.data.AugmentedBatches`, which is the place for those that mix labels too.

    Args:
        layer: a layer such as `keras.layers.RandomErasing` that keeps the size of images. Give it
            `dtype="float32"` under a mixed precision policy; 16 bits hold no coordinates.
        frames_as: `"channels"`: the layer gets `(batch, height, width, frames * channels)`;
            `"height"`: it gets `(batch, frames * height, width, channels)`. The latter for
            contrast, saturation, hue, grey and equalization, the former for everything else.
        rate: probability that a clip is changed. The layer only computes as many clips of a batch
            as are needed for that, or all with `MixUp` and `CutMix`, which need other clips.
        seed: integer for the choice of clips. The layer has its own.
        **kwargs: `name`, `dtype` and the other arguments of every Keras layer.

    Input shape:
        `(batch, frames, height, width, channels)`, or a dict of such `"images"` and one-hot
        `"labels"` `(batch, classes)`.

    Output shape:
        The same, as floats.

    Raises:
        ValueError: for arguments out of range, a layer for channels first, and inputs that are no
            clips.

    Example:
    >>> import keras
    >>> clips = keras.ops.ones((4, 8, 32, 32, 3))
    >>> labels = keras.ops.one_hot([0, 1, 2, 0], 3)
    >>> cut_mix = ClipAugmentation(keras.layers.CutMix(seed=1))
    >>> mixed = cut_mix({"images": clips, "labels": labels}, training=True)
    >>> tuple(mixed["images"].shape), tuple(mixed["labels"].shape)
    ((4, 8, 32, 32, 3), (4, 3))
    """

    def __init__(self, layer, frames_as="channels", rate=1.0, seed=None, **kwargs):
        super().__init__(layer, **kwargs)
        if frames_as not in ("channels", "height"):
            raise ValueError(
                f"`frames_as` must be 'channels' or 'height'. Received: frames_as={frames_as!r}"
            )
        if not 0 < rate <= 1:
            raise ValueError(f"`rate` must be above 0 and at most 1. Received: rate={rate}")
        if getattr(layer, "data_format", None) == "channels_first":
            raise ValueError(
                "`layer` must take images with channels last. Received: data_format="
                f"{layer.data_format!r}"
            )
        self.frames_as = frames_as
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, data, training=True):
        if not isinstance(data, dict):
            return self.call({"images": data}, training=training)["images"]
        if len(data["images"].shape) != 5:
            raise ValueError(
                "Expected clips (batch, frames, height, width, channels). "
                f"Received: shape={tuple(data['images'].shape)}"
            )
        data = {name: ops.cast(value, self.compute_dtype) for name, value in data.items()}
        if not training:
            return data
        return self._change(data) if self.rate == 1 else self._change_some(data)

    def _change_some(self, data):
        # A fixed number of clips, because shapes must not depend on chance when compiled; then a
        # second chance, so that the rate is exact although that number is rounded up.
        size = ops.shape(data["images"])[0]
        number = math.ceil(self.rate * size) if isinstance(size, int) else size
        order = keras.random.shuffle(ops.arange(size), seed=self.seed_generator)[:number]
        before = {name: ops.take(value, order, axis=0) for name, value in data.items()}
        if isinstance(self.layer, _MIXING):  # with any other clip of the batch
            after = self._change(data)
            after = {name: ops.take(value, order, axis=0) for name, value in after.items()}
        else:
            after = self._change(before)
        chance = keras.random.uniform((number,), seed=self.seed_generator)
        changes = chance * ops.cast(number, "float32") < self.rate * ops.cast(size, "float32")
        result = {}
        for name, value in data.items():
            mask = ops.reshape(changes, (-1,) + (1,) * (len(value.shape) - 1))
            some = ops.where(mask, after[name], before[name])
            result[name] = ops.scatter_update(value, order[:, None], some)
        return result

    def _change(self, data):
        _, frames, height, width, channels = ops.shape(data["images"])
        if self.frames_as == "channels":
            images = ops.transpose(data["images"], (0, 2, 3, 1, 4))
            images = ops.reshape(images, (-1, height, width, frames * channels))
        else:
            images = ops.reshape(data["images"], (-1, frames * height, width, channels))
        # Some of Keras's layers write into what they get.
        data = self.layer(data | {"images": ops.copy(images)}, training=True)
        images = ops.cast(data["images"], self.compute_dtype)
        if self.frames_as == "channels":
            images = ops.reshape(images, (-1, height, width, frames, channels))
            images = ops.transpose(images, (0, 3, 1, 2, 4))
        else:
            images = ops.reshape(images, (-1, frames, height, width, channels))
        return data | {"images": images}

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "frames_as": self.frames_as,
            "rate": self.rate,
            "seed": self.seed,
        }


def rand_augment(num_ops=2, magnitude=0.5, seed=None):
    """Makes the layers of RandAugment for clips: on average `num_ops` of ten changes to each clip.

    `keras.layers.RandAugment` picks the same changes for all images of a batch and computes all
    that it has, and its statistics of single frames make clips flicker. Here each clip meets each
    of the changes with probability `num_ops / 10`, in a fixed order: shear along each side,
    rotation, translation, sharpness, brightness, contrast, colour, posterization, automatic
    contrast. Strengths are drawn evenly up to the given one, to both sides where there are two:
    colours only fade, and posterization takes bits away. Of the paper's list, equalization is left
    out (it takes JAX as long as all others together) and so is solarization (Keras's threshold has
    no lower end).

    Args:
        num_ops: average number of changes, above 0 and at most 10.
        magnitude: largest strength, above 0 and at most 1: at 1 a shear of 0.3, 30 degrees, a
            translation by 0.45 of the side, 0.9 of sharpness, contrast and colour, 0.4 of
            brightness, 4 bits.
        seed: integer.

    Returns:
        A list of `ClipAugmentation` layers for RGB clips from 0 to 255. `keras.Sequential` puts
        them in front of a model.

    Raises:
        ValueError: for arguments out of range.

    Example:
    >>> layers = rand_augment(num_ops=2, seed=0)
    >>> len(layers), layers[0].rate
    (10, 0.2)

    Reference:
        Cubuk et al. 2019, "RandAugment: Practical automated data augmentation with a reduced
        search space", arXiv 1909.13719, section 3.1.
    """
    if not 0 < num_ops <= 10:
        raise ValueError(f"`num_ops` must be above 0 and at most 10. Received: num_ops={num_ops}")
    if not 0 < magnitude <= 1:
        raise ValueError(
            f"`magnitude` must be above 0 and at most 1. Received: magnitude={magnitude}"
        )
    layers, m, seeds = keras.layers, magnitude, _seeds(seed)
    shift = {"height_factor": 0.45 * m, "width_factor": 0.45 * m}
    sharpness = (0.5 - 0.45 * m, 0.5 + 0.45 * m)  # 0.5 changes nothing
    table = [
        ("channels", layers.RandomShear, {"x_factor": (0.0, 0.3 * m)}),
        ("channels", layers.RandomShear, {"y_factor": (0.0, 0.3 * m)}),
        ("channels", layers.RandomRotation, {"factor": m * 30 / 360}),
        ("channels", layers.RandomTranslation, shift),
        ("channels", layers.RandomSharpness, {"factor": sharpness}),
        ("channels", layers.RandomBrightness, {"factor": 0.4 * m}),
        ("height", layers.RandomContrast, {"factor": 0.9 * m}),
        ("height", layers.RandomColorDegeneration, {"factor": (0.0, 0.9 * m)}),
        ("channels", layers.RandomPosterization, {"factor": (8 - math.ceil(4 * m), 8)}),
    ]
    changes = [
        (frames_as, layer(**arguments, seed=next(seeds), **_FORMAT))
        for frames_as, layer, arguments in table
    ]
    changes.append(("height", layers.AutoContrast(**_FORMAT)))
    rate = num_ops / len(changes)
    return [_on_clips(layer, rate, next(seeds), frames_as) for frames_as, layer in changes]


def clip_augmentation(num_ops=0, erasing=0.0, mixup=0.0, cutmix=0.0, seed=None):
    """Makes the usual augmentation for training on clips, in the usual order.

    Args:
        num_ops: average number of changes by `rand_augment` to a clip, 0 for none.
        erasing: probability that a box, the same in all frames, is covered with grey; each side is
            between 0.14 and 0.57 of the clip's.
        mixup: parameter of the Beta distribution that the share of another clip is drawn from,
            at most 1; 0 for none.
        cutmix: the same for the area of a box with another clip in it. With both, each mixes with
            probability 1/2.
        seed: integer.

    Returns:
        A `keras.layers.Pipeline` for a dict of `"images"`, RGB clips from 0 to 255, and one-hot
        `"labels"`; see `keras_ctsep.data.AugmentedBatches`.

    Raises:
        ValueError: for arguments out of range.

    Example:
    >>> augment = clip_augmentation(erasing=0.25, mixup=0.2, seed=0)
    >>> [layer.layer.name.rstrip("_0123456789") for layer in augment.layers]
    ['random_erasing', 'mix_up']

    Reference:
        - Zhong et al. 2017, "Random Erasing Data Augmentation", arXiv 1708.04896, section 3.2.
        - Zhang et al. 2017, "mixup: Beyond Empirical Risk Minimization", arXiv 1710.09412,
          section 2.
        - Yun et al. 2019, "CutMix: Regularization Strategy to Train Strong Classifiers with
          Localizable Features", arXiv 1905.04899, section 3.1.
    """
    for name, value in {"erasing": erasing, "mixup": mixup, "cutmix": cutmix}.items():
        if not 0 <= value <= 1:
            raise ValueError(f"`{name}` must be between 0 and 1. Received: {name}={value}")
    seeds = _seeds(seed)
    layers = []
    if num_ops:
        layers += rand_augment(num_ops, seed=next(seeds))
    if erasing:
        # A constant, because Keras's noise would be new in each frame.
        box = keras.layers.RandomErasing((1, 1), fill_value=128, seed=next(seeds), **_FORMAT)
        layers.append(_on_clips(box, erasing, next(seeds)))
    mixing_rate = 0.5 if mixup and cutmix else 1.0
    if mixup:
        layer = keras.layers.MixUp(mixup, seed=next(seeds), **_FORMAT)
        layers.append(_on_clips(layer, mixing_rate, next(seeds)))
    if cutmix:
        layer = keras.layers.CutMix((cutmix, cutmix), seed=next(seeds), **_FORMAT)
        layers.append(_on_clips(layer, mixing_rate, next(seeds)))
    return keras.layers.Pipeline(layers)


_FORMAT = {"data_format": "channels_last", "dtype": "float32"}


def _on_clips(layer, rate, seed, frames_as="channels"):
    return ClipAugmentation(layer, frames_as, rate, seed, dtype="float32")


def _seeds(seed):
    # Far apart: on PyTorch, Keras's generators of neighbouring seeds give nearly the same numbers.
    rng = np.random.default_rng(seed)
    while True:
        yield int(rng.integers(2**31))
