"""Batch norms that fine-tuning leaves as they are."""

import keras

# Attributes of convolutions that hold their norms: between two factors, and of the outputs.
_PLACES = ("mid_norm", "norm")


def freeze_norms(model):
    """Makes all batch norms of a model untrainable, those inside convolutions and models too.

    Most norms of this package are parts of its convolution layers, so that a loop over
    `model.layers` does not find them.

    They normalize with their moving statistics from then on, in `fit` as well, and keep these,
    scale and offset: for fine-tuning with batches too small for statistics of their own. Compile
    the model afterwards.

    Args:
        model: any `keras.Model`.

    Returns:
        The list of the batch norms.

    Example:
    >>> from keras_ctsep.models import CTSepResNet10
    >>> model = CTSepResNet10(5, width=0.125)
    >>> norms = freeze_norms(model)
    >>> any(norm.trainable_weights for norm in norms)
    False
    """
    norms = list(batch_norms(model))
    for norm in norms:
        norm.trainable = False
    return norms


def batch_norms(layer):
    """Yields the batch norms of a layer or model, those inside convolutions and models too."""
    if isinstance(layer, keras.layers.BatchNormalization):
        yield layer
    elif isinstance(layer, keras.Model):
        for inner in layer.layers:
            yield from batch_norms(inner)
    else:
        parts = (getattr(layer, name, None) for name in _PLACES)
        yield from (part for part in parts if isinstance(part, keras.layers.BatchNormalization))
