"""Exporting in a process of its own, with the Keras backend that writes the format, on the CPU."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import keras
import numpy as np

from keras_ctsep.export.writers import WRITERS
from keras_ctsep.inference.exported import RUNTIMES


def export_in_own_process(model, path, file_format, calibration=None, stream_frames=None):
    """Does what `export` does, in another process.

    Args:
        model: a `keras_ctsep.inference.VideoClassifier`, or a Keras model.
        path: file to write.
        file_format: name of a row of `WRITERS`.
        calibration: as in `export`.
        stream_frames: as in `export`.

    Returns:
        The largest difference between the file and Keras on that backend.

    Raises:
        ValueError: with the last line of what went wrong there.
    """
    backend = WRITERS[file_format].backend
    title = RUNTIMES[file_format].title
    print(f"Writing {title} in a process of its own, with Keras on {backend}.", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        files = [str(pathlib.Path(folder, name)) for name in ("model.keras", "clips.npy")]
        model.save(files[0])
        if calibration is not None:
            np.save(files[1], calibration)
        hidden = {"CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": backend}
        done = subprocess.run(
            [sys.executable, "-m", __name__, path, file_format, json.dumps(stream_frames), *files],
            env=os.environ | hidden,
            capture_output=True,
            text=True,
        )
    lines = (done.stdout if done.returncode == 0 else done.stderr).splitlines()
    if done.returncode:
        raise ValueError(f"Expected {backend} to write {title}. Received: {(lines or [''])[-1]}")
    return float(lines[-1])


def _main(path, file_format, stream_frames, model, clips):
    from keras_ctsep.export import export
    from keras_ctsep.inference import VideoClassifier
    from keras_ctsep.inference.about import read_about

    calibration = np.load(clips) if os.path.exists(clips) else None
    if read_about(model):
        opened = VideoClassifier.load(model)
    else:
        opened = keras.saving.load_model(model, compile=False)
    print(export(opened, path, file_format, calibration, json.loads(stream_frames)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
