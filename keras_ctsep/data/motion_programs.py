"""Clips that are drawn while a network trains, of 78 programs of motion.

Shapes, textures, backgrounds, places and sizes are random; only the motion tells a program. So a
network can learn to see motion before it has seen a video (arXiv 2410.24213 does so without
labels). Nothing is read from files, and no clip is drawn twice.
"""

import math

import keras
import numpy as np

from keras_ctsep.data import transforms
from keras_ctsep.data.look_ahead import LookAhead
from keras_ctsep.data.sprites import BACKGROUND_REACH, draw_background, draw_sprite, paste

DIRECTIONS = {"right": 0, "down right": 45, "down": 90, "down left": 135}
DIRECTIONS |= {"left": 180, "up left": 225, "up": 270, "up right": 315}
FOUR = ("right", "down", "left", "up")


class Scene:
    """What happens in a clip: the track of each shape, and of the camera.

    Attributes:
        time: array `(frames,)` from 0 to 1.
        rng: the NumPy generator that draws the clip.
        shapes: a list of dicts, the arguments of `sprites.paste` for each shape, the farthest
            first.
        camera: a dict of `x`, `y`, `angle` and `zoom`, of arrays or numbers.
    """

    def __init__(self, num_frames, rng):
        self.time = np.linspace(0, 1, num_frames, dtype="float32")
        self.rng = rng
        self.shapes = []
        self.camera = {"x": 0.0, "y": 0.0, "angle": 0.0, "zoom": 1.0}

    def near(self, value, share=0.15):
        """Returns a value at random, by at most that share away."""
        return value * self.rng.uniform(1 - share, 1 + share)

    def add(self, x=0.0, y=0.0, angle=0.0, size=1.0, stretch=1.0, at=None, turned=None):
        """Adds a shape whose track is relative to a place, an angle and a size at random."""
        at = self.rng.uniform(-0.35, 0.35, 2) if at is None else at
        turned = self.rng.uniform(0, 2 * math.pi) if turned is None else turned
        radius = self.rng.uniform(0.2, 0.42)
        width, height = radius * size * stretch, radius * size / stretch
        track = {"x": x + at[0], "y": y + at[1], "angle": angle + turned}
        self.shapes.append(track | {"width": width, "height": height})


def along(degrees, distance):
    """Returns the two coordinates of a distance in a direction."""
    return math.cos(math.radians(degrees)) * distance, math.sin(math.radians(degrees)) * distance


def move(scene, degrees, distance):
    """A shape moves on a line at one speed."""
    scene.add(*along(degrees, scene.near(distance) * (scene.time - 0.5)))


def swing(scene, degrees, times):
    """A shape goes to and fro on a line."""
    phase = 2 * math.pi * times * scene.time + scene.rng.choice([0, math.pi])
    scene.add(*along(degrees, scene.near(0.4) * np.sin(phase)))


def circle(scene, rounds):
    """A shape goes around."""
    phase = 2 * math.pi * rounds * scene.time + scene.rng.uniform(0, 2 * math.pi)
    radius = scene.near(0.4)
    scene.add(radius * np.cos(phase), radius * np.sin(phase))


def spiral(scene, rounds, first, last):
    """A shape goes around on a circle that shrinks or grows."""
    phase = 2 * math.pi * rounds * scene.time + scene.rng.uniform(0, 2 * math.pi)
    radius = scene.near(1.0) * (first + (last - first) * scene.time)
    scene.add(radius * np.cos(phase), radius * np.sin(phase))


def spin(scene, rounds):
    """A shape turns on the spot."""
    scene.add(angle=2 * math.pi * scene.near(rounds) * scene.time)


def grow(scene, factor):
    """A shape grows or shrinks by that factor."""
    scene.add(size=np.exp(math.log(factor) * (scene.time - 0.5)))


def pulse(scene, times):
    """A shape grows and shrinks again."""
    phase = 2 * math.pi * times * scene.time + scene.rng.uniform(0, 2 * math.pi)
    scene.add(size=np.exp(scene.near(0.35) * np.sin(phase)))


def change_speed(scene, degrees, power):
    """A shape becomes faster (power above 1), or slower (below 0: the same backwards)."""
    way = scene.time**power if power > 0 else 1 - (1 - scene.time) ** -power
    scene.add(*along(degrees, scene.near(1.0) * (way - 0.5)))


def corner(scene, degrees, turn):
    """A shape moves, and in the middle turns to one side."""
    first, then = np.minimum(scene.time, 0.5), np.maximum(scene.time, 0.5) - 0.5
    distance = scene.near(1.1)
    x, y = along(degrees, distance * (first - 0.4))
    more_x, more_y = along(degrees + turn, distance * (then - 0.2))
    scene.add(x + more_x, y + more_y)


def stretch(scene, degrees):
    """A shape becomes long and narrow in that direction, and round again."""
    phase = 2 * math.pi * scene.time + scene.rng.uniform(0, 2 * math.pi)
    scene.add(stretch=np.exp(0.4 * np.sin(phase)), turned=math.radians(degrees))


def wobble(scene):
    """A shape turns to and fro on the spot."""
    phase = 2 * math.pi * 1.5 * scene.time + scene.rng.uniform(0, 2 * math.pi)
    scene.add(angle=scene.near(0.7) * np.sin(phase))


def pair(scene, gaps):
    """Two shapes on one line at distances that change: `gaps` are those at equal times."""
    angle = scene.rng.uniform(0, 360)
    at = scene.rng.uniform(-0.15, 0.15, 2)
    gap = np.interp(scene.time, np.linspace(0, 1, len(gaps)), gaps)
    for side in (-0.5, 0.5):
        scene.add(*along(angle, side * gap), at=at)


def follow(scene):
    """One shape runs after another."""
    angle = scene.rng.uniform(0, 360)
    for ahead in (-0.4, 0.4):
        scene.add(*along(angle, ahead + 0.8 * (scene.time - 0.5)), at=(0, 0))


def orbit(scene, rounds):
    """Two shapes go around each other."""
    phase = 2 * math.pi * rounds * scene.time + scene.rng.uniform(0, 2 * math.pi)
    at = scene.rng.uniform(-0.2, 0.2, 2)
    for sign in (-0.45, 0.45):
        scene.add(sign * np.cos(phase), sign * np.sin(phase), at=at)


def meet_a_bar(scene, places, in_front=False):
    """A shape moves towards a bar at rest: through behind it, into hiding, or before it."""
    angle = scene.rng.uniform(0, 360)
    way = np.interp(scene.time, (0, 1), places)
    scene.add(*along(angle, way), at=(0, 0))
    scene.add(at=(0, 0), turned=math.radians(angle))
    scene.shapes[-1] |= {"width": 0.4, "height": 1.2}
    if in_front:
        scene.shapes.reverse()


def camera(scene, degrees=0.0, distance=0.0, turn=0.0, zoom=1.0):
    """The camera moves, turns or zooms over shapes at rest."""
    time = scene.time - 0.5
    x, y = along(degrees, scene.near(distance) * time)
    scene.camera |= {"x": x, "y": y, "angle": scene.near(turn) * time}
    scene.camera["zoom"] = np.exp(math.log(zoom) * time)
    for _ in range(3):
        scene.add(at=scene.rng.uniform(-0.8, 0.8, 2))


def still(scene):
    """Nothing moves."""
    scene.add()


def _rows():
    """Yields the name of a class, its program and the arguments."""
    for name, degrees in DIRECTIONS.items():
        yield f"move {name} slowly", move, degrees, 0.4
        yield f"move {name} quickly", move, degrees, 1.2
    for degrees in (0, 45, 90, 135):
        yield f"swing along {degrees} degrees", swing, degrees, 1
        yield f"swing quickly along {degrees} degrees", swing, degrees, 2
    for name in FOUR:
        degrees = DIRECTIONS[name]
        yield f"start {name}", change_speed, degrees, 2.5
        yield f"brake {name}", change_speed, degrees, -2.5
        yield f"{name}, then to the left", corner, degrees, -90
        yield f"{name}, then to the right", corner, degrees, 90
        yield f"camera {name}", camera, degrees, 0.9
    for side, sign in (("left", -1), ("right", 1)):
        yield f"circle to the {side}", circle, sign
        yield f"circle twice to the {side}", circle, 2 * sign
        yield f"spin to the {side}", spin, 0.4 * sign
        yield f"spin quickly to the {side}", spin, sign
        yield f"spiral in to the {side}", spiral, sign, 0.7, 0.0
        yield f"spiral out to the {side}", spiral, sign, 0.0, 0.7
        yield f"orbit to the {side}", orbit, sign
        yield f"camera turns to the {side}", camera, 0, 0, sign
    yield "zoom in", camera, 0, 0, 0, 2.0
    yield "zoom out", camera, 0, 0, 0, 0.5
    yield "grow", grow, 2.2
    yield "shrink", grow, 1 / 2.2
    yield "pulse", pulse, 1
    yield "pulse quickly", pulse, 2
    yield "stretch to the sides", stretch, 0
    yield "stretch up and down", stretch, 90
    yield "wobble", wobble
    yield "meet and part", pair, (1.4, 0.5, 1.4)
    yield "pass each other", pair, (1.4, 0, -1.4)
    yield "meet and stay", pair, (1.4, 0.5, 0.5)
    yield "part", pair, (0.5, 0.5, 1.4)
    yield "follow", follow
    yield "pass behind a bar", meet_a_bar, (-1, 1)
    yield "hide behind a bar", meet_a_bar, (-1, 0)
    yield "pass before a bar", meet_a_bar, (-1, 1), True
    yield "still", still


PROGRAMS = {name: program for name, *program in _rows()}
CLASS_NAMES = tuple(PROGRAMS)


def draw_program(name, num_frames, height, width, rng):
    """Draws a clip of one program.

    Args:
        name: one of `CLASS_NAMES`.
        num_frames, height, width: size of the clip.
        rng: a NumPy generator.

    Returns:
        uint8 array `(num_frames, height, width, 3)`.

    Example:
    >>> import numpy as np
    >>> clip = draw_program("spin to the right", 8, 32, 32, np.random.default_rng(0))
    >>> clip.shape, clip.dtype.name
    ((8, 32, 32, 3), 'uint8')
    """
    program, *arguments = PROGRAMS[name]
    scene = Scene(num_frames, rng)
    program(scene, *arguments)
    _disturb(scene)
    frames = np.zeros((num_frames, height, width, 3), "float32")
    _paste_all(frames, scene)
    # From the dark to bright, and it may change a little.
    light = math.exp(rng.uniform(math.log(0.1), math.log(1.2)))
    light *= 1 + rng.uniform(-0.1, 0.1) * scene.time
    frames *= light[:, None, None, None]
    if rng.uniform() < 0.5:
        frames += rng.uniform(0, 12) * rng.standard_normal(frames.shape, "float32")
    return np.clip(frames + 0.5, 0, 255).astype("uint8")


def _disturb(scene):
    """Adds what happens in any video and tells nothing: things at rest, an unsteady camera."""
    rng = scene.rng
    for _ in range(rng.integers(3)):
        scene.add(at=rng.uniform(-1, 1, 2))
        scene.shapes.insert(0, scene.shapes.pop())
    if rng.uniform() < 0.3:
        amount = rng.uniform(0.01, 0.04)
        for name in ("x", "y"):
            phase = 2 * math.pi * rng.uniform(1, 3) * scene.time + rng.uniform(0, 2 * math.pi)
            scene.camera[name] = scene.camera[name] + amount * np.sin(phase)


def _paste_all(frames, scene):
    view = scene.camera
    cosine, sine = np.cos(view["angle"]), np.sin(view["angle"])

    def seen(x, y, angle, width, height):
        """What the camera makes of a place, an angle and a size."""
        x, y = x - view["x"], y - view["y"]
        x, y = (cosine * x + sine * y) * view["zoom"], (cosine * y - sine * x) * view["zoom"]
        width, height = width * view["zoom"], height * view["zoom"]
        return {"x": x, "y": y, "angle": angle - view["angle"], "width": width, "height": height}

    ground = seen(0, 0, 0, BACKGROUND_REACH, BACKGROUND_REACH)
    background = draw_background(scene.rng)
    if any(np.ndim(value) for value in ground.values()):
        paste(frames, background, **ground)
    else:
        paste(frames[:1], background, **ground)
        frames[1:] = frames[0]
    for shape in scene.shapes:
        paste(frames, draw_sprite(scene.rng), **seen(**shape))


class MotionPrograms(keras.utils.PyDataset):
    """Batches of clips of motions, drawn by threads while the model computes.

    Leave Keras's `workers` at 1: Keras 3.15 repeats and drops batches otherwise.

    Args:
        batches_per_epoch: batches in an epoch.
        batch_size: clips in a batch.
        num_frames: frames in a clip.
        size: height and width of the frames.
        frame_differences: whether clips hold the changes from frame to frame, as from
            `keras_ctsep.data.frame_differences`.
        seed: with the number of the epoch and of the batch it decides what is drawn.
        num_threads: number of threads that draw; 0 draws when a batch is read.

    Returns:
        Of `dataset[i]`: uint8 clips `(batch_size, num_frames, size, size, 3)` and float32 one-hot
        labels `(batch_size, 78)`.

    Example:
    >>> clips, labels = MotionPrograms(batches_per_epoch=2, batch_size=4, num_frames=8, size=32)[0]
    >>> clips.shape, labels.shape
    ((4, 8, 32, 32, 3), (4, 78))

    Reference:
        Yu et al. 2024, "Learning Video Representations without Natural Videos", arXiv 2410.24213.
    """

    def __init__(
        self,
        batches_per_epoch,
        batch_size=32,
        num_frames=16,
        size=64,
        frame_differences=False,
        seed=0,
        num_threads=2,
    ):
        super().__init__()
        self.batches_per_epoch = batches_per_epoch
        self.batch_size = batch_size
        self.num_frames = num_frames
        self.size = size
        self.frame_differences = frame_differences
        self.seed = seed
        self.epoch = 0
        self._look_ahead = LookAhead(self._draw, num_threads)

    def __len__(self):
        return self.batches_per_epoch

    def __getitem__(self, index):
        following = range(index + 1, min(index + 3, len(self)))
        [batch] = self._look_ahead.get(
            [(self.epoch, index)], [(self.epoch, number) for number in following]
        )
        return batch

    def _draw(self, key):
        rng = np.random.default_rng((self.seed, *key))
        numbers = rng.integers(len(CLASS_NAMES), size=self.batch_size)
        sizes = (self.num_frames + self.frame_differences, self.size, self.size)
        clips = np.stack([draw_program(CLASS_NAMES[number], *sizes, rng) for number in numbers])
        if self.frame_differences:
            clips = transforms.frame_differences(clips)
        return clips, np.eye(len(CLASS_NAMES), dtype="float32")[numbers]

    def on_epoch_end(self):
        self.epoch += 1

    def start_epoch(self, epoch, logs=None):
        """Sets the number of the epoch; as `on_epoch_begin` of a callback it is always right."""
        self.epoch = epoch
