"""Measures how much of a class activation map lies on what moves, and if its mean is the score.

    python benchmarks/activation_maps.py

Draws clips whose classes differ by motion alone (`keras_ctsep.data.motion`, with smaller shapes),
trains a small network on them, and measures on clips of other shapes. The drawing says which pixels
the shape covers.
"""

import json

import keras
import numpy as np
import tyro

from keras_ctsep import training
from keras_ctsep.data import motion
from keras_ctsep.inference.activation_maps import activation_maps, enlarge
from keras_ctsep.models import CTSepResNet10

NUM_FRAMES, SIDE, SHAPE_SCALE = 16, 96, 0.3
CLASSES = ("MoveRight", "MoveLeft", "MoveDown", "MoveUp")
NUM_TEST_GROUPS = 24


def main(*, groups: int = 120, epochs: int = 10, width: float = 0.25, seed: int = 0):
    """Trains, and measures before and after.

    Args:
        groups: number of looks to train on, 4 clips of each.
        epochs: passes over them.
        width: factor on the number of filters.
        seed: of the weights.

    Returns:
        A dict with the dicts "untrained" and "trained", see `measure`.
    """
    keras.utils.set_random_seed(seed)
    test_clips, test_labels, masks = draw(range(NUM_TEST_GROUPS))
    clips, labels, _ = draw(range(NUM_TEST_GROUPS, NUM_TEST_GROUPS + groups))
    model = CTSepResNet10(len(CLASSES), width=width)
    result = {"untrained": measure(model, test_clips, test_labels, masks)}
    print(json.dumps(result), flush=True)
    batch_size = 8
    steps = epochs * (len(clips) // batch_size)
    schedule = training.warmup_cosine(6e-3, steps, steps // epochs)
    variables = model.trainable_variables
    model.compile(
        training.make_optimizer("adamw", schedule, 0.05, ema=False, variables=variables),
        keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        metrics=["accuracy"],
    )
    targets = np.eye(len(CLASSES))[labels]
    model.fit(clips, targets, batch_size=batch_size, epochs=epochs, verbose=2)
    result["trained"] = measure(model, test_clips, test_labels, masks)
    print(json.dumps(result))
    return result


def draw(groups):
    """Draws a clip of each class for each group.

    Returns:
        A tuple of clips `(num_clips, frames, height, width, 3)`, labels `(num_clips,)`, and which
        part of each pixel the shape covers `(num_clips, frames, height, width)`.
    """
    clips, masks = [], []
    for group in groups:
        paths = {
            axis: motion.draw_path(axis, group, 1, NUM_FRAMES, SIDE, SIDE, 0, SHAPE_SCALE)
            for axis in motion.AXES
        }
        for axis, passes in map(motion.CLASSES.get, CLASSES):
            order = motion.visiting_order(NUM_FRAMES, passes)
            clips.append(paths[axis][0][order])
            masks.append(paths[axis][1][order])
    labels = np.tile(np.arange(len(CLASSES)), len(groups))
    return np.stack(clips), labels, np.stack(masks)


def measure(model, clips, labels, masks):
    """Measures the maps of a model on clips whose shape is known.

    Returns:
        A dict: "accuracy"; "share_of_picture", the part of all pixels that the shape covers;
        "share_of_map", the part of the map of the best class that lies on the shape, where what
        speaks against the class does not count; "ratio" of the two; "difference", the largest one
        between the score and the one that the means of the maps lead to.
    """
    scores = model.predict(clips, verbose=0)
    maps = activation_maps(model, clips, range(scores.shape[1]))
    means = maps.mean(axis=(2, 3, 4), dtype="float64")
    logits = keras.Model(model.input, model.layers[-2].output).predict(clips, verbose=0)
    logits = logits @ model.layers[-1].get_weights()[0] + model.layers[-1].get_weights()[1]
    best = scores.argmax(axis=1)
    for_best = maps[np.arange(len(maps)), best] - maps.mean(axis=1)
    weights = np.maximum(enlarge(for_best, masks.shape[1:]), 0)
    share_of_map = float((weights * masks).sum() / weights.sum())
    share_of_picture = float(masks.mean())
    return {
        "accuracy": round(float((best == labels).mean()), 3),
        "share_of_picture": round(share_of_picture, 4),
        "share_of_map": round(share_of_map, 4),
        "ratio": round(share_of_map / share_of_picture, 2),
        "difference": float(abs(means - logits).max()),
    }


if __name__ == "__main__":
    tyro.cli(main)
