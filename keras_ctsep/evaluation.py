"""Scores of clips become scores of videos, and those become accuracies. NumPy only."""

import numpy as np


def score_views(model, dataset, callbacks=None, gather=None):
    """Scores every view (a crop of a clip) of every readable video of a data set.

    Args:
        model: a Keras model that returns `(batch, num_classes)` scores.
        dataset: a `keras_ctsep.data.VideoDataset` that does not augment.
        callbacks: Keras callbacks for `model.predict`.
        gather: where each of several processes has its shard of `dataset`: a function
            `gather(rows, num_batches)` such as `keras_ctsep.training.distribution.gather`.

    Returns:
        A tuple `(scores, labels, paths)` over the videos that could be read: float32 scores
        `(num_videos, num_views, num_classes)`, int labels `(num_videos,)` and a list of paths.

    Raises:
        ValueError: when no video could be read.
    """
    scores = model.predict(dataset, verbose=1, callbacks=callbacks)
    paths = dataset.annotations.paths
    is_bad = np.array([path in dataset.bad_files for path in paths])
    if gather is not None:
        scores = gather(scores, len(dataset))
        is_bad = gather(is_bad[None], 1).any(axis=0)
    scores = scores[: dataset.num_views]  # the last batch is filled up
    scores = scores.reshape(dataset.num_videos, -1, scores.shape[1])
    good = np.flatnonzero(~is_bad)
    if not len(good):
        raise ValueError(f"None of the {len(paths)} videos could be read.")
    labels = np.asarray(dataset.annotations.labels)[good]
    return scores[good].astype("float32"), labels, [paths[index] for index in good]


def top_k_accuracy(scores, labels, k=1, weights=None):
    """Share of the items whose class is among the `k` highest scores.

    Of equal scores the one of the lower class comes first, as in `np.argmax`. With fewer than
    `k` classes every item counts as right.

    Args:
        scores: array `(num_items, num_classes)`.
        labels: int array `(num_items,)`.
        k: int, how many classes an item may name.
        weights: optional array `(num_items,)` of numbers from 0; items of weight 0 do not count.

    Returns:
        A float from 0 to 1.

    Raises:
        ValueError: for shapes or labels that do not fit together, for NaN scores, for weights
            below 0, and when nothing has a weight.

    Example:
    >>> scores = [[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.1, 0.3, 0.6], [0.5, 0.3, 0.2]]
    >>> top_k_accuracy(scores, [0, 0, 2, 2], k=1), top_k_accuracy(scores, [0, 0, 2, 2], k=2)
    (0.5, 0.75)
    """
    scores, labels = _check(scores, labels)
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, "float64")
    is_valid = np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0
    if weights.shape != labels.shape or not is_valid:
        raise ValueError(
            "Expected one weight an item, 0 or above, not all of them 0. "
            f"Received: {len(labels)} items, weights of shape {weights.shape}, sum {weights.sum()}"
        )
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    before = np.arange(scores.shape[1]) < labels[:, None]
    rank = ((scores > own) | ((scores == own) & before)).sum(axis=1)
    return float(weights @ (rank < k) / weights.sum())


def confusion_matrix(scores, labels):
    """Counts items by true class (rows) and class of the highest score (columns).

    Args:
        scores: array `(num_items, num_classes)`.
        labels: int array `(num_items,)`.

    Returns:
        Int array `(num_classes, num_classes)`.

    Raises:
        ValueError: for shapes or labels that do not fit together, and for NaN scores.

    Example:
    >>> confusion_matrix([[0.7, 0.3], [0.6, 0.4], [0.2, 0.8]], [0, 1, 1]).tolist()
    [[1, 0], [1, 1]]
    """
    scores, labels = _check(scores, labels)
    num_classes = scores.shape[1]
    cells = labels * num_classes + scores.argmax(axis=1)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def per_class_accuracy(matrix):
    """Share of each class that was recognised.

    Args:
        matrix: confusion matrix `(num_classes, num_classes)`, true classes in rows.

    Returns:
        Float array `(num_classes,)`, NaN for a class without items.

    Example:
    >>> per_class_accuracy([[3, 1], [0, 2]]).tolist()
    [0.75, 1.0]
    """
    matrix = np.asarray(matrix, "float64")
    items = matrix.sum(axis=1)
    return np.divide(np.diag(matrix), items, out=np.full(len(items), np.nan), where=items > 0)


def balanced_accuracy(scores, labels):
    """Mean over the classes of the share of each that was recognised.

    Unlike `top_k_accuracy` it is not raised by naming the largest class always. Classes without
    items do not count.

    Args:
        scores: array `(num_items, num_classes)`.
        labels: int array `(num_items,)`.

    Returns:
        A float between 0 and 1.

    Raises:
        ValueError: for shapes or labels that do not fit together, for NaN scores and no items.

    Example:
    >>> balanced_accuracy([[0.7, 0.3], [0.6, 0.4], [0.8, 0.2], [0.2, 0.8]], [0, 0, 1, 1])
    0.75
    """
    if not len(labels):
        raise ValueError("Expected one item or more. Received: no labels")
    return float(np.nanmean(per_class_accuracy(confusion_matrix(scores, labels))))


def _check(scores, labels):
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim != 2 or labels.shape != scores.shape[:1]:
        raise ValueError(
            "Expected scores of shape (num_items, num_classes) and one label an item. "
            f"Received: scores of shape {scores.shape}, labels of shape {labels.shape}"
        )
    if np.isnan(scores).any():
        raise ValueError(f"Received: NaN among the scores of {len(scores)} items")
    is_valid = not len(labels) or (
        labels.dtype.kind in "iub" and 0 <= labels.min() and labels.max() < scores.shape[1]
    )
    if not is_valid:
        raise ValueError(
            f"Expected integer labels from 0 to {scores.shape[1] - 1}. "
            f"Received: {labels.min()} to {labels.max()}"
        )
    return scores, labels.astype("int64")
