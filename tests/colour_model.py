"""A model that tells the colours of `tiny_videos` apart, exactly."""

import json

import keras
import numpy as np
from tiny_videos import COLOURS

from keras_ctsep.data import ClipFormat
from keras_ctsep.inference import VideoClassifier

CLIPS = ClipFormat(num_frames=4, short_side=18, crop_size=16)


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


def colour_map_model(classifier_activation="softmax"):
    """As `colour_model`, but ends in a dense layer, as networks do: each place names its colour."""
    clips = keras.Input((None, None, None, 3))
    x = keras.layers.Rescaling(1 / 64)(clips)
    x = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling3D()(x))
    classifier = keras.layers.Dense(3, classifier_activation)
    model = keras.Model(clips, classifier(x))
    classifier.set_weights([np.eye(3), np.array([0.5, 0.0, 0.0])])
    return model
