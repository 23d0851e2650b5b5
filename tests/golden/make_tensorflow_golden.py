"""Makes the golden files of MoViNets in TensorFlow: features and logits of tensorflow/models.

    python tests/golden/make_tensorflow_golden.py

Needs tensorflow, tf_keras and tf-models-official, of which a few modules are used; made with
tensorflow 2.21.0, tf_keras 2.21.0 and tf-models-official 2.20.0 on a CPU. The weights and the clips
come from `formula.py`, nothing is downloaded.
"""

import pathlib
import tempfile

import formula
import numpy as np
import tensorflow as tf
import tensorflow_peers

_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def main():
    """Writes the files next to this script."""
    for network in ("MoViNetA0", "MoViNetA0Stream"):
        model, checkpoint = tensorflow_peers.build(network)
        with tempfile.TemporaryDirectory() as folder:
            fresh = tf.train.load_checkpoint(checkpoint.write(f"{folder}/fresh"))
            shapes = {
                name: tuple(shape) for name, shape in fresh.get_variable_to_shape_map().items()
            }
            del shapes[_GRAPH]
            shapes = dict(sorted(shapes.items()))
            state = formula.tensorflow_state(shapes)
            tensorflow_peers.write_checkpoint(f"{folder}/a", state, fresh.get_tensor(_GRAPH))
            checkpoint.read(f"{folder}/a").assert_existing_objects_matched()
        clips = (formula.clips(tensorflow_peers.CLIPS) / 255.0).astype("float32")
        features, logits = tensorflow_peers.features_and_logits(model, clips)
        np.savez_compressed(
            pathlib.Path(__file__).with_name(f"{network}_tensorflow.npz"),
            names=np.array(list(shapes)),
            shapes=np.array([",".join(map(str, shape)) for shape in shapes.values()]),
            features=features,
            logits=logits,
            versions=tensorflow_peers.version(),
        )


if __name__ == "__main__":
    main()
