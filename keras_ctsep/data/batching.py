"""Which items make a batch, and how they become arrays that always have the same shape."""

import numpy as np


def batch_items(index, batch_size, num_items, shard=(0, 1)):
    """Numbers of the items of a batch, without those that a last batch lacks.

    Args:
        index: number of the batch.
        batch_size: number of items of a full batch of one shard.
        num_items: number of items over all shards.
        shard: `(i, n)`. The `n` batches of one index lie one after the other.

    Returns:
        A range, perhaps empty.
    """
    first = (index * shard[1] + shard[0]) * batch_size
    return range(first, max(first, min(first + batch_size, num_items)))


def balanced_order(labels, rng):
    """Draws as many items as there are labels, every class that has some equally often.

    From a class with more items than its share, items are drawn without repetition. In a class with
    fewer items, each item is drawn equally often (the counts differ by one at most). If the number
    of items is no multiple of the number of classes, the classes that get one more are random.

    Args:
        labels: integer array `(items,)`.
        rng: a `numpy.random.Generator`.

    Returns:
        Integer array `(items,)`, numbers of items in random order.

    Example:
    >>> import numpy as np
    >>> order = balanced_order(np.array([0, 0, 0, 0, 1, 0]), np.random.default_rng(0))
    >>> int(np.bincount(order, minlength=6)[4]), len(set(order.tolist()))
    (3, 4)
    """
    classes = rng.permutation(np.unique(labels))
    drawn = []
    for position, label in enumerate(classes):
        items = np.flatnonzero(labels == label)
        share = len(range(position, len(labels), len(classes)))
        rounds = [rng.permutation(items) for _ in range(-(-share // len(items)))]
        drawn.append(np.concatenate(rounds)[:share])
    return rng.permutation(np.concatenate(drawn))


def stack_batch(clips, labels, batch_size, clip_shape, num_classes):
    """Makes a batch of exactly `batch_size` items.

    Args:
        clips: list of uint8 arrays of shape `clip_shape`, or `None` for a clip that is missing.
        labels: list of int, one for each clip.
        batch_size: number of items of the batch. Those after the end of the list are missing too.
        clip_shape: `(frames, height, width, 3)`.
        num_classes: number of classes.

    Returns:
        `(clips, labels, weights)`: uint8 `(batch_size, frames, height, width, 3)`; one-hot float32
        `(batch_size, num_classes)`; float32 `(batch_size,)`, 1 for a clip. A missing item is a copy
        of the first clip, or zeros if there is no clip, with weight 0.
    """
    there = [item for item, clip in enumerate(clips) if clip is not None]
    batch = np.zeros((batch_size, *clip_shape), np.uint8)
    one_hot = np.zeros((batch_size, num_classes), np.float32)
    weights = np.zeros(batch_size, np.float32)
    if there:
        sources = [item if item in there else there[0] for item in range(batch_size)]
        for item, source in enumerate(sources):
            batch[item] = clips[source]
            one_hot[item, labels[source]] = 1
        weights[there] = 1
    return batch, one_hot, weights
