"""Measures windows over a long video: speed, memory, and scores against clips cut by hand.

    python benchmarks/long_videos.py --data videos/
    python benchmarks/long_videos.py --data videos/ --minutes 60 --backend jax

Makes a video of a minute and a long one out of the videos in a folder, again and again. On the
minute it measures decoding alone, forward passes alone and both, in turns. The memory of both
videos is measured in a process of its own each.
"""

import fractions
import itertools
import json
import os
import pathlib
import statistics
import tempfile
import time

import av
import tyro
from own_process import in_own_process

HEIGHT, WIDTH, FPS = 240, 320, 25
CLIPS = {"num_frames": 16, "fps": 15, "short_side": 128, "crop_size": 112}


def main(
    *,
    data: str,
    minutes: int = 60,
    every: float = 1.0,
    backend: str = "torch",
    network: str = "CTSepResNet18",
    temporal: str = "depthwise",
    rounds: int = 3,
):
    """Measures `score_windows`.

    Args:
        data: folder of videos, of which the long one is made.
        minutes: length of the long video.
        every: seconds from window to window.
        backend: Keras backend.
        network: name of a network in `keras_ctsep.models`, with random weights.
        temporal: its temporal factor.
        rounds: how often the rates are measured; the best of each counts.

    Returns:
        A dict. "decode", "forward" and "both" are windows per second, the best of all rounds, and
        "efficiency" is the last one divided by the lower one of the first two. Other programs on
        the machine change those, but hardly the next two: "busy" is the part of the time of both
        that went to forward passes, and "cpu" the processor's time of the first two alone, divided
        by that of both. "peak_mb" is the memory of the short and of the long video, and
        "difference" the largest one between scores of windows and of clips cut by hand.
    """
    os.environ["KERAS_BACKEND"] = backend
    paths = [path for path in pathlib.Path(data).rglob("*.*") if path.suffix in (".avi", ".mp4")]
    with tempfile.TemporaryDirectory() as folder:
        minute = make_video(sorted(paths), pathlib.Path(folder, "minute.mp4"))
        long = repeat_video(minute, minutes, pathlib.Path(folder, "long.mp4"))
        settings = (network, temporal, every)
        result = in_own_process(measure_rates, minute, rounds, *settings)
        print(json.dumps(result), flush=True)
        result["peak_mb"] = {}
        for video in (minute, long):
            found = in_own_process(measure_memory, video, *settings)
            print(json.dumps({"video": video} | found), flush=True)
            result["peak_mb"][pathlib.Path(video).stem] = found["peak_mb"]
        result["difference"] = in_own_process(compare, long, network, temporal)
    print(json.dumps(result))
    return result


def make_video(paths, output, seconds=60):
    """Writes a video of so many seconds, the given ones one after the other, again and again."""
    with av.open(str(output), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, width=WIDTH, height=HEIGHT)
        stream.pix_fmt, stream.options = "yuv420p", {"preset": "veryfast"}
        frames = itertools.chain.from_iterable(map(read_frames, itertools.cycle(paths)))
        for number, frame in enumerate(itertools.islice(frames, seconds * FPS)):
            frame.pts, frame.time_base = number, fractions.Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return str(output)


def read_frames(path):
    """Yields the frames of a video at the size of the long one."""
    with av.open(str(path), metadata_errors="ignore") as container:
        for frame in container.decode(video=0):
            yield frame.reformat(WIDTH, HEIGHT, "yuv420p")


def repeat_video(path, times, output):
    """Writes a video several times one after the other, without encoding it again."""
    with av.open(str(output), "w") as container, av.open(path) as source:
        [template] = source.streams.video
        stream = container.add_stream_from_template(template)
        length = int(template.duration)
        for number in range(times):
            source.seek(0)
            for packet in source.demux(template):
                if packet.dts is not None:
                    packet.pts += number * length
                    packet.dts += number * length
                    packet.stream = stream
                    container.mux(packet)
    return str(output)


def make_classifier(network, temporal):
    """Returns a classifier of 400 classes, with random weights."""
    import keras

    from keras_ctsep.data import ClipFormat
    from keras_ctsep.inference import VideoClassifier
    from keras_ctsep.models import make_network

    keras.utils.set_random_seed(0)
    model = make_network(network, 400, temporal=temporal)
    return VideoClassifier(model, [str(label) for label in range(400)], ClipFormat(**CLIPS))


def measure_rates(video, rounds, network, temporal, every):
    """Returns what `main` says about the rates."""
    import numpy as np

    from keras_ctsep.data import read_video_info, window_clips
    from keras_ctsep.inference import score_windows, windows

    classifier = make_classifier(network, temporal)
    model = classifier.model
    info = read_video_info(video)
    clips = classifier.clips
    indices = window_clips(*clips.sampling(video, info), every * info.fps)

    def decode():
        return [clip[0, 0, 0, 0] for clip in windows.read_windows(clips, video, indices, print)]

    clip = next(windows.read_windows(clips, video, indices, print))
    batch = np.stack([clip] * windows.LARGEST_BATCH)

    def forward():
        for _ in range(0, len(indices), len(batch)):
            np.asarray(model.predict_on_batch(batch))

    class TimedModel:
        def predict_on_batch(self, batch):
            start = time.perf_counter()
            scores = np.asarray(model.predict_on_batch(batch))
            self.seconds += time.perf_counter() - start
            return scores

    def both():
        timed.seconds = 0
        classifier.model = timed
        score_windows(classifier, video, every)

    timed = TimedModel()
    forward()  # compiles
    wall, cpu = {}, {}
    busy = []
    for _ in range(rounds):
        for function in (decode, forward, both):
            start = time.perf_counter(), time.process_time()
            function()
            wall.setdefault(function.__name__, []).append(time.perf_counter() - start[0])
            cpu.setdefault(function.__name__, []).append(time.process_time() - start[1])
        busy.append(timed.seconds / wall["both"][-1])
    rates = {name: len(indices) / min(seconds) for name, seconds in wall.items()}
    rates["efficiency"] = rates["both"] / min(rates["decode"], rates["forward"])
    alone = statistics.median(cpu["decode"]) + statistics.median(cpu["forward"])
    rates |= {"busy": max(busy), "cpu": alone / statistics.median(cpu["both"])}
    return {name: round(rate, 3) for name, rate in rates.items()}


def measure_memory(video, network, temporal, every):
    """Scores a video, and returns the seconds that took and the most memory, in MB."""
    from run import peak_memory

    from keras_ctsep.inference import score_windows

    classifier = make_classifier(network, temporal)
    start = time.perf_counter()
    scores = score_windows(classifier, video, every, verbose=1).scores
    seconds = time.perf_counter() - start
    return {"windows": len(scores), "seconds": round(seconds), "peak_mb": round(peak_memory())}


def compare(video, network, temporal):
    """Returns the largest difference between scores of windows and of the clips cut by hand."""
    import numpy as np

    from keras_ctsep.data import center_crop, decode_frames, read_video_info
    from keras_ctsep.inference import score_windows

    classifier = make_classifier(network, temporal)
    info = read_video_info(video)
    # Few of them: to cut a clip by hand, everything before it is decoded.
    found = score_windows(classifier, video, every=info.num_frames / info.fps / 10)
    offsets = np.floor(np.arange(16) * info.fps / CLIPS["fps"]).astype(int)
    largest = 0.0
    for start, scores in zip(found.starts, found.scores, strict=True):
        frames = decode_frames(video, round(start * info.fps) + offsets, CLIPS["short_side"])
        clip = center_crop(frames, CLIPS["crop_size"])[None]
        by_hand = classifier.model.predict(clip, verbose=0)[0]
        largest = max(largest, float(np.abs(by_hand - scores).max()))
    return largest


if __name__ == "__main__":
    tyro.cli(main)
