"""What is compared, and how differences are counted."""

import numpy as np
import pytest

from keras_ctsep.export.comparison import largest_difference, probe_batches


def test_batches_of_1_and_3_clips_and_two_other_sizes_where_they_are_free():
    batches = probe_batches((None, None, None, None, 3), (16, 112, 112))
    assert [batch.shape[:4] for batch in batches] == [
        (1, 16, 112, 112),
        (3, 16, 112, 112),
        (1, 17, 120, 128),
        (1, 24, 140, 140),
    ]
    batches = probe_batches((None, 8, None, 40, 1), (8, 32, 40))
    assert [batch.shape for batch in batches] == [
        (1, 8, 32, 40, 1),
        (3, 8, 32, 40, 1),
        (1, 8, 40, 40, 1),  # both others have this height
    ]
    batches = probe_batches((None, 4, 16, 16, 3), (4, 16, 16))
    assert [batch.shape for batch in batches] == [(1, 4, 16, 16, 3), (3, 4, 16, 16, 3)]


def test_clips_are_grey_levels_that_differ_from_clip_to_clip_and_frame_to_frame():
    one, three, *_ = probe_batches((None, 8, 32, 32, 3), (8, 32, 32))
    clips = np.concatenate([one, three])
    assert clips.min() >= 0 and clips.max() <= 255 and (clips == np.rint(clips)).all()
    means = clips.mean(axis=(1, 2, 3, 4))
    assert abs(means[:, None] - means + 99 * np.eye(4)).min() > 1
    assert abs(np.diff(clips, axis=1)).mean(axis=(2, 3, 4)).min() > 5


@pytest.mark.parametrize(
    "scores, reference, expected",
    [
        ([[3.0, -1.0]], [[4.0, -1.0]], 0.25),
        ([[0.0, 0.0]], [[0.0, 0.0]], 0),
        # Of probabilities: 0.0001 against 0.0002 is log 2, of log 5000 at most.
        ([[0.9999, 0.0001]], [[0.9998, 0.0002]], np.log(2) / np.log(5000)),
        ([[1.0, 1e-30]], [[1.0, 0.0]], 0),
        ([[np.nan, 1.0]], [[0.0, 1.0]], np.nan),
        ([[1.0]], [[0.5, 0.5]], np.nan),
    ],
)
def test_the_largest_difference_is_a_part_of_the_largest_score(scores, reference, expected):
    found = largest_difference(np.array(scores, "float32"), np.array(reference, "float32"))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-12)


def test_the_logarithms_can_be_left_out():
    scores = np.array([[0.9999, 0.0001]]), np.array([[0.9998, 0.0002]])
    assert largest_difference(*scores, logarithms=False) == pytest.approx(0.0001 / 0.9998)
