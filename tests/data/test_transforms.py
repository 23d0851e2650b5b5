import numpy as np
import pytest

from keras_ctsep.data import (
    center_crop,
    color_jitter,
    frame_differences,
    horizontal_flip,
    random_resized_crop,
    resize,
    three_crops,
)


class Draws:
    """Stands in for a random generator: gives prepared numbers."""

    def __init__(self, uniform=(), integers=()):
        self._uniform = list(uniform)
        self._integers = list(integers)

    def uniform(self, low, high, size=None):
        if size is None:
            return self._uniform.pop(0)
        return np.array([self._uniform.pop(0) for _ in range(size)])

    def integers(self, high):
        number = self._integers.pop(0)
        assert number < high
        return number


@pytest.fixture
def clip(rng):
    return rng.integers(0, 256, (3, 9, 14, 3), dtype=np.uint8)


@pytest.fixture
def coordinates():
    """Red is the row, green the column, blue the frame."""
    frame, row, column = np.indices((2, 20, 30))
    return np.stack([row, column, frame], -1).astype(np.uint8)


def interpolate(clip, height, width):
    """Bilinear interpolation as it is defined, point by point."""
    result = np.zeros((len(clip), height, width, 3))
    for y in range(height):
        for x in range(width):
            v = np.clip((y + 0.5) * clip.shape[1] / height - 0.5, 0, clip.shape[1] - 1)
            u = np.clip((x + 0.5) * clip.shape[2] / width - 0.5, 0, clip.shape[2] - 1)
            for row in range(clip.shape[1]):
                for column in range(clip.shape[2]):
                    weight = max(0, 1 - abs(v - row)) * max(0, 1 - abs(u - column))
                    result[:, y, x] += weight * clip[:, row, column]
    return result


@pytest.mark.parametrize("size", [(9, 14), (5, 7), (18, 9), (13, 31), (1, 1)])
def test_resize(clip, size):
    resized = resize(clip, *size)
    assert resized.dtype == np.uint8
    # Half a level for each of two roundings, and weights in 128ths.
    assert abs(resized - interpolate(clip, *size)).max() <= 2


def test_resize_keeps_flat_clips_and_extremes():
    for value in (0, 1, 127, 255):
        flat = np.full((2, 10, 11, 3), value, np.uint8)
        np.testing.assert_array_equal(resize(flat, 7, 23), np.full((2, 7, 23, 3), value))


def test_random_resized_crop_cuts_what_is_drawn(coordinates):
    # A quarter of 20x30, twice as wide as high: 150 pixels, 8.66 high, 17.3 wide.
    draws = Draws(uniform=[0.25, np.log(2)], integers=[4, 10])
    cut = random_resized_crop(coordinates, 6, rng=draws, ratio=(0.5, 2))
    expected = interpolate(coordinates[:, 4:13, 10:27], 6, 6)
    assert abs(cut - expected).max() <= 1
    # The middle of the cut is the middle of rows 4..12 and of columns 10..26.
    np.testing.assert_allclose(cut[..., 0].mean(), 8, atol=0.5)
    np.testing.assert_allclose(cut[..., 1].mean(), 18, atol=0.5)
    np.testing.assert_array_equal(cut[0, ..., :2], cut[1, ..., :2])


def test_random_resized_crop_stays_within_its_bounds(coordinates, rng):
    for _ in range(300):
        cut = random_resized_crop(coordinates, 40, rng=rng, scale=(0.3, 0.5), ratio=(0.8, 1.25))
        height, width = np.ptp(cut[0, ..., :2].reshape(-1, 2), axis=0) + 1.0
        assert 0.25 <= height * width / 600 <= 0.56
        assert 0.7 <= width / height <= 1.43
        np.testing.assert_array_equal(cut[0, ..., :2], cut[1, ..., :2])


def test_crop_larger_than_the_frame_is_cut(coordinates):
    # The whole area, three times as wide as high: 42 columns of 30.
    draws = Draws(uniform=[1.0, np.log(3)], integers=[6, 0])
    cut = random_resized_crop(coordinates, 30, rng=draws, ratio=(1, 3))
    np.testing.assert_array_equal(cut[0, 0, :, 1], np.arange(30))
    assert (cut[..., 0].min(), cut[..., 0].max()) == (6, 19)


@pytest.mark.parametrize(
    "shape, size, rows, columns",
    [((10, 16), 10, (0, 10), (3, 13)), ((11, 16), 6, (2, 8), (5, 11)), ((7, 5), 4, (2, 6), (0, 4))],
)
def test_center_crop(rng, shape, size, rows, columns):
    clip = rng.integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    np.testing.assert_array_equal(center_crop(clip, size), clip[:, slice(*rows), slice(*columns)])


@pytest.mark.parametrize(
    "shape, corners",
    [
        ((10, 17), [(1, 0), (1, 4), (1, 9)]),
        ((17, 10), [(0, 1), (4, 1), (9, 1)]),
        ((8, 8), [(0, 0), (0, 0), (0, 0)]),
    ],
)
def test_three_crops(rng, shape, corners):
    clip = rng.integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    expected = [clip[:, row : row + 8, column : column + 8] for row, column in corners]
    np.testing.assert_array_equal(three_crops(clip, 8), expected)


def test_horizontal_flip():
    clip = np.arange(2 * 2 * 3 * 3, dtype=np.uint8).reshape(2, 2, 3, 3)
    assert horizontal_flip(clip)[0, 0].tolist() == [[6, 7, 8], [3, 4, 5], [0, 1, 2]]
    np.testing.assert_array_equal(horizontal_flip(horizontal_flip(clip)), clip)


@pytest.mark.parametrize(
    "factors", [(1, 1, 1), (1.4, 1, 1), (1, 0.6, 1), (1, 1, 1.4), (0.7, 1.3, 0.6)]
)
def test_color_jitter(clip, factors):
    brightness, contrast, saturation = factors
    jittered = color_jitter(clip, rng=Draws(uniform=factors))
    expected = clip * brightness
    expected = np.clip((expected - expected.mean()) * contrast + expected.mean(), 0, 255)
    luma = (expected @ [0.299, 0.587, 0.114])[..., None]
    expected = np.clip(luma + saturation * (expected - luma), 0, 255)
    assert jittered.dtype == np.uint8
    # A level of rounding, and 1/128 of saturation over at most 255 levels.
    assert abs(jittered - expected).max() <= 4
    assert abs(jittered - expected).mean() < 1
    if factors == (1, 1, 1):
        np.testing.assert_array_equal(jittered, clip)


def test_color_jitter_is_the_same_for_every_frame(rng):
    frame = rng.integers(0, 256, (1, 9, 14, 3), dtype=np.uint8)
    jittered = color_jitter(frame.repeat(4, axis=0), rng=rng)
    np.testing.assert_array_equal(jittered, jittered[:1].repeat(4, axis=0))
    assert (jittered[:1] != frame).any()


def test_frame_differences():
    values = np.array([0, 255, 0, 100, 101, 99], np.uint8).reshape(6, 1, 1, 1).repeat(3, axis=-1)
    # 127 times the roots of 255, -255, 100, 1 and -2 255ths, and 128.
    assert frame_differences(values)[:, 0, 0, 1].tolist() == [255, 1, 208, 136, 117]


@pytest.mark.parametrize(
    "function, message",
    [
        (lambda clip: resize(clip, 0, 4), "height=0, width=4"),
        (lambda clip: center_crop(clip, 10), "size=10"),
        (lambda clip: three_crops(clip, 0), "size=0"),
        (lambda clip: frame_differences(clip[:1]), r"clip.shape=\(1, 9, 14, 3\)"),
        (lambda clip: color_jitter(clip, rng=None, strength=2), "strength=2"),
        (lambda clip: random_resized_crop(clip, 4, rng=None, scale=(0, 1)), r"scale=\(0, 1\)"),
        (lambda clip: random_resized_crop(clip, 4, rng=None, ratio=(2, 1)), r"ratio=\(2, 1\)"),
        (lambda clip: horizontal_flip(clip[0]), r"shape=\(9, 14, 3\)"),
        (lambda clip: center_crop(clip.astype("float32"), 4), "dtype=float32"),
    ],
)
def test_arguments_are_checked(clip, function, message):
    with pytest.raises(ValueError, match=f"Received: .*{message}"):
        function(clip)
