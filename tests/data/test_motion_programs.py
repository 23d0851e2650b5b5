"""Drawn motions: where a picture is pasted, what a program does, what a batch holds."""

import keras
import numpy as np
import pytest

from keras_ctsep.data import MotionPrograms, frame_differences
from keras_ctsep.data.motion_programs import CLASS_NAMES, PROGRAMS, Scene, draw_program
from keras_ctsep.data.sprites import SPRITE_SIZE, draw_background, draw_sprite, paste


def square(colour=255.0):
    """A picture of one colour up to its edge."""
    picture = np.full((SPRITE_SIZE, SPRITE_SIZE, 4), colour, "float32")
    picture[..., 3] = 1
    return picture


def middle(frame):
    """Row and column of the middle of what is bright."""
    mass = frame.sum(axis=-1)
    return [(np.indices(mass.shape)[axis] * mass).sum() / mass.sum() for axis in (0, 1)]


def test_a_picture_is_pasted_where_it_belongs():
    """By hand: half of a frame of 40x60 pixels is 20 pixels, its middle is at (19.5, 29.5)."""
    frames = np.zeros((2, 40, 60, 3), "float32")
    paste(frames, square(), np.array([0.0, 0.5]), -0.25, width=0.2, height=0.4)
    np.testing.assert_allclose(middle(frames[0]), (19.5 - 5, 29.5), atol=1e-3)
    np.testing.assert_allclose(middle(frames[1]), (19.5 - 5, 29.5 + 10), atol=1e-3)
    # 16 x 8 pixels are covered.
    assert frames[0].sum() == pytest.approx(255 * 3 * 16 * 8)


def test_a_quarter_of_a_turn_is_to_the_right(rng):
    frames = np.zeros((2, 32, 32, 3), "float32")
    sprite = draw_sprite(rng)
    paste(frames, sprite, 0, 0, np.array([0, np.pi / 2]), 0.8, 0.8)
    np.testing.assert_allclose(frames[1], np.rot90(frames[0], -1), atol=0.5)


def test_covered_pixels_hide_what_is_behind(rng):
    frames = np.full((1, 16, 16, 3), 7, "float32")
    background = draw_background(rng)
    paste(frames, background, 0, 0, width=2, height=2)
    assert abs(frames - 7).mean() > 1
    paste(frames, square(90), 0, 0, width=2, height=2)
    np.testing.assert_allclose(frames, 90, atol=1e-3)


def track(name, seed=0):
    scene = Scene(9, np.random.default_rng(seed))
    program, *arguments = PROGRAMS[name]
    program(scene, *arguments)
    return scene


@pytest.mark.parametrize("name, x, y", [("right", 1, 0), ("up left", -1, -1), ("down", 0, 1)])
def test_directions(name, x, y):
    for speed, distance in (("slowly", 0.4), ("quickly", 1.2)):
        shape = track(f"move {name} {speed}").shapes[0]
        moved = np.array([np.broadcast_to(shape[key], 9)[[0, -1]] @ (-1, 1) for key in ("x", "y")])
        assert np.linalg.norm(moved) == pytest.approx(distance, rel=0.16)
        np.testing.assert_array_equal(np.sign(moved.round(6)), (x, y))


def test_what_programs_do():
    """Sizes, turns and gaps at the start and the end, as their names say."""
    grown = track("grow").shapes[0]["width"]
    assert grown[-1] / grown[0] == pytest.approx(2.2)
    spun = track("spin to the left").shapes[0]["angle"]
    assert -0.5 * 2 * np.pi < spun[-1] - spun[0] < -0.3 * 2 * np.pi
    one, other = track("pass each other").shapes
    before, after = (
        np.array([one[key][at] - other[key][at] for key in ("x", "y")]) for at in (0, -1)
    )
    np.testing.assert_allclose(before, -after, atol=1e-6)
    assert np.linalg.norm(before) == pytest.approx(1.4)
    # The bar at rest is drawn after what goes behind it, and before what passes before it.
    assert np.ndim(track("pass behind a bar").shapes[0]["x"]) == 1
    assert np.ndim(track("pass before a bar").shapes[1]["x"]) == 1


def test_a_camera_to_the_right_moves_all_to_the_left(rng):
    clip = draw_program("camera right", 9, 32, 32, rng).astype("float32")
    shift = round(0.9 * 16 / 8)  # pixels a frame, give or take 15 percent

    def fits(first, then, by):
        return abs(then[4:-4, 8:-8] - np.roll(first, -by, axis=1)[4:-4, 8:-8]).mean()

    pairs = list(zip(clip[:-1], clip[1:], strict=True))
    cost = {by: sum(fits(*pair, by) for pair in pairs) for by in (-shift, 0, shift)}
    assert min(cost, key=cost.get) == shift


def test_every_program_draws(rng):
    assert len(CLASS_NAMES) == len(set(CLASS_NAMES)) == 78
    for name in CLASS_NAMES:
        clip = draw_program(name, 4, 16, 24, rng)
        assert clip.shape == (4, 16, 24, 3) and clip.dtype == "uint8"
        assert clip.std() > 0


def test_batches_are_drawn_anew_each_epoch_and_again_from_the_seed():
    data, same = (MotionPrograms(2, batch_size=3, num_frames=4, size=16, seed=5) for _ in "ab")
    clips, labels = data[1]
    np.testing.assert_array_equal(clips, same[1][0])
    assert clips.shape == (3, 4, 16, 16, 3) and labels.sum() == 3
    data.on_epoch_end()
    assert not np.array_equal(clips, data[1][0])
    data.start_epoch(0)
    np.testing.assert_array_equal(clips, data[1][0])
    changes = MotionPrograms(2, batch_size=3, num_frames=3, size=16, frame_differences=True, seed=5)
    np.testing.assert_array_equal(changes[1][0][0], frame_differences(clips[0]))


def test_batches_do_not_depend_on_threads():
    options = {"batch_size": 1, "num_frames": 4, "size": 16}
    data = MotionPrograms(6, **options, num_threads=2)
    now = MotionPrograms(6, **options, num_threads=0)
    assert data.workers == 1  # more of Keras's own repeat some batches, and leave out others
    for index in (0, 1, 2, 5, 3):
        np.testing.assert_array_equal(data[index][0], now[index][0])


def test_a_model_trains_on_them():
    data = MotionPrograms(2, batch_size=2, num_frames=4, size=16)
    model = keras.Sequential([keras.layers.GlobalAveragePooling3D(), keras.layers.Dense(78)])
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    history = model.fit(data, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all() and data.epoch > 0
