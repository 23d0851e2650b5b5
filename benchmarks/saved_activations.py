"""Counts what each layer saves for its backward pass, with rematerialization and without.

    KERAS_BACKEND=jax python benchmarks/saved_activations.py --model CTSepResNet18

Only JAX can tell, through the residuals of `jax.vjp`: what is saved before XLA removes some of it.
The memory per clip of `run.py` is the peak of a whole train step, on each backend.
"""

import inspect
import os
import pathlib
import unittest.mock

import keras
import networks
import numpy as np
import tyro

from keras_ctsep.files import write_whole


def main(
    *,
    model: str = "CTSepResNet18",
    num_frames: int = 16,
    crop_size: int = 112,
    output: str = "runs/benchmark",
):
    """Prints the MB that each layer saves for one clip, and draws them into `kept.png`.

    Args:
        model: name of one of `KERAS_NETWORKS` in `networks.py`.
        num_frames: frames in a clip.
        crop_size: height and width of a frame.
        output: folder of the picture.

    Returns:
        A dict from the name of a layer to two numbers of MB: by default, and with everything saved.

    Raises:
        ValueError: on another backend than JAX.
    """
    if keras.backend.backend() != "jax":
        raise ValueError(
            f"Expected KERAS_BACKEND=jax, which tells. Received: {keras.backend.backend()}"
        )
    network = networks.keras_network(model, (num_frames, crop_size, crop_size, 3))
    clips = np.zeros((1, num_frames, crop_size, crop_size, 3), "float32")
    results = []
    for recompute in "10":
        with unittest.mock.patch.dict(os.environ, KERAS_CTSEP_REMAT=recompute):
            results.append(kept_by_layer(network, clips))
    kept = {name: (results[0][name], results[1][name]) for name in results[0] if results[1][name]}
    for name, (default, everything) in kept.items():
        print(f"{name:30} {default:8.2f} {everything:8.2f}")
    totals = [sum(result.values()) for result in results]
    print(f"{'MB of a clip, default and all':30} {totals[0]:8.2f} {totals[1]:8.2f}")
    with write_whole(pathlib.Path(output) / "kept.png") as path:
        draw(kept, f"{model}: MB kept of a clip of {num_frames}x{crop_size}x{crop_size}", path)
    return kept


def kept_by_layer(network, clips):
    """Returns MB by the name of the layer; what several layers save counts for the first one."""
    import jax

    known = {id(network.input): keras.ops.convert_to_tensor(clips)}
    weights = [variable.value for variable in network.variables]
    counted = {array.unsafe_buffer_pointer() for array in weights}
    held, kept = [], {}  # what is held lies at no other's place

    def value_of(tensor):
        # Between two layers there may be a slice.
        if id(tensor) not in known:
            known[id(tensor)] = keras.Model(network.inputs, tensor)(clips)
        return known[id(tensor)]

    for layer in network.layers[1:]:
        others = [variable.value for variable in layer.non_trainable_variables]

        def call(weights, inputs, layer=layer, others=others):
            takes_training = "training" in inspect.signature(layer.call).parameters
            training = {"training": True} if takes_training else {}
            return layer.stateless_call(weights, others, inputs, **training)

        weights = [variable.value for variable in layer.trainable_variables]
        inputs = keras.tree.map_structure(value_of, layer.input)
        known[id(layer.output)], backward, _ = jax.vjp(call, weights, inputs, has_aux=True)
        held.append(backward)
        arrays = {array.unsafe_buffer_pointer(): array for array in jax.tree.leaves(backward)}
        new = [array.nbytes for place, array in arrays.items() if place not in counted]
        kept[layer.name] = sum(new) / 1e6
        counted |= set(arrays)
    return kept


def draw(kept, title, path):
    """Draws two bars for each layer, the first one at the top."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(8, 1 + 0.25 * len(kept)), layout="constrained")
    default, everything = zip(*kept.values(), strict=True)
    axis.barh(list(kept), everything, color="C7", label="all kept (KERAS_CTSEP_REMAT=0)")
    axis.barh(list(kept), default, height=0.5, label="default")
    axis.set_title(title)
    axis.legend(loc="lower right")
    axis.invert_yaxis()
    axis.margins(y=0.01)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    tyro.cli(main)
