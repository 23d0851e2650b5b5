"""Batch norm with statistics of the weights as they are, instead of an average over past steps."""

import contextlib

import keras
import numpy as np

from keras_ctsep.models.freezing import batch_norms
from keras_ctsep.training import distribution


class PreciseNorms(keras.callbacks.Callback):
    """Computes the statistics of all batch norms again before each validation.

    Batch norm keeps moving averages of the mean and variance of batches. While weights change
    quickly the averages lag behind them, and validation accuracy jumps. Here the network runs over
    training clips as in training, with the weights as they are, and the means and variances of
    these batches are averaged (PySlowFast's `precise_bn`). What is saved after the validation has
    them too. Training is not touched, because it normalizes with the batch. The cost is a forward
    pass of these clips in each epoch.

    With several devices the result is exact: all that a norm sees on them is averaged. Norms that
    are not trainable keep their statistics.

    Args:
        batches: the data of `fit`, a `keras_ctsep.data.VideoDataset` or `AugmentedBatches`. Its
            first batches of the epoch are taken.
        num_clips: number of clips, rounded up to whole batches; at most an epoch.

    Example:
    ```python
    checkpoint.fit(
        model, train_data, epochs=10, validation_data=test_data,
        callbacks=[checkpoint, PreciseNorms(train_data, num_clips=200)],
    )
    ```
    """

    def __init__(self, batches, num_clips):
        super().__init__()
        if num_clips < 1:
            raise ValueError(f"Expected one clip or more. Received: num_clips={num_clips}")
        self.batches = batches
        self._videos = getattr(batches, "dataset", batches)
        self.num_clips = num_clips
        self._forward = None

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_test_begin(self, logs=None):
        videos = self._videos
        place = videos.epoch, videos.first_batch
        # The same clips, whatever `fit` has done to the place, and where the training was resumed.
        videos.epoch, videos.first_batch = self._epoch, 0
        self.update(self.model)
        videos.epoch, videos.first_batch = place

    def update(self, model):
        """Assigns the statistics over the clips to the batch norms of the compiled `model`."""
        if self._forward is None:
            self._forward = _InTraining(model)
            self._forward.compile(loss=model.loss)
        norms = [norm for norm in batch_norms(model) if norm.trainable]
        statistics = [value for norm in norms for value in (norm.moving_mean, norm.moving_variance)]
        with _kept_states(model, statistics), _no_momentum(norms):
            totals = [0.0] * len(norms)
            for index in range(self._num_batches()):
                self._forward.test_on_batch(*self.batches[index])
                totals = [sum_ + _moments(norm) for sum_, norm in zip(totals, norms, strict=True)]
        for norm, total in zip(norms, totals, strict=True):
            mean, square = self._average(total)
            norm.moving_mean.assign(mean)
            norm.moving_variance.assign(square - mean**2)

    def _num_batches(self):
        videos = self._videos
        clips_of_batch = videos.batch_size * videos.shard[1]
        return min(len(videos), -(-self.num_clips // clips_of_batch))

    def _average(self, total):
        average = total / self._num_batches()
        return distribution.gather(average[None], 1, self._videos.shard).mean(axis=0)


class _InTraining(keras.Model):
    """Runs a model as in training, but without gradients: `test_on_batch` compiles that once."""

    def __init__(self, model):
        super().__init__(name="in_training")
        self.model = model

    def call(self, inputs):
        return self.model(inputs, training=True)


@contextlib.contextmanager
def _no_momentum(norms):
    """Makes the moving averages those of the last batch."""
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


@contextlib.contextmanager
def _kept_states(model, others):
    """Restores what a forward pass changes, such as the seeds of dropout, but for `others`."""
    changing = {id(variable) for variable in others}
    kept = [value for value in model.non_trainable_variables if id(value) not in changing]
    arrays = [keras.ops.convert_to_numpy(variable).copy() for variable in kept]
    yield
    for variable, array in zip(kept, arrays, strict=True):
        variable.assign(array)


def _moments(norm):
    """Returns mean and mean square of the last batch, because variances cannot be averaged."""
    moving = (norm.moving_mean, norm.moving_variance)
    mean, variance = (keras.ops.convert_to_numpy(value).astype("float64") for value in moving)
    return np.stack([mean, variance + mean**2])
