"""Where a model looks: class activation maps, exact and without any gradient."""

import itertools

import keras
import numpy as np
from keras import layers


def make_map_model(model):
    """Makes the model of the maps of all classes, with the weights that a model has now.

    Args:
        model: a Keras model that ends in a mean over frames, height and width
            (`GlobalAveragePooling3D`), perhaps `Dropout`, and one `Dense` layer, as the networks of
            this package do.

    Returns:
        A `keras.Model` from the same clips to float32 maps
        `(batch, frames, height, width, num_classes)`, in the sizes of the last features.

    Raises:
        ValueError: when the model ends in another way. X3D and MoViNets do: they have two dense
            layers after their mean.

    Example:
    >>> from keras_ctsep.inference import make_map_model
    >>> from keras_ctsep.models import CTSepResNet10
    >>> maps = make_map_model(CTSepResNet10(5, input_shape=(16, 64, 64, 3), width=0.0625))
    >>> maps.output_shape
    (None, 2, 4, 4, 5)
    """
    if not isinstance(model, keras.Model):
        raise ValueError("Expected a Keras model, with layers. Received: an exported file")
    if not getattr(model, "inputs", None):
        raise ValueError(f"Expected a model with known inputs. Received: {model.name}, not built")
    tail = model.layers[-2:]
    if isinstance(tail[0], layers.Dropout):  # which does nothing here
        tail = model.layers[-3:]
    pool, classifier = tail[0], tail[-1]
    is_pool = isinstance(pool, layers.GlobalAveragePooling3D)
    is_chain = all(after.input is before.output for before, after in itertools.pairwise(tail))
    if not (is_pool and isinstance(classifier, layers.Dense) and is_chain):
        raise ValueError(
            "Expected a model that ends in GlobalAveragePooling3D and Dense. "
            f"Received: {', '.join(type(layer).__name__ for layer in model.layers[-3:])}"
        )
    if tuple(pool.input.shape[1:4]) == (1, 1, 1):
        raise ValueError(
            "Expected a model whose mean over frames, height and width comes just before the last "
            f"Dense layer. Received: {model.name}, whose features have one place"
        )
    # A mean and a dense layer may change places: the same weights at every place, then the mean.
    each_place = layers.Dense(
        classifier.units, use_bias=classifier.use_bias, dtype="float32", name="maps"
    )
    maps = keras.Model(model.inputs[0], each_place(pool.input))
    each_place.set_weights(classifier.get_weights())
    return maps


def activation_maps(model, clips, classes, batch_size=8):
    """Computes how much each place and moment of clips speaks for classes.

    The mean of a map over frames, height and width is the score of its class before the softmax,
    up to rounding. What a softmax compares are classes: a place speaks for one class against the
    others where its map is above the mean over the maps of all classes.

    Args:
        model: a Keras model as for `make_map_model`.
        clips: array `(num_clips, frames, height, width, 3)`, as the model takes them.
        classes: sequence of int, numbers of classes.
        batch_size: clips in a batch.

    Returns:
        float32 array `(num_clips, len(classes), frames, height, width)`, in the sizes of the last
        features, which are smaller than those of the clips.

    Raises:
        ValueError: when the model ends in another way, or has no such classes.

    Reference:
        Zhou et al., "Learning deep features for discriminative localization", arXiv 1512.04150,
        section 2.

    Example:
    >>> import numpy as np
    >>> from keras_ctsep.inference import activation_maps
    >>> from keras_ctsep.models import CTSepResNet10
    >>> model = CTSepResNet10(5, width=0.0625, classifier_activation=None)
    >>> clips = np.random.default_rng(0).integers(0, 256, (1, 8, 32, 32, 3)).astype("uint8")
    >>> maps = activation_maps(model, clips, classes=[0, 4])
    >>> maps.shape
    (1, 2, 1, 2, 2)
    >>> scores = model.predict(clips, verbose=0)[:, [0, 4]]
    >>> bool(np.allclose(maps.mean(axis=(2, 3, 4)), scores, atol=1e-5))
    True
    """
    classes = np.asarray(classes)
    num_classes = model.output_shape[-1]
    if classes.ndim != 1 or classes.dtype.kind not in "iu" or not classes.size:
        raise ValueError(f"Expected a list of numbers of classes. Received: classes={classes}")
    if classes.min() < 0 or classes.max() >= num_classes:
        raise ValueError(
            f"Expected classes from 0 to {num_classes - 1}. Received: classes={classes.tolist()}"
        )
    maps = make_map_model(model).predict(clips, batch_size=batch_size, verbose=0)
    return np.moveaxis(np.asarray(maps)[..., classes], -1, 1)


def enlarge(maps, sizes):
    """Enlarges maps by linear interpolation between the middles of their cells.

    Args:
        maps: array `(..., frames, height, width)`.
        sizes: `(frames, height, width)` of the result.

    Returns:
        float32 array `(..., frames, height, width)`.

    Example:
    >>> import numpy as np
    >>> from keras_ctsep.inference.activation_maps import enlarge
    >>> enlarge(np.array([[[0.0, 1.0]]]), (1, 1, 4)).ravel().tolist()
    [0.0, 0.25, 0.75, 1.0]
    """
    for axis, size in zip((-3, -2, -1), sizes, strict=True):
        old_size = maps.shape[axis]
        places = np.clip((np.arange(size) + 0.5) * old_size / size - 0.5, 0, old_size - 1)
        weights = np.maximum(0, 1 - abs(places[:, None] - np.arange(old_size)))
        maps = np.moveaxis(np.moveaxis(maps, axis, -1) @ weights.T, -1, axis)
    return maps.astype("float32")
