"""Takes the separable convolution apart: the same network with one thing changed, trained alike.

    python benchmarks/ablation.py --seeds 0,1,2

The task is to tell the 78 motions of `keras_ctsep.data.MotionPrograms`. Every network sees the same
clips, each once, so that what differs is how fast it learns and not what it remembers. The same
command continues where it was stopped. Writes `runs.csv` and from it `ablation.md`.
"""

import functools
import os
import pathlib
import statistics
import time

import keras
import tyro
from accuracy import Finished
from own_process import in_own_process
from report import processor, versions

from keras_ctsep import layers, training
from keras_ctsep.data import MotionPrograms
from keras_ctsep.data.motion_programs import CLASS_NAMES
from keras_ctsep.files import write_whole
from keras_ctsep.layers.conv2plus1d import default_mid_filters
from keras_ctsep.layers.initializers import HeNormal
from keras_ctsep.models import blocks, count_multiply_adds, video_resnet

SHAPE = (16, 64, 64)


def in_factors(x, filters, strides=1, activation=None, name=None, between="norm and ReLU", **_):
    """The separable convolution in layers of its own, with something else before time.

    Args:
        x: a tensor.
        filters, strides, activation, name: as of the layer.
        between: `"norm and ReLU"`, `"norm"`, `"ReLU"` or `"nothing"`; or `"no pointwise"`: the
            temporal factor alone goes over channels; or `"time first"`: the temporal factor, norm
            and ReLU, and then those over space and channels.
    """
    time_, *space = (strides,) * 3 if isinstance(strides, int) else strides
    over_time = {"kernel_size": (3, 1, 1), "strides": (time_, 1, 1), "padding": (1, 0, 0)}
    start = {"use_bias": False, "kernel_initializer": HeNormal()}

    def spatial(x):
        initializer = blocks.depthwise_initializer(9, gain=1)
        return layers.DepthwiseConv3D(
            (1, 3, 3),
            strides=(1, *space),
            padding=(0, 1, 1),
            use_bias=False,
            depthwise_initializer=initializer,
            name=f"{name}_space",
        )(x)

    def pointwise(x, **end):
        return layers.Conv3D(filters, 1, name=f"{name}_channels", **start, **end)(x)

    def temporal(x, **end):
        return layers.Conv3D(filters, name=f"{name}_time", **over_time, **start, **end)(x)

    if between == "time first":
        x = temporal(x, use_norm=True, activation="relu")
        return pointwise(spatial(x), use_norm=True, activation=activation)
    if between == "no pointwise":
        return temporal(spatial(x), use_norm=True, activation=activation)
    end = {"use_norm": "norm" in between, "activation": "relu" if "ReLU" in between else None}
    return temporal(pointwise(spatial(x), **end), use_norm=True, activation=activation)


SMALL = video_resnet.VARIANTS["CTSepResNet_S"]


def row(conv=None, width=1.0, **changes):
    """Returns CTSepResNet_S with another convolution, width or other columns of its row."""
    changed = SMALL._replace(width=SMALL.width * width, **changes)
    if conv is None:
        return changed
    return changed._replace(convs=(conv,) * 4, temporal=changes.get("temporal"))


def factors(between):
    """Returns the row with that between channels and time."""
    return row(functools.partial(in_factors, between=between))


def separable(temporal="full", **changes):
    """Returns the row with other arguments of the separable convolution."""
    return row(functools.partial(video_resnet.LINEAR, **changes), temporal=temporal)


# What is changed, and the row of the network. Half as wide, dense convolutions have about as many
# multiply-adds.
ROWS = {
    "as it is": row(),
    "norm and ReLU before time": separable(use_mid_norm=True),
    "norm before time": factors("norm"),
    "ReLU before time": factors("ReLU"),
    "no pointwise factor": factors("no pointwise"),
    "temporal factor depthwise": row(temporal="depthwise"),
    "temporal factor depthwise, norm and ReLU before it": separable(
        temporal="depthwise", use_mid_norm=True
    ),
    "no temporal factor": separable(temporal="depthwise", kernel_size=(1, 3, 3)),
    "spatial factor full": separable(spatial="full"),
    "depth_multiplier 2": separable(depth_multiplier=2),
    "time, norm and ReLU before space": factors("time first"),
    "(2+1)D convolutions": row(video_resnet.CONV2PLUS1D, mid_filters=default_mid_filters),
    "(2+1)D, half as wide": row(
        video_resnet.CONV2PLUS1D, width=0.5, mid_filters=default_mid_filters
    ),
    "3-D convolutions": row(video_resnet.CONV3D),
    "3-D, half as wide": row(video_resnet.CONV3D, width=0.5),
    "stem without pooling": row(
        stem=functools.partial(video_resnet.stem2plus1d, strides=video_resnet.SPACE_TIME)
    ),
    "stem without stride over time": row(
        stem=functools.partial(video_resnet.early_stem, strides=video_resnet.SPACE)
    ),
    "10 layers": row(num_blocks=(1, 1, 1, 1)),
    "34 layers": row(num_blocks=(3, 4, 6, 3)),
    "twice as wide": row(width=2),
}


def main(
    *,
    rows: str = "all",
    seeds: str = "0",
    steps: int = 400,
    batch_size: int = 32,
    test_batches: int = 40,
    learning_rate: float = 2e-3,
    backend: str = "tensorflow",
    output: str = "runs/ablation",
):
    """Trains networks that differ in one thing, and writes the table.

    Args:
        rows: names of `ROWS` with semicolons between, or "all".
        seeds: seeds of weights and clips, with commas between.
        steps: batches of the training.
        batch_size: clips in a batch.
        test_batches: batches of other clips that the accuracy is measured on.
        learning_rate: highest learning rate; it rises for a tenth of the steps, and a cosine
            brings it down to 0.
        backend: Keras backend.
        output: folder of the table.

    Returns:
        A list of dicts, one a row.
    """
    output = pathlib.Path(output)
    os.environ["KERAS_BACKEND"] = backend
    names = list(ROWS) if rows == "all" else [name.strip() for name in rows.split(";")]
    settings = {"steps": steps, "batch_size": batch_size, "test_batches": test_batches}
    settings["learning_rate"] = learning_rate
    finished = Finished(output / "runs.csv", " ".join(f"{k}={v}" for k, v in settings.items()))
    table = []
    for seed in map(int, seeds.split(",")):
        for name in names:
            run = {"network": name, "seed": seed}
            if run not in finished:
                print(name, seed, flush=True)
                finished.add(run, in_own_process(_train, name, seed, settings))
            table = [summary(name, finished.runs) for name in ROWS]
            write_table([row for row in table if row], output / "ablation.md", settings, backend)
    return [row for row in table if row]


def _train(name, seed, settings):
    start = time.monotonic()
    return train(name, seed, **settings) | {"seconds": time.monotonic() - start}


def train(name, seed, steps, batch_size, test_batches, learning_rate):
    """Trains a row of `ROWS`; returns a dict of accuracy, parameters and multiply-adds."""
    keras.utils.set_random_seed(seed)
    video_resnet.VARIANTS[name] = ROWS[name]
    network = video_resnet.VideoResNet(name, len(CLASS_NAMES), name="network")
    del video_resnet.VARIANTS[name]  # it is a row while this network is made, and no longer
    frames, size, _ = SHAPE
    clips = {"num_frames": frames, "size": size, "frame_differences": True}
    clips["batch_size"] = batch_size
    schedule = training.warmup_cosine(learning_rate, steps, steps // 10)
    optimizer = training.make_optimizer("adamw", schedule, 0.05, False, network.trainable_variables)
    network.compile(optimizer, keras.losses.CategoricalCrossentropy(), metrics=["accuracy"])
    network.fit(MotionPrograms(steps, seed=seed, **clips), shuffle=False, verbose=2)
    test_data = MotionPrograms(test_batches, seed=1_000_000, **clips)
    return {
        "accuracy": network.evaluate(test_data, verbose=0)[1],
        "parameters": network.count_params(),
        "multiply_adds": count_multiply_adds(network, (*SHAPE, 3)),
    }


def summary(name, runs):
    """Returns the row of a network, or None before its first run has ended."""
    runs = [run for run in runs if run["network"] == name]
    if not runs:
        return None
    values = [run["accuracy"] for run in runs]
    return runs[0] | {
        "runs": len(runs),
        "accuracy": statistics.mean(values),
        "deviation": statistics.pstdev(values),
    }


def write_table(rows, path, settings, backend):
    """Writes the table as Markdown."""
    packages = versions("keras", "tensorflow", "torch", "jax")
    clips = settings["steps"] * settings["batch_size"]
    lines = [
        f"{time.strftime('%Y-%m-%d')}, {processor()}, {packages}, on {backend}; {clips} clips of "
        f"{'x'.join(map(str, SHAPE))}. Accuracy on other clips, mean and deviation over seeds.",
        "",
        "| CTSepResNet_S with | accuracy | runs | M weights | M multiply-adds |",
        "|---|---:|---:|---:|---:|",
    ]
    for cells in rows:
        lines.append(
            f"| {cells['network']} | {cells['accuracy']:.3f} ± {cells['deviation']:.3f} | "
            f"{cells['runs']} | {cells['parameters'] / 1e6:.2f} | "
            f"{cells['multiply_adds'] / 1e6:.0f} |"
        )
    with write_whole(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    tyro.cli(main)
