"""What a frame costs where a causal network takes a video frame by frame.

    KERAS_BACKEND=torch python benchmarks/streaming.py

The other way is to compute the latest clip again for each new frame. A whole clip and as many
frames in steps are computed in turn. The numbers are medians of the processor time of all threads,
which other programs disturb less than the clock's. Prints a row of the table in docs/guides/live.md
for each network.
"""

import time

import keras
import numpy as np
import tyro

from keras_ctsep.inference import frames_per_step, initial_states, streaming
from keras_ctsep.inference.compiled import compiled_call
from keras_ctsep.inference.streaming import score_steps
from keras_ctsep.models import make_network

NETWORKS = {
    "full": ("CTSepResNet18", {"causal": True, "temporal": "full"}),
    "depthwise": ("CTSepResNet18", {"causal": True, "temporal": "depthwise"}),
    "MoViNetA0Stream": ("MoViNetA0Stream", {}),
}


def main(*, num_frames: int = 16, size: int = 112, width: float = 1.0, rounds: int = 15):
    """Measures CTSepResNet18 with both kinds of temporal factor, and MoViNetA0Stream, batch 1.

    Args:
        num_frames: frames in a clip.
        size: height and width of the frames.
        width: factor on the number of filters.
        rounds: how often clip and steps are computed.
    """
    print("| backend, network | ms per clip | frames at a time | cost of a frame, in clips |")
    print("| --- | --- | --- | --- |")
    clip = np.random.default_rng(0).integers(0, 256, (1, num_frames, size, size, 3), "uint8")
    for label, (name, options) in NETWORKS.items():
        options = {"input_shape": clip.shape[1:], "width": width, **options}
        model = make_network(name, 101, **options)
        stream = streaming(model, (None, *clip.shape[2:]))
        states = initial_states(stream)
        call, call_stream = compiled_call(model), compiled_call(stream)
        lengths = frames_per_step(model), num_frames
        times = [
            [seconds_for(map(call, [clip]))]
            + [seconds_for(score_steps(call_stream, clip, states, length)) for length in lengths]
            for _ in range(rounds + 2)
        ]
        whole, *in_steps = np.transpose(times[2:])  # the first ones compile
        for length, seconds in zip(lengths, in_steps, strict=True):
            ratio = np.median(seconds / whole)
            print(
                f"| {keras.backend.backend()}, {label} | {1000 * np.median(whole):.0f} | "
                f"{length} | {ratio:.2f} / {num_frames} |",
                flush=True,
            )


def seconds_for(steps):
    """Returns the processor time that an iterator of scores takes, in seconds."""
    start = time.process_time()
    for scores in steps:
        keras.ops.convert_to_numpy(scores)
    return time.process_time() - start


if __name__ == "__main__":
    tyro.cli(main)
