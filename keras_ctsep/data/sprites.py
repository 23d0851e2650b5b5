"""Shapes and textures that are drawn at random, and moved, turned and stretched over a clip.

Places are in units of half the smaller side of a frame: x to the right and y down, from -1 to 1
around the middle.
"""

import math

import numpy as np

# Side of the pictures of shapes and backgrounds. A shape fills its picture up to the edge.
SPRITE_SIZE = 64
BACKGROUND_SIZE = 128
# What a background's picture covers: enough for a camera that moves.
BACKGROUND_REACH = 2.5


def draw_sprite(rng):
    """Draws a shape with a texture.

    Args:
        rng: a NumPy generator.

    Returns:
        Float array `(64, 64, 4)`: red, green, blue in 0..255, and which part of a pixel the shape
        covers, 0 to 1. The outermost pixels are not covered.
    """
    y, x = np.mgrid[:SPRITE_SIZE, :SPRITE_SIZE] * (2 / (SPRITE_SIZE - 1)) - 1
    distance, angle = np.hypot(x, y), np.arctan2(y, x)
    lobes = rng.integers(2, 7)
    edge = 0.8 + rng.uniform(0, 0.16) * np.cos(lobes * angle + rng.uniform(0, 6.3))
    # Not equal in all directions, so that a turn can be seen.
    edge *= 1 - rng.uniform(0.1, 0.4) * np.cos(angle - rng.uniform(0, 6.3)) ** 2
    covered = (edge - distance) * SPRITE_SIZE / 2
    if rng.uniform() < 0.2:  # a ring
        covered = np.minimum(covered, (distance - rng.uniform(0.2, 0.5) * edge) * SPRITE_SIZE / 2)
    sprite = np.empty((SPRITE_SIZE, SPRITE_SIZE, 4), "float32")
    sprite[..., :3] = draw_texture(rng, SPRITE_SIZE)
    sprite[..., 3] = np.clip(covered, 0, 1)
    sprite[[0, -1], :, 3] = sprite[:, [0, -1], 3] = 0
    return sprite


def draw_texture(rng, size):
    """Draws soft spots, stripes, squares or one colour.

    Args:
        rng: a NumPy generator.
        size: side of the picture.

    Returns:
        Float array `(size, size, 3)` in 0..255.
    """
    one, other = rng.uniform(0, 255, (2, 3))
    kind = rng.integers(4)
    if kind == 0:  # spots, finer and weaker ones over coarse ones
        mixed = sum(_spots(rng, size, cells) / cells**0.5 for cells in (3, 7, 15))
        mixed = (mixed - mixed.min()) / (np.ptp(mixed) + 1e-6)
    elif kind == 1:
        y, x = np.mgrid[:size, :size] / size
        angle, waves = rng.uniform(0, math.pi), rng.uniform(1.5, 8)
        along = np.cos(angle) * x + np.sin(angle) * y
        mixed = 0.5 + 0.5 * np.sin(2 * math.pi * waves * along + rng.uniform(0, 6.3))
    elif kind == 2:
        cells = rng.integers(2, 12)
        numbers = np.arange(size) * cells // size
        mixed = rng.uniform(0, 1, (cells, cells))[numbers[:, None], numbers]
    else:
        mixed = np.zeros((size, size))
    return (one + mixed[..., None] * (other - one)).astype("float32")


def _spots(rng, size, cells):
    """A coarse random picture, and the values between its points."""
    places = np.linspace(0, cells - 1, size)
    weights = np.clip(1 - np.abs(places[:, None] - np.arange(cells)), 0, 1)
    return weights @ rng.uniform(-1, 1, (cells, cells)) @ weights.T


def draw_background(rng):
    """Draws a texture for the whole picture, as `(128, 128, 4)`; every pixel is covered."""
    picture = np.ones((BACKGROUND_SIZE, BACKGROUND_SIZE, 4), "float32")
    picture[..., :3] = draw_texture(rng, BACKGROUND_SIZE)
    return picture


def paste(frames, picture, x, y, angle=0.0, width=1.0, height=1.0):
    """Draws a picture over each frame of a clip, at a place, an angle and a size of its own.

    Args:
        frames: float array `(frames, height, width, 3)`; it is changed.
        picture: float array `(side, side, 4)`, as from `draw_sprite`.
        x, y: the place of its middle; a number, or an array `(frames,)`.
        angle: in radians, turns to the right.
        width, height: half the sides of the picture.
    """
    number, rows, columns, _ = frames.shape
    x, y, angle, width, height = (
        np.broadcast_to(np.asarray(value, "float32"), number)[:, None, None]
        for value in (x, y, angle, width, height)
    )
    unit = 2 / min(rows, columns)
    down = ((np.arange(rows, dtype="float32") - (rows - 1) / 2) * unit)[:, None] - y
    right = (np.arange(columns, dtype="float32") - (columns - 1) / 2) * unit - x
    cosine, sine = np.cos(angle), np.sin(angle)
    u = (cosine * right + sine * down) / width
    v = (cosine * down - sine * right) / height
    inside = np.nonzero((np.abs(u) < 1) & (np.abs(v) < 1))
    side = picture.shape[0]
    u, v = ((places[inside] + 1) * ((side - 1) / 2) for places in (u, v))
    colours = _between(picture.reshape(-1, 4), side, u, v)
    covered = colours[:, 3:]
    frames[inside] += covered * (colours[:, :3] - frames[inside])


def _between(pixels, side, u, v):
    """Returns the values of a picture between its pixels (bilinear)."""
    column, row = u.astype("int32"), v.astype("int32")
    u, v = (u - column)[:, None], (v - row)[:, None]
    first = row * side + column
    left_above, above, left, right = (
        pixels.take(first + step, axis=0, mode="clip") for step in (0, 1, side, side + 1)
    )
    above -= left_above
    above *= u
    above += left_above
    right -= left
    right *= u
    right += left
    right -= above
    right *= v
    right += above
    return right
