"""Measures how fast clips come from disk: the loader against bare PyAV, its cache, and training.

python benchmarks/run.py --loader videos/

and, with all options, `python benchmarks/loader.py --data videos/`.
"""

import concurrent.futures
import pathlib
import tempfile
import time

import av
import keras
import numpy as np
import tyro

import keras_ctsep
from keras_ctsep.data import Annotations, Augmentation, ClipFormat, VideoDataset, uniform_clips

NUM_FRAMES, SHORT_SIDE, CROP_SIZE = 16, 128, 112


def main(
    *, data: str, num_threads: int = 2, batch_size: int = 4, seconds: float = 5.0, steps: int = 10
):
    """Measures how many clips per second are decoded and augmented, for all videos in a folder.

    Then trains CTSepResNet18 with depthwise temporal factors on random clips of them, and measures
    how long each step waits for its batch.

    Args:
        data: folder of videos, searched with all its folders.
        num_threads: decoding threads.
        batch_size: clips in a batch.
        seconds: how long each measurement of clips a second runs at least.
        steps: measured steps of training, after two that are not.

    Returns:
        A tuple of two dicts. The first holds clips a second: "bare" is a loop of PyAV's own calls,
        which decodes and scales the same frames in as many threads; "loader" is a `VideoDataset` of
        the middle clips; "augmented" one of random clips; "first epoch" and "second epoch" are that
        one with an empty cache, and with a full one. The second holds "wait" and "step", the
        seconds of each step of training and how many of them went to waiting.
    """
    paths = sorted(str(path) for path in pathlib.Path(data).rglob("*.*") if path.is_file())
    videos = Annotations(paths, [0] * len(paths), ["video"])
    plain = open_dataset(videos, batch_size, num_threads)
    augmented = open_dataset(videos, batch_size, num_threads, augment=Augmentation())
    # In turns, because other programs take their share of the machine now and then.
    rates = {"bare": 0, "loader": 0, "augmented": 0}
    for _ in range(3):
        for name, one_pass in {
            "bare": lambda: read_bare(paths, num_threads),
            "loader": lambda: read_epoch(plain),
            "augmented": lambda: read_epoch(augmented),
        }.items():
            rates[name] = max(rates[name], clips_per_second(one_pass, seconds / 3))
    with tempfile.TemporaryDirectory() as folder:
        cached = open_dataset(videos, batch_size, num_threads, augment=Augmentation(), cache=folder)
        rates["first epoch"] = clips_per_second(lambda: read_epoch(cached), 0)
        rates["second epoch"] = clips_per_second(lambda: read_epoch(cached), seconds)
    for name, rate in rates.items():
        print(f"{name:>12}: {rate:7.1f} clips/s")
    print(f"loader / bare = {rates['loader'] / rates['bare']:.2f}")
    print(f"second epoch / first epoch = {rates['second epoch'] / rates['first epoch']:.1f}")
    many = Annotations(*repeated(paths, (steps + 3) * batch_size), ["video", "none"])
    times = measure_training(open_dataset(many, batch_size, num_threads, augment=Augmentation()))
    wait, step = (1000 * sum(times[name]) / len(times[name]) for name in ("wait", "step"))
    print(f"training waits {wait:.1f} ms of {step:.0f} ms a step ({keras.backend.backend()})")
    return rates, times


def repeated(paths, number):
    """Returns so many paths, the same ones again and again, and their labels."""
    return [paths[index % len(paths)] for index in range(number)], [0] * number


def open_dataset(videos, batch_size, num_threads, **options):
    clips = ClipFormat(num_frames=NUM_FRAMES, short_side=SHORT_SIDE, crop_size=CROP_SIZE)
    return VideoDataset(videos, batch_size, clips, num_threads=num_threads, **options)


class TimedBatches(keras.utils.PyDataset):
    """Notes when `fit` requests each batch, and when the batch is ready.

    TensorFlow requests batches early, in a thread of its own, so `fit` waits for less time there.
    """

    def __init__(self, dataset):
        super().__init__()
        self.dataset = dataset
        self.asked, self.given = {}, {}

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        self.asked[index] = time.perf_counter()
        batch = self.dataset[index]
        self.given[index] = time.perf_counter()
        return batch


def measure_training(dataset):
    """Trains for one epoch, and returns the seconds of the steps, and of them those of waiting."""
    shape = (NUM_FRAMES, CROP_SIZE, CROP_SIZE, 3)
    num_classes = len(dataset.annotations.class_names)
    model = keras_ctsep.CTSepResNet18(num_classes, input_shape=shape, temporal="depthwise")
    batches = TimedBatches(dataset)
    model.compile(keras.optimizers.SGD(1e-3, momentum=0.9), "categorical_crossentropy")
    # JAX computes in the background: without reading the loss, `fit` would request the next batch
    # before the step is done, and waiting could not be separated from computing.
    finish = keras.callbacks.LambdaCallback(on_train_batch_end=lambda _, logs: float(logs["loss"]))
    model.fit(batches, shuffle=False, verbose=0, callbacks=[finish])
    # The first two steps compile, in which time batches pile up; the last has no end here.
    asked = np.array([batches.asked[index] for index in range(2, len(batches))])
    given = np.array([batches.given[index] for index in range(2, len(batches))])
    return {"wait": (given - asked)[:-1].tolist(), "step": np.diff(asked).tolist()}


def clips_per_second(one_pass, seconds):
    """Repeats a function that returns its number of clips, until the time is over."""
    start, num_clips = time.perf_counter(), 0
    while not num_clips or time.perf_counter() - start < seconds:
        num_clips += one_pass()
    return num_clips / (time.perf_counter() - start)


def read_epoch(dataset):
    """Reads all batches of the next epoch, and returns the number of clips."""
    num_clips = sum(int(dataset[index][2].sum()) for index in range(len(dataset)))
    dataset.epoch += 1
    return num_clips


def read_bare(paths, num_threads):
    """Decodes and scales the frames of each video's middle clip with PyAV alone."""
    with concurrent.futures.ThreadPoolExecutor(num_threads) as pool:
        return sum(pool.map(read_clip, paths))


def read_clip(path):
    with av.open(path, metadata_errors="ignore") as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        scale = SHORT_SIDE / min(stream.width, stream.height)
        size = {"width": round(stream.width * scale), "height": round(stream.height * scale)}
        wanted = uniform_clips(stream.frames, NUM_FRAMES)[0]
        reformatter = av.video.reformatter.VideoReformatter()
        for number, frame in enumerate(container.decode(stream)):
            if number in wanted:
                options = {"format": "rgb24", "interpolation": "BILINEAR", "threads": 1}
                reformatter.reformat(frame, **size, **options).to_ndarray()
            if number == wanted[-1]:
                break
    return 1


if __name__ == "__main__":
    tyro.cli(main)
