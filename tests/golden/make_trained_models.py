"""Trains one tiny network on the running backend and writes it with its scores.

Run once for each backend:

    KERAS_BACKEND=jax python tests/golden/make_trained_models.py

Written with keras 3.15.1 on tensorflow 2.21.0, torch 2.13.0 and jax 0.10.2, CPU.
"""

import pathlib

import keras
import numpy as np

import keras_ctsep

FOLDER = pathlib.Path(__file__).parent
FILE = "trained_{backend}.keras"


def clips_of(seed, number=4):
    """Squares that go left or right: clips `(number, 8, 24, 24, 3)` uint8 and labels."""
    rng = np.random.default_rng(seed)
    clips = rng.integers(0, 60, size=(number, 8, 24, 24, 3), dtype="uint8")
    labels = np.arange(number) % 2
    for clip, label in zip(clips, labels, strict=True):
        row = rng.integers(0, 16)
        for frame in range(8):
            left = 2 * (frame if label else 7 - frame)
            clip[frame, row : row + 8, left : left + 8] = 220
    return clips, labels


def main():
    keras.utils.set_random_seed(0)
    backend = keras.backend.backend()
    model = keras_ctsep.CTSepResNet10(2, width=0.0625)
    # Compiled by another object: a compiled `.keras` from PyTorch opens on PyTorch only.
    trainer = keras.Model(model.inputs, model.outputs)
    trainer.compile(keras.optimizers.AdamW(1e-2), "sparse_categorical_crossentropy")
    trainer.fit(*clips_of(seed=1, number=32), batch_size=8, epochs=12, verbose=0)
    model.save(FOLDER / FILE.format(backend=backend))
    clips, labels = clips_of(seed=2)
    scores = model.predict(clips, verbose=0)
    np.savetxt(FOLDER / f"trained_{backend}_scores.csv", scores, fmt="%.7f", delimiter=",")
    print(backend, scores[:, 1].round(3), labels)


if __name__ == "__main__":
    main()
