"""MoViNets of tensorflow/models, for the script that makes golden files and for tests."""

import importlib
import importlib.metadata
import importlib.util
import pathlib
import sys
import types
import unittest.mock

NETWORKS = ("MoViNetA0", "MoViNetA1", "MoViNetA2")
NETWORKS += tuple(f"{name}Stream" for name in NETWORKS)
_MOVINET = "projects.movinet"
CLIPS = (2, 4, 72, 72, 3)  # sizes after the strides are even and odd, 36, 18, 9, 5 and 3


def is_installed():
    """Whether TensorFlow, Keras 2 and tensorflow/models are."""
    return all(importlib.util.find_spec(name) for name in ("tensorflow", "tf_keras", "official"))


def version():
    """Versions of TensorFlow, Keras 2 and tensorflow/models."""
    import tensorflow as tf

    packages = ("tf_keras", "tf_models_official")
    found = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    return ", ".join([f"tensorflow {tf.__version__}", *found])


def build(network):
    """Returns a network of tensorflow/models with 600 classes, and a checkpoint that saves it."""
    movinet, movinet_model = _import_official()
    import tensorflow as tf
    import tf_keras

    model_id, is_stream = network[7:9].lower(), network.endswith("Stream")
    options = {"causal": True, "conv_type": "2plus1d", "se_type": "2plus3d"}
    options["activation"] = "hard_swish"
    # `"hard_sigmoid"` was this function of Keras 2 when the weights were published. Newer
    # versions have one of their own, with a slope of 1 / 6.
    options["gating_activation"] = tf_keras.activations.hard_sigmoid
    backbone = movinet.Movinet(model_id, **(options if is_stream else {}))
    model = movinet_model.MovinetClassifier(backbone, num_classes=600)
    model.build([1, 1, 1, 1, 3])
    # As tools/convert_3d_2plus1d.py writes them, and as the others are read.
    objects = {"model": model, "backbone": backbone} if is_stream else {"model": model}
    return model, tf.train.Checkpoint(**objects)


def features_and_logits(model, clips):
    """Returns what the last layer reads, and the logits."""
    import tf_keras

    *_, head = model.layers
    features = tf_keras.Model(model.input, head._head(head.input))
    return features(clips).numpy().reshape(len(clips), -1), model(clips).numpy()


def randomize(model, rng):
    """Gives a network weights that keep the size of activations, and running statistics."""
    ranges = {"gamma": (0.5, 1.5), "moving_variance": (0.5, 1.5), "scale": (0.1, 0.5)}
    for weight in model.weights:
        name = weight.name.rpartition("/")[2].removesuffix(":0")
        if "kernel" in name:
            read = weight.shape[:-2] if name == "depthwise_kernel" else weight.shape[:-1]
            values = rng.normal(0, (2 / read.num_elements()) ** 0.5, size=weight.shape)
        else:
            values = rng.uniform(*ranges.get(name, (-0.1, 0.1)), size=weight.shape)
        weight.assign(values.astype("float32"))


def write_checkpoint(prefix, state, graph=b""):
    """Writes a dictionary from names to arrays as a checkpoint, with what else is in such files."""
    import tensorflow as tf

    first = next(iter(state))
    slot = first.replace("/.ATTRIBUTES", "/.OPTIMIZER_SLOT/optimizer/momentum/.ATTRIBUTES")
    others = {
        "_CHECKPOINTABLE_OBJECT_GRAPH": graph,
        "optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE": 1000,
        "save_counter/.ATTRIBUTES/VARIABLE_VALUE": 1,
        slot: state[first],
    }
    names, tensors = zip(*(state | others).items(), strict=True)
    everything = [""] * len(names)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=everything,
        tensors=[tf.constant(tensor) for tensor in tensors],
    )


def _import_official():
    """Returns the two modules of the networks, without the many others of the package.

    Those need dozens of packages more, and only register the networks for its command lines.
    """
    import official

    root = pathlib.Path(official.__path__[0])
    for package in ("vision", "vision.modeling", "vision.modeling.layers", "vision.ops"):
        stand_in = types.ModuleType(f"official.{package}")
        stand_in.__path__ = [str(root.joinpath(*package.split(".")))]
        sys.modules.setdefault(f"official.{package}", stand_in)
    for module in (
        "vision.modeling.backbones",
        "vision.modeling.factory_3d",
        f"{_MOVINET}.configs",
    ):
        sys.modules.setdefault(f"official.{module}", unittest.mock.MagicMock())
    names = [f"official.{_MOVINET}.modeling.{name}" for name in ("movinet", "movinet_model")]
    return [importlib.import_module(name) for name in names]
