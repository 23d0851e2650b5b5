"""Trains networks with one recipe and puts accuracy beside speed and memory.

    python benchmarks/accuracy.py --data wagon4 --splits 1,2,3,4 --seeds 0,1,2
    python benchmarks/accuracy.py --data handgesture17 --options "frame_stride=3 flip=false"

Each network, split and seed is a run of `recipes/train.py` in a process and a folder of its own.
The same command continues where it was stopped: what `runs.csv` has is not trained again, and the
run that was interrupted is resumed. Writes `runs.csv`, and from it `accuracy.csv`, `accuracy.md`
and `accuracy.png`, again after each run. With `runs.csv` alone another machine continues.
"""

import ast
import csv
import itertools
import json
import multiprocessing
import os
import pathlib
import statistics
import sys
import time

import tyro
from networks import read_options
from report import processor, versions
from run import add_slopes, in_own_process

from keras_ctsep.files import write_whole

NETWORKS = "CTSepResNet18,CTSepResNet18 temporal=depthwise,R2Plus1D18,R3D18,MC3_18"
SPEEDS = ("forward_ms", "train_ms", "added_mb_per_clip")


def main(
    *,
    data: str,
    dataset: str = "ucf101",
    networks: str = NETWORKS,
    splits: str = "1",
    seeds: str = "0,1,2",
    options: str = "",
    shuffled: bool = False,
    cache: str | None = None,
    backend: str = "tensorflow",
    nice: int = 10,
    batch_sizes: str = "2,4,8",
    output: str = "runs/accuracy",
):
    """Trains and measures networks on one data set.

    Args:
        data: folder of the videos.
        dataset: how they are labelled, as in `recipes/train.py`.
        networks: names, with commas between, each with options of the network after it:
            "CTSepResNet18 temporal=depthwise width=0.5".
        splits: splits of the data set, with commas between.
        seeds: seeds of the runs, with commas between.
        options: what else `recipes/train.py` is told: "epochs=100 flip=false".
        shuffled: whether each network is also trained and tested with the frames of each clip in
            random order: what is recognised then is not motion.
        cache: folder to keep decoded frames in, for all runs.
        backend: Keras backend of the trainings and of the times.
        nice: how much the trainings give way to other programs, 0 to 19; times are measured at 0.
        batch_sizes: clips in a batch for times and memory, as in `run.py`.
        output: folder of the runs and the results.

    Returns:
        A list of dicts, one a network.
    """
    output = pathlib.Path(output)
    recipe = read_options(options)
    seeds = [int(seed) for seed in seeds.split(",")]
    splits = [int(split) for split in splits.split(",")]
    sizes = [int(size) for size in batch_sizes.split(",")]
    names = [name.strip() for name in networks.split(",")]
    orders = (False, True) if shuffled else (False,)
    os.environ["KERAS_BACKEND"] = backend
    finished = Finished(output / "runs.csv", f"{pathlib.Path(data).name} {options}".strip())
    # Seeds are the outer loop, so that a table of all networks is there early.
    for seed, split, name, is_shuffled in itertools.product(seeds, splits, names, orders):
        run = {"network": name, "split": split, "seed": seed, "shuffled": is_shuffled}
        if run not in finished:
            arguments = {"dataset": dataset, "data": data, "split": split, "seed": seed, **recipe}
            arguments |= {"shuffle_frames": is_shuffled, "cache": cache}
            finished.add(run, train_once(name, arguments, output / _folder_name(**run), nice))
        speeds = {name: _speeds(output, name, backend, recipe, sizes) for name in names}
        rows = [row(name, finished.runs, speeds[name]) for name in names]
        write_results([row for row in rows if row], output, _heading(data, options, backend))
    return rows


class Finished:
    """The runs that have ended, in a file.

    Args:
        path: of the csv file; its runs are read if it is there.
        recipe: the data set and the options of the training. Runs with others do not count.
    """

    def __init__(self, path, recipe):
        self.path = path
        self.recipe = recipe
        self._all = []
        if path.exists():
            with open(path, newline="") as file:
                self._all = [_parsed(run) for run in csv.DictReader(file)]

    @property
    def runs(self):
        """List of dicts, what ran and what came out."""
        return [run for run in self._all if run["recipe"] == self.recipe]

    def __contains__(self, what):
        return any(what.items() <= run.items() for run in self.runs)

    def add(self, what, result):
        """Adds a run and writes the file."""
        here = {"recipe": self.recipe, "date": time.strftime("%Y-%m-%d")}
        self._all.append({**what, **result, **here})
        with write_whole(self.path) as path, open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, list(self._all[0]))
            writer.writeheader()
            writer.writerows(self._all)


def _parsed(run):
    words = ("network", "recipe", "date")
    return {key: text if key in words else ast.literal_eval(text) for key, text in run.items()}


def train_once(name, arguments, folder, nice):
    """Returns the results of a run, which is started or resumed in a process of its own."""
    print(folder, flush=True)
    process = multiprocessing.get_context("spawn").Process(
        target=_train, args=(name, arguments, folder, nice)
    )
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{folder}: the training ended with code {process.exitcode}")
    return json.loads((folder / "results.json").read_text())


def _train(name, arguments, folder, nice):
    os.nice(nice)
    sys.path.append(str(pathlib.Path(__file__).parents[1] / "recipes"))
    import train

    from keras_ctsep import cpu

    cpu.keep_freed_memory()
    model, _, network_options = name.partition(" ")
    arguments = arguments | {"model": model, **read_options(network_options)}
    train.main(**arguments, output=folder, resume=(folder / "settings.json").exists())


def _folder_name(network, split, seed, shuffled):
    order = "_shuffled" if shuffled else ""
    return f"{network.replace(' ', '_')}_split{split}_seed{seed}{order}"


def _speeds(output, name, backend, recipe, batch_sizes):
    """Returns times and memory of a network, which are measured once and kept in the folder."""
    kept = output / f"{name.replace(' ', '_')}_speed.json"
    if not kept.exists():
        side = recipe.get("crop_size", 112)
        shape = (recipe.get("num_frames", 16), side, side, 3)
        settings = {"shape": shape, "steps": 5, "seconds": 20.0, "jit_compile": None}
        rows = [
            in_own_process(name, backend, size, settings | ({"steps": 1} if index else {}))
            for index, size in enumerate(batch_sizes)
        ]
        add_slopes(rows)
        with write_whole(kept) as temporary:
            temporary.write_text(json.dumps(rows[0], indent=2) + "\n")
    return json.loads(kept.read_text())


def row(name, runs, speeds):
    """Returns the row of a network, or None before its first run has ended.

    Args:
        name: name of the network.
        runs: list of dicts, as `Finished.runs`.
        speeds: its times and memory.
    """
    of_network = [run for run in runs if run["network"] == name]
    in_order = [run for run in of_network if not run["shuffled"]]
    if not in_order:
        return None
    filled = {"network": name, "runs": len(in_order)}
    shuffled = [run for run in of_network if run["shuffled"]]
    for some, suffix in ((in_order, ""), (shuffled, "_shuffled")):
        for kind in ("video_accuracy", "balanced_accuracy"):
            values = [run[kind] for run in some]
            if values:
                filled[kind + suffix] = statistics.mean(values)
                filled[f"{kind}{suffix}_deviation"] = statistics.pstdev(values)
    filled["parameters"] = of_network[0]["parameters"]  # those of `speeds` are for other classes
    filled |= {key: speeds[key] for key in ("multiply_adds", *SPEEDS)}
    filled["hours"] = sum(run["seconds"] for run in in_order) / 3600
    return filled


def _heading(data, options, backend):
    packages = versions("keras", "tensorflow", "torch", "jax")
    return (
        f"{pathlib.Path(data).name}; {time.strftime('%Y-%m-%d')}, {processor()}, "
        f"{len(os.sched_getaffinity(0))} cores, {packages}, on {backend}; "
        f"options of recipes/train.py: {options or 'none'}"
    )


def write_results(rows, folder, heading):
    """Writes the table as csv and Markdown, and the picture."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with write_whole(folder / "accuracy.csv") as path, open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    with write_whole(folder / "accuracy.md") as path:
        path.write_text(markdown(rows, heading))
    with write_whole(folder / "accuracy.png") as path:
        draw(rows, path)


def markdown(rows, heading):
    """Returns the table, best accuracy first."""
    lines = [
        f"{heading}. Accuracy of videos, mean and deviation over splits and seeds; times in ms and "
        "memory in MB a clip.",
        "",
        "| network | runs | accuracy | balanced | shuffled | M weights | G multiply-adds | forward "
        "| train step | memory | hours |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for cells in sorted(rows, key=lambda row: -row["video_accuracy"]):
        accuracies = [
            f"{cells[kind]:.3f} ± {cells[f'{kind}_deviation']:.3f}" if kind in cells else ""
            for kind in ("video_accuracy", "balanced_accuracy", "video_accuracy_shuffled")
        ]
        lines.append(
            f"| {cells['network']} | {cells['runs']} | {' | '.join(accuracies)} | "
            f"{cells['parameters'] / 1e6:.2f} | {cells['multiply_adds'] / 1e9:.2f} | "
            + " | ".join(f"{cells[key]:.0f}" for key in SPEEDS)
            + f" | {cells['hours']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def front(costs, gains):
    """Returns the indices of what nothing beats in both, cheapest first.

    Example:
    >>> front([3, 1, 2, 4], [0.7, 0.5, 0.4, 0.6])
    [1, 0]
    """
    best, indices = float("-inf"), []
    for index in sorted(range(len(costs)), key=lambda index: (costs[index], -gains[index])):
        if gains[index] > best:
            best = gains[index]
            indices.append(index)
    return indices


def draw(rows, path):
    """Draws accuracy against the time of a train step and of a forward pass, with the front."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    titles = {"train_ms": "train step, ms a clip", "forward_ms": "forward pass, ms a clip"}
    axes_of = figure.subplots(1, 2, sharey=True)
    accuracies = [cells["video_accuracy"] for cells in rows]
    for axes, (key, title) in zip(axes_of, titles.items(), strict=True):
        times = [cells[key] for cells in rows]
        deviations = [cells["video_accuracy_deviation"] for cells in rows]
        axes.errorbar(times, accuracies, deviations, fmt="o", color="C0", capsize=3)
        best = front(times, accuracies)
        axes.plot(
            [times[index] for index in best],
            [accuracies[index] for index in best],
            "o-",
            color="C1",
            fillstyle="none",
            markersize=12,
            label="nothing is faster and better",
        )
        for cells, time_, accuracy in zip(rows, times, accuracies, strict=True):
            axes.annotate(
                cells["network"],
                (time_, accuracy),
                xytext=(5, 5),
                textcoords="offset points",
                fontsize=8,
            )
        axes.set(xlabel=title, xscale="log")
        for set_formatter in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            set_formatter(LogFormatter())  # 20, not 2 x 10^1
        axes.margins(x=0.25)
        axes.grid(alpha=0.3)
    axes_of[0].set_ylabel("accuracy of videos")
    figure.legend(*axes_of[0].get_legend_handles_labels(), loc="outside upper right")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    tyro.cli(main)
