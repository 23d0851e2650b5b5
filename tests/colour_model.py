"""A model that tells the colours of `tiny_videos` apart, exactly."""

import json

import keras
from tiny_videos import COLOURS

from keras_ctsep.inference import VideoClassifier

CLIPS = {"num_frames": 4, "frame_stride": 1, "short_side": 18, "crop_size": 16}


def colour_model():
    """Its scores are the shares of red, green and blue in a clip."""
    clips = keras.Input((None, None, None, 3))
    means = keras.layers.GlobalAveragePooling3D()(keras.layers.Rescaling(1 / 64)(clips))
    return keras.Model(clips, keras.layers.Softmax()(means))


def write_colour_run(folder, videos=None, name="last.keras"):
    """Writes what training leaves in a folder: the model, and settings.json for `videos`."""
    classifier = VideoClassifier(colour_model(), list(COLOURS), CLIPS)
    classifier.save(folder / name)
    if videos:
        arguments = {"dataset": "ucf101", "data": str(videos), "split": 1, "annotations": None}
        (folder / "settings.json").write_text(json.dumps({"arguments": arguments}))
    return folder / name
