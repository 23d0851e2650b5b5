"""The table and the chart of `run.py`."""

import csv
import importlib.metadata
import os
import pathlib
import platform
import time

from keras_ctsep.files import write_whole

COLUMNS = (
    "model",
    "backend",
    "batch_size",
    "parameters",
    "multiply_adds",
    "forward_ms",
    "forward_ms_min",
    "forward_ms_max",
    "train_ms",
    "train_ms_min",
    "train_ms_max",
    "train_clips_per_second",
    "peak_mb",
    "added_mb_per_clip",
)


def write_results(rows, folder, batch_size, settings):
    """Writes the table as CSV and Markdown, and the times of the first batch size as bars."""
    with write_whole(folder / "benchmark.csv") as path, open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    first = [row for row in rows if row["batch_size"] == batch_size]
    with write_whole(folder / "benchmark.md") as path:
        path.write_text(markdown(first, batch_size, settings))
    with write_whole(folder / "benchmark.png") as path:
        draw(first, path)


def markdown(rows, batch_size, settings):
    """Returns the table of one batch size, with the machine and the versions above it."""
    frames, height, width, _ = settings["shape"]
    packages = ("keras", "tensorflow", "torch", "jax", "torchvision")
    lines = [
        f"{time.strftime('%Y-%m-%d')}, {processor()}, {len(os.sched_getaffinity(0))} cores, "
        f"{versions(*packages)}; {settings.get('precision', 'float32')}, batch {batch_size}, "
        f"{frames}x{height}x{width}, times in ms per clip (median, least to most).",
        "",
        "| model | backend | M weights | G multiply-adds | forward | train step | clips/s | "
        "peak MB | MB per clip |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        times = [
            f"{row[kind]:.0f} ({row[f'{kind}_min']:.0f} to {row[f'{kind}_max']:.0f})"
            for kind in ("forward_ms", "train_ms")
        ]
        lines.append(
            f"| {row['model']} | {row['backend']} | {row['parameters'] / 1e6:.2f} | "
            f"{row['multiply_adds'] / 1e9:.2f} | {' | '.join(times)} | "
            f"{row['train_clips_per_second']} | {row['peak_mb']} | {row['added_mb_per_clip']} |"
        )
    return "\n".join(lines) + "\n"


def processor():
    """Returns the processor's name."""
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    names = [line.split(":")[1].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.processor()


def versions(*packages):
    """Returns "package version" of those that are installed, with commas between."""
    found = {
        dist.metadata["Name"].replace("_", "-").removesuffix("-cpu"): dist.version
        for dist in importlib.metadata.distributions()
    }
    return ", ".join(f"{package} {found[package]}" for package in packages if package in found)


def draw(rows, path):
    """Draws train steps and forward passes as bars, with the added memory next to them."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = sorted(rows, key=lambda row: row["train_ms"])
    names = [f"{row['model']}, {row['backend']}" for row in rows]
    figure, axes = pyplot.subplots(
        1, 3, sharey=True, figsize=(13, 1 + 0.35 * len(rows)), layout="constrained"
    )
    titles = {
        "train_ms": "train step, ms per clip",
        "forward_ms": "forward, ms per clip",
        "added_mb_per_clip": "memory of a train step, MB per clip",
    }
    for axis, (key, title) in zip(axes, titles.items(), strict=True):
        colours = ["C7" if "/" in name or "-in-keras" in name else "C0" for name in names]
        lengths = [row[key] for row in rows]
        bars = axis.barh(names, lengths, color=colours)
        if max(lengths) > 30 * min(lengths):  # Keras's grouped convolutions are far from all else
            axis.set_xscale("log")
        axis.bar_label(bars, fmt="%.0f", padding=2)
        axis.set_title(title)
        axis.margins(x=0.15)
    axes[0].invert_yaxis()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
