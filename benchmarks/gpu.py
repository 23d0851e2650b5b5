"""Ten minutes on an accelerator: every form of the convolutions, and whole networks.

    KERAS_BACKEND=torch python benchmarks/gpu.py
    KERAS_BACKEND=jax python benchmarks/gpu.py

Each form is timed at the shapes of CTSepResNet18, compared with the backend's own convolution in
float32, and put beside its floor: the time that its bytes and operations take at the rates of a
copy and of a matrix product on this device. Networks have a process each. Writes `gpu.json` and
`gpu.md` again after each measurement, so that a run that is cut short leaves what it has.
"""

import itertools
import json
import math
import os
import pathlib
import time

import forms
import keras
import numpy as np
import tyro
from keras import ops
from report import versions
from run import in_own_process, set_precision

from keras_ctsep import training
from keras_ctsep.files import write_whole
from keras_ctsep.ops.forms import FORMS

# What the blocks of CTSepResNet18 see, at 16 frames of 112x112.
SHAPES = "32,16,56,56,64;32,8,28,28,128;32,4,14,14,256;32,2,7,7,512"
MODELS = (
    "CTSepResNet18,CTSepResNet18-depthwise,R2Plus1D18,torchvision/r2plus1d_18 channels_last,"
    "torchvision/s3d channels_last"
)
BYTES = {"float32": 4, "tf32": 4, "bfloat16": 2}
OWN = {"depthwise": "grouped", "full": "direct"}  # the backend's own convolution


@training.restored_global_state()
def main(
    *,
    shapes: str = SHAPES,
    models: str = MODELS,
    precisions: str = "float32,tf32,bfloat16",
    batch_size: int = 32,
    num_frames: int = 16,
    crop_size: int = 112,
    steps: int = 10,
    copied: int = 1 << 28,
    side: int = 8192,
    minutes: float = 10.0,
    output: str | None = None,
):
    """Measures forms and networks on the device that the backend finds.

    Args:
        shapes: batch, frames, height, width and channels with commas, semicolons between.
        models: networks as in `run.py`, with commas between; PyTorch's run on PyTorch only.
        precisions: of float32, tf32 and bfloat16, with commas between.
        batch_size: clips in a batch of the networks.
        num_frames: frames in a clip.
        crop_size: height and width of a frame.
        steps: measured calls of each form and train steps of each network.
        copied: numbers in the copy that tells the rate of memory.
        side: of the matrices that tell the rate of arithmetic.
        minutes: no measurement is begun after that time. Half is for the forms.
        output: folder of the results, runs/gpu/BACKEND if not given.

    Returns:
        A dict of `rates`, `forms` and `networks`, lists of dicts.
    """
    backend = keras.backend.backend()
    folder = pathlib.Path(output or f"runs/gpu/{backend}")
    end = time.monotonic() + 60 * minutes
    half = end - 30 * minutes
    results = {"backend": backend, "device": device_name(), "rates": [], "forms": []}
    results["networks"] = []

    def add(part, row):
        results[part].append(row)
        print(part, json.dumps(row), flush=True)
        write_results(results, folder)

    rates = {}
    for precision in precisions.split(","):
        rates[precision] = measure_rates(precision, copied, side, steps)
        add("rates", {"precision": precision, **rates[precision]})
    for shape, kind, precision in itertools.product(
        shapes.split(";"), FORMS, precisions.split(",")
    ):
        for row in measure_forms(shape, kind, precision, rates[precision], steps, half):
            add("forms", row)
    shape = (num_frames, crop_size, crop_size, 3)
    for model, precision in itertools.product(models.split(","), precisions.split(",")):
        if time.monotonic() > end or ("/" in model and backend != "torch"):
            continue
        settings = {"shape": shape, "steps": steps, "seconds": 10.0, "jit_compile": None}
        try:
            row = in_own_process(model, backend, batch_size, settings | {"precision": precision})
        except Exception as error:  # of whatever kind: the others are measured all the same
            row = {"model": model, "failed": str(error).partition("\n")[0]}
        if row is not None:
            add("networks", {"precision": precision, **row})
    return results


def device_name():
    """Returns what the backend calls its first device."""
    if keras.backend.backend() == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    if keras.backend.backend() == "jax":
        import jax

        return jax.local_devices()[0].device_kind
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return details.get("device_name", "cpu")


def measure_rates(precision, copied, side, steps):
    """Returns bytes a second of a copy and operations a second of a matrix product."""
    set_precision(precision)
    dtype = keras.config.dtype_policy().compute_dtype
    numbers, matrix = ops.ones((copied,), dtype), ops.ones((side, side), dtype)
    add_one, _ = forms.compiled(lambda numbers, _: numbers + 1)
    product, _ = forms.compiled(ops.matmul)
    copy_ms = forms.milliseconds(lambda: add_one(numbers, numbers), steps, 5.0)
    product_ms = forms.milliseconds(lambda: product(matrix, matrix), steps, 5.0)
    return {
        "gigabytes_per_second": 2e-6 * copied * BYTES[precision] / copy_ms,
        "teraflops": 2e-9 * side**3 / product_ms,
    }


def measure_forms(shape, kind, precision, rates, steps, end):
    """Yields a row for each window and form, with the largest difference from float32."""
    set_precision("float32")
    rng = np.random.default_rng(0)
    shape = tuple(int(size) for size in shape.split(","))
    inputs = rng.normal(size=shape).astype("float32")
    for window in forms.WINDOWS[kind]:
        if time.monotonic() > end:
            return
        last = 1 if kind == "depthwise" else shape[-1]
        reads = math.prod(window) * (1 if kind == "depthwise" else shape[-1])
        kernel = rng.normal(size=(*window, shape[-1], last)).astype("float32") / reads**0.5
        set_precision("float32")
        own = forms.function_of(kind, OWN[kind], (1, 1, 1))
        want = ops.convert_to_numpy(own(*map(ops.convert_to_tensor, (inputs, kernel))))
        set_precision(precision)
        dtype = keras.config.dtype_policy().compute_dtype
        tensors = [ops.cast(array, dtype) for array in (inputs, kernel)]
        moved = 2 * inputs.size * BYTES[precision] / (1e6 * rates["gigabytes_per_second"])
        computed = 2 * inputs.size * reads / (1e9 * rates["teraflops"])
        for form in FORMS[kind]:
            row = {"shape": shape, "channels": kind, "window": window, "form": form}
            row["precision"] = precision
            function = forms.function_of(kind, form, (1, 1, 1))
            try:
                forward, both = forms.measure(function, *tensors, steps, 2.0)
                outputs = ops.convert_to_numpy(ops.cast(function(*tensors), "float32"))
            except Exception as error:  # out of memory, or no such kernel on this device
                yield row | {"failed": str(error).partition("\n")[0]}
                continue
            row |= {"forward_ms": forward, "forward_and_backward_ms": both}
            # Backward: two convolutions of the size of the forward one.
            floors = max(moved, computed), 3 * max(moved, computed)
            row["over_floor"] = [forward / floors[0], both / floors[1]]
            row["difference"] = float(np.abs(outputs - want).max() / np.abs(want).max())
            yield row


def write_results(results, folder):
    """Writes all as JSON, and tables in Markdown."""
    with write_whole(folder / "gpu.json") as path:
        path.write_text(json.dumps(results, indent=1) + "\n")
    with write_whole(folder / "gpu.md") as path:
        path.write_text(markdown(results))


def markdown(results):
    """Returns the tables of forms and networks."""
    packages = versions("keras", "torch", "jax", "tensorflow")
    rates = "; ".join(
        f"{row['precision']} {row['gigabytes_per_second']:.0f} GB/s, {row['teraflops']:.1f} TFLOP/s"
        for row in results["rates"]
    )
    lines = [
        f"{time.strftime('%Y-%m-%d')}, {results['device']}, {results['backend']}, {packages}. "
        f"Copy and matrix product: {rates}.",
        "",
        "| shape | convolution | precision | form | forward, ms | and backward | over the floor | "
        "difference |",
        "|---|---|---|---|---:|---:|---|---:|",
    ]
    for row in results["forms"]:
        shape, window = ("x".join(map(str, row[key])) for key in ("shape", "window"))
        first = f"| {shape} | {row['channels']} {window} | {row['precision']} | {row['form']} |"
        if "failed" in row:
            lines.append(f"{first} failed: {row['failed']} | | | |")
            continue
        floors = " / ".join(f"{ratio:.1f}" for ratio in row["over_floor"])
        lines.append(
            f"{first} {row['forward_ms']:.3f} | {row['forward_and_backward_ms']:.3f} | {floors} | "
            f"{row['difference']:.1e} |"
        )
    lines += [
        "",
        "| network | precision | batch | forward, ms a clip | train step, ms a clip | peak MB |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in results["networks"]:
        first = f"| {row['model']} | {row['precision']} |"
        if "failed" in row:
            lines.append(f"{first} failed: {row['failed']} | | | |")
            continue
        lines.append(
            f"{first} {row['batch_size']} | {row['forward_ms']:.2f} | {row['train_ms']:.2f} | "
            f"{row['peak_mb']} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    tyro.cli(main)
