"""Augmentation of whole batches, with layers that mix clips and labels or are not in a model."""

import threading

import keras
import numpy as np


class AugmentedBatches(keras.utils.PyDataset):
    """The batches of a `VideoDataset`, changed by a layer.

    All random numbers of a batch come from the seed, the epoch and the index of the batch. So a
    batch is the same whenever it is read, and a run that is resumed after an epoch gets the same
    batches as a run that was never stopped.

    The weights do not change. Items with weight 0 may be mixed too, because they are copies of
    another clip with its label.

    Args:
        dataset: a `VideoDataset`.
        augmentation: Keras layer that takes and returns a dict of float or uint8 `"images"`
            `(batch, frames, height, width, channels)` and one-hot `"labels"` `(batch, classes)`,
            such as `keras_ctsep.layers.augmentation`. Its only variables are the states of
            its random numbers.
        seed: integer >= 0.

    Example:
    >>> import tempfile
    >>> from keras_ctsep.data import (
    ...     Augmentation, ClipFormat, VideoDataset, make_motion_dataset, read_ucf101
    ... )
    >>> from keras_ctsep.layers import clip_augmentation
    >>> folder = make_motion_dataset(tempfile.mkdtemp() + "/motion", num_groups=2)
    >>> train = read_ucf101(folder, subset="train")
    >>> clips = ClipFormat(num_frames=8, short_side=48, crop_size=40)
    >>> dataset = VideoDataset(train, 4, clips, augment=Augmentation())
    >>> dataset = AugmentedBatches(dataset, clip_augmentation(mixup=0.8))
    >>> batch, labels, weights = dataset[0]
    >>> batch.shape, str(batch.dtype), bool(abs(labels.sum(axis=1) - 1).max() < 1e-6)
    ((4, 8, 40, 40, 3), 'uint8', True)
    """

    def __init__(self, dataset, augmentation, seed=0):
        super().__init__()
        self.dataset = dataset
        self.augmentation = augmentation
        self.seed = seed
        self._lock = threading.Lock()

    def __reduce__(self):
        return AugmentedBatches, (self.dataset, self.augmentation, self.seed)

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        place = index + self.dataset.first_batch
        rng = np.random.default_rng((self.seed, self.dataset.epoch, place, self.dataset.shard[0]))
        clips, labels, weights = self.dataset[index]
        # On the CPU, where the batch is, and with states that belong to this call alone, because
        # the variables may be spread over devices and processes. Several threads may call this at
        # once, but a layer is for one thread.
        with self._lock, _cpu():
            states = [
                (
                    state,
                    keras.ops.convert_to_tensor(rng.integers(2**31, size=state.shape), state.dtype),
                )
                for state in self.augmentation.variables
            ]
            with keras.StatelessScope(states):
                batch = self.augmentation({"images": clips, "labels": labels}, training=True)
        clips = np.rint(keras.ops.convert_to_numpy(batch["images"])).clip(0, 255)
        return clips.astype("uint8"), keras.ops.convert_to_numpy(batch["labels"]), weights

    def on_epoch_begin(self):
        self.dataset.on_epoch_begin()

    def on_epoch_end(self):
        self.dataset.on_epoch_end()


def _cpu():
    """This process's CPU: Keras's "cpu" is another process's where JAX runs in several."""
    if keras.backend.backend() != "jax":
        return keras.device("cpu")
    import jax

    return keras.device(jax.local_devices(backend="cpu")[0])
