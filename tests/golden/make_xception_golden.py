"""Makes xception.npz: features and logits of keras.applications.Xception, averaged over frames.

    KERAS_BACKEND=tensorflow python tests/golden/make_xception_golden.py

Made with Keras 3.15.1 on TensorFlow 2.21.0 on a CPU. The weights and the clip come from
`formula.py`, nothing is downloaded.
"""

import pathlib

import formula
import keras
import numpy as np

CLIPS_SHAPE = (2, 3, 75, 71, 3)
NUM_CLASSES = 50


def main():
    """Writes the file next to this script."""
    clips = formula.clips(CLIPS_SHAPE)
    frames = clips.reshape(-1, *CLIPS_SHAPE[2:]) / 127.5 - 1.0
    model = keras.applications.Xception(
        weights=None,
        input_shape=CLIPS_SHAPE[2:],
        classes=NUM_CLASSES,
        classifier_activation=None,
    )
    formula.fill_xception(model)
    twin = keras.Model(model.input, [model.get_layer("avg_pool").output, model.output])
    features, logits = twin.predict(frames.astype("float32"), verbose=0)
    features, logits = (x.reshape(*CLIPS_SHAPE[:2], -1).mean(axis=1) for x in (features, logits))
    np.savez_compressed(
        pathlib.Path(__file__).with_name("xception.npz"),
        features=features,
        logits=logits,
        versions=f"keras {keras.__version__} on {keras.backend.backend()}",
    )


if __name__ == "__main__":
    main()
