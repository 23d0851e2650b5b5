"""Accuracies of small arrays that were worked out by hand."""

import numpy as np
import pytest

from keras_ctsep import evaluation

# Four items, three classes. Best first: 0 1 2; 1 then 0 and 2 equal; 2 1 0; all equal.
SCORES = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.1, 0.3, 0.6], [0.2, 0.2, 0.2]])


@pytest.mark.parametrize(
    "labels, k, expected",
    [
        ([0, 1, 2, 0], 1, 1.0),  # the lower of equal scores comes first
        ([0, 1, 2, 1], 1, 0.75),
        ([1, 0, 1, 1], 1, 0.0),
        ([1, 0, 1, 1], 2, 1.0),
        ([1, 2, 1, 2], 2, 0.5),  # rows 2 and 4: class 2 is the last
        ([2, 2, 0, 2], 3, 1.0),
        ([2, 2, 0, 2], 5, 1.0),
    ],
)
def test_top_k_accuracy(labels, k, expected):
    assert evaluation.top_k_accuracy(SCORES, labels, k) == expected


def test_top_1_accuracy_is_the_trace_of_the_confusion_matrix():
    rng = np.random.default_rng(0)
    scores, labels = rng.integers(0, 4, (200, 7)), rng.integers(0, 7, 200)
    trace = np.trace(evaluation.confusion_matrix(scores, labels))
    assert evaluation.top_k_accuracy(scores, labels) == trace / 200


def test_weights_leave_padding_out():
    labels = [0, 0, 2, 1]  # right, wrong, right, wrong
    assert evaluation.top_k_accuracy(SCORES, labels, weights=[1, 1, 1, 0]) == 2 / 3
    assert evaluation.top_k_accuracy(SCORES, labels, weights=[3, 1, 0, 0]) == 0.75


def test_confusion_matrix_and_per_class_accuracy():
    scores = SCORES[[0, 0, 0, 1, 2, 2]]  # predicts 0 0 0 1 2 2
    matrix = evaluation.confusion_matrix(scores, [0, 0, 1, 1, 1, 0])
    np.testing.assert_array_equal(matrix, [[2, 0, 1], [1, 1, 1], [0, 0, 0]])
    accuracy = evaluation.per_class_accuracy(matrix)
    np.testing.assert_allclose(accuracy, [2 / 3, 1 / 3, np.nan])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: evaluation.top_k_accuracy(SCORES, [0, 1]), r"\(2,\)"),
        (lambda: evaluation.top_k_accuracy(SCORES, [0, 1, 2, 3]), "0 to 3"),
        (lambda: evaluation.top_k_accuracy(SCORES * np.nan, [0] * 4), "NaN"),
        (lambda: evaluation.top_k_accuracy(SCORES, [0] * 4, weights=[0] * 4), "sum 0"),
        (lambda: evaluation.confusion_matrix(SCORES[0], [0]), r"\(3,\)"),
    ],
)
def test_errors_name_what_came(call, message):
    with pytest.raises(ValueError, match=message):
        call()


class Videos:
    """Three videos of two views, in batches of four: the last batch is filled up."""

    num_videos, num_views = 3, 6
    bad_files = {"b.avi": "b.avi: empty"}

    class annotations:
        paths, labels = ("a.avi", "b.avi", "c.avi"), np.array([1, 0, 1])


class Model:
    """Gives eight rows of scores, whose first column counts them."""

    def predict(self, dataset, verbose, callbacks):
        return np.stack([np.arange(8.0), np.zeros(8)], axis=1)


def test_score_views_leaves_out_filling_and_bad_videos():
    scores, labels, paths = evaluation.score_views(Model(), Videos())
    np.testing.assert_array_equal(scores, [[[0, 0], [1, 0]], [[4, 0], [5, 0]]])
    np.testing.assert_array_equal(labels, [1, 1])
    assert paths == ["a.avi", "c.avi"]


@pytest.mark.parametrize("weights", [[-1, 2], [np.inf, 2], [np.nan, 2], [0, 0]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(ValueError, match="Expected one weight an item, 0 or above"):
        evaluation.top_k_accuracy([[0.7, 0.3], [0.2, 0.8]], [0, 1], weights=weights)


def test_labels_are_integers():
    with pytest.raises(ValueError, match="Expected integer labels"):
        evaluation.top_k_accuracy([[0.7, 0.3], [0.2, 0.8]], [0.0, 0.9])
