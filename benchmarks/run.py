"""Measures how fast networks run, forward and in training, and how much memory they take.

    python benchmarks/run.py
    python benchmarks/run.py --models CTSepResNet18,torchvision/r2plus1d_18 --backends torch
    python benchmarks/run.py --loader videos/

Each network, backend and batch size has a process of its own, and they run in turn, so that other
programs on the machine slow all of them. Writes `benchmark.csv`, `benchmark.md` and `benchmark.png`
again after each of them; one that fails is named and left out.
"""

import json
import os
import pathlib
import statistics
import sys
import time
from typing import Literal

import loader as loading
import numpy as np
import own_process
import tyro
from report import write_results

from keras_ctsep import cpu

# Forward passes are short, so that whatever else runs for a moment weighs more.
FORWARD_PASSES_PER_STEP = 4
MODELS = (
    "CTSepResNet18,CTSepResNet18-depthwise,R2Plus1D18,CTSepResNet18-in-keras,"
    "CTSepResNet18-depthwise-in-keras,R2Plus1D18-in-keras,CTSepResNet18-not-recomputed,"
    "CTSepResNet18-depthwise-not-recomputed,torchvision/r2plus1d_18,torchvision/r3d_18,"
    "torchvision/s3d,pytorchvideo/x3d_s,pytorchvideo/x3d_m"
)


def main(
    *,
    models: str = MODELS,
    backends: str = "tensorflow,torch,jax",
    batch_sizes: str = "2,4,8",
    num_frames: int = 16,
    crop_size: int = 112,
    steps: int = 5,
    seconds: float = 20.0,
    jit_compile: bool | None = None,
    precision: Literal["float32", "bfloat16"] = "float32",
    device: str = "cpu",
    output: str = "runs/benchmark",
    loader: str | None = None,
):
    """Measures networks side by side.

    Args:
        models: names of `networks.py`, `torchvision/NAME` and `pytorchvideo/NAME`, with
            commas between. PyTorch's are measured in both memory formats, and left out where
            their package is not installed.
        backends: Keras backends for the first kind, with commas between.
        batch_sizes: clips in a batch, with commas between. Times are of the first; the memory that
            one more clip adds is the slope over all, for which one step of the others is enough.
        num_frames: frames in a clip.
        crop_size: height and width of a frame.
        steps: measured train steps, after two that are not; of forward passes four times as many.
        seconds: no more steps are begun after that time.
        jit_compile: what `compile` is told; default: Keras decides.
        precision: what networks compute in; bfloat16 keeps the weights in float32.
        device: "cpu" hides GPUs from all backends; "default" takes what each finds.
        output: folder of the results.
        loader: folder of videos: measures how fast clips come from disk instead of the networks,
            with the backend of `KERAS_BACKEND`; see `loader.py`.

    Returns:
        A list of dicts, one a row: times in ms per clip (median, least and most), memory in MB.
        With `loader`, what `loader.main` returns.
    """
    if loader is not None:
        return loading.main(data=loader)
    sizes = [int(size) for size in batch_sizes.split(",")]
    jobs = list(_jobs(models.split(","), backends.split(",")))
    shape = (num_frames, crop_size, crop_size, 3)
    settings = {"shape": shape, "steps": steps, "seconds": seconds}
    settings |= {"jit_compile": jit_compile, "precision": precision}
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["JAX_PLATFORMS"] = "cpu"
    rows = []
    for size in sizes:
        for model, backend in jobs:
            steps_of_size = {"steps": steps if size == sizes[0] else 1}
            try:
                row = in_own_process(model, backend, size, settings | steps_of_size)
            except Exception as error:  # of whatever kind: the others are measured all the same
                reason = str(error).partition("\n")[0] or type(error).__name__
                print(f"{model}, {backend}, batch {size} failed: {reason}", file=sys.stderr)
                continue
            if row is not None:
                rows.append(row)
                print(json.dumps(row), flush=True)
                add_slopes(rows)
                write_results(rows, pathlib.Path(output), sizes[0], settings)
    return rows


def _jobs(models, backends):
    for model in models:
        if "/" in model:
            yield model, "torch"
            yield f"{model} channels_last", "torch"
        else:
            yield from ((model, backend) for backend in backends)


def in_own_process(model, backend, batch_size, settings):
    """Runs `measure` in a fresh process with that Keras backend."""
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    measured = own_process.in_own_process(measure, model, batch_size, settings)
    if measured is None:
        return None
    return {"model": model, "backend": backend, "batch_size": batch_size, **measured}


def measure(name, batch_size, settings):
    """Measures one network in this process; None where its package is not installed.

    Freed memory is kept, as the recipes do: networks of others on PyTorch gain by it too.
    """
    cpu.keep_freed_memory()
    set_precision(settings.get("precision", "float32"))
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 256, (batch_size, *settings["shape"]), dtype="uint8")
    labels = rng.integers(0, 101, batch_size)
    measure_one = measure_torch if "/" in name else measure_keras
    result = measure_one(name, clips, labels, settings)
    if result is None:
        return None
    counts, forward, train, peak = result
    row = dict(zip(("parameters", "multiply_adds"), counts, strict=True))
    for kind, times in (("forward_ms", forward), ("train_ms", train)):
        per_clip = [1000 * seconds / batch_size for seconds in times]
        row[kind] = round(statistics.median(per_clip), 2)
        row[f"{kind}_min"], row[f"{kind}_max"] = round(min(per_clip), 2), round(max(per_clip), 2)
    row["train_clips_per_second"] = round(1000 / row["train_ms"], 2)
    return row | {"peak_mb": round(peak)}


def set_precision(precision):
    """Makes this process compute in "float32", "tf32" (accelerators only) or "bfloat16"."""
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    elif backend == "jax":
        import jax

        # "highest" is float32 itself; the default of a GPU is TF32. On a CPU, where there is no
        # other, "highest" makes products slower.
        matmul = {"float32": "highest", "tf32": "tensorfloat32"}.get(precision)
        if jax.default_backend() != "cpu":
            jax.config.update("jax_default_matmul_precision", matmul)
    else:
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(precision == "tf32")


def measure_keras(name, clips, labels, settings):
    """Measures `fit` with the default `compile`, and `predict_on_batch`."""
    import keras
    import networks

    from keras_ctsep.models.complexity import count_multiply_adds

    shape = settings["shape"]
    model = networks.keras_network(name, shape)
    spelled = name.removesuffix("-in-keras")
    multiply_adds = count_multiply_adds(networks.keras_network(spelled, shape), shape)
    jit = settings["jit_compile"]
    model.compile(
        keras.optimizers.SGD(1e-3, momentum=0.9),
        "categorical_crossentropy",
        jit_compile="auto" if jit is None else jit,
    )
    targets = np.eye(networks.NUM_CLASSES, dtype="float32")[labels]
    train = []

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return settings["steps"] + 2

        def __getitem__(self, index):
            return clips, targets

    class Stopwatch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.start = time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            float(logs["loss"])  # waits for what runs in the background
            train.append(time.perf_counter() - self.start)
            self.model.stop_training = len(train) > 2 and sum(train[2:]) > settings["seconds"]

    model.fit(Batches(), verbose=0, shuffle=False, callbacks=[Stopwatch()])
    peak = peak_memory()
    forward = timed(lambda: model.predict_on_batch(clips), settings, FORWARD_PASSES_PER_STEP)
    return (model.count_params(), multiply_adds), forward, train[2:], peak


def measure_torch(name, clips, labels, settings):
    """Measures a PyTorch network with a plain loop."""
    import networks
    import torch

    name, _, memory_format = name.partition(" ")
    model = networks.torch_network(name)
    if model is None:
        return None
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parameters = sum(parameter.numel() for parameter in model.parameters())
    clips = torch.from_numpy(clips).permute(0, 4, 1, 2, 3).float().div(255).contiguous()
    multiply_adds = networks.count_torch_multiply_adds(model, clips[:1])
    clips, labels, model = clips.to(device), torch.from_numpy(labels).to(device), model.to(device)
    if memory_format:
        clips = clips.contiguous(memory_format=torch.channels_last_3d)
        model = model.to(memory_format=torch.channels_last_3d)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9)
    in_16_bits = settings.get("precision") == "bfloat16"

    def forward_pass():
        with torch.autocast(device, torch.bfloat16, enabled=in_16_bits):
            return model(clips)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(forward_pass(), labels)
        loss.backward()
        optimizer.step()
        float(loss)  # waits for what runs in the background

    model.train()
    train = timed(step, settings)
    peak = peak_memory()
    model.eval()
    with torch.no_grad():
        forward = timed(lambda: forward_pass().cpu(), settings, FORWARD_PASSES_PER_STEP)
    return (parameters, multiply_adds), forward, train, peak


def timed(function, settings, calls_per_step=1):
    """Returns the seconds of each measured call."""
    times = []
    for _ in range(settings["steps"] * calls_per_step + 2):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
        if len(times) > 2 and sum(times[2:]) > settings["seconds"]:
            break
    return times[2:]


def peak_memory():
    """Returns the most memory, in MB, that this process has held so far.

    It is the accelerator's where there is one, else the computer's (Linux).
    """
    import keras

    if keras.backend.backend() == "torch":
        import torch

        if torch.cuda.is_available():
            return torch.cuda.max_memory_allocated() / 2**20
    elif keras.backend.backend() == "jax":
        import jax

        held = jax.local_devices()[0].memory_stats()  # None on CPUs
        if held:
            return held["peak_bytes_in_use"] / 2**20
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def add_slopes(rows):
    """Adds the memory that one more clip in the batch takes, by least squares over batch sizes."""
    for row in rows:
        same = [
            (other["batch_size"], other["peak_mb"])
            for other in rows
            if (other["model"], other["backend"]) == (row["model"], row["backend"])
        ]
        slope = np.polyfit(*zip(*same, strict=True), 1)[0] if len(same) > 1 else float("nan")
        row["added_mb_per_clip"] = round(float(slope), 1)


if __name__ == "__main__":
    tyro.cli(main)
