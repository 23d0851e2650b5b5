"""Videos whose frames show their own number, so that a wrong frame is seen."""

import av
import numpy as np

NUM_BITS = 8


def painted_frame(number, height=48, width=64):
    """A dark frame with the number in binary: one upright bar a bit, white for 1."""
    bits = (number >> np.arange(NUM_BITS)) & 1
    columns = bits[np.arange(width) * NUM_BITS // width] * 200 + 20
    return np.broadcast_to(columns[:, None], (height, width, 3)).astype("uint8")


def read_numbers(frames):
    """The numbers that frames `(..., height, width, 3)` show."""
    height, width = frames.shape[-3:-1]
    centers = ((np.arange(NUM_BITS) + 0.5) * width / NUM_BITS).astype(int)
    bits = frames[..., height // 2, centers, 1] > 120
    return bits @ (1 << np.arange(NUM_BITS))


def write_frames(path, frames, codec="mpeg4", rate=25, rotation=None, times=None, **options):
    """Writes frames `(height, width, 3)`; `times` are in units of a frame's time."""
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w", **options) as container:
        stream = container.add_stream(codec, rate=rate, width=width, height=height)
        stream.pix_fmt = {"mjpeg": "yuvj420p", "gif": "rgb8"}.get(codec, "yuv420p")
        if codec == "libx264":
            stream.options = {"bf": "3", "g": "25", "preset": "veryfast"}
        if codec == "mpeg4":
            stream.codec_context.max_b_frames = 2
            stream.codec_context.gop_size = 50
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for number, frame in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame))
            frame.pts = number if times is None else times[number]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)


def write_painted(path, num_frames=40, height=48, width=64, **options):
    frames = [painted_frame(number, height, width) for number in range(num_frames)]
    return write_frames(path, frames, **options)


def cut_file(path, fraction):
    """Keeps the first part of a file, as a copy that was interrupted does."""
    content = open(path, "rb").read()
    open(path, "wb").write(content[: int(len(content) * fraction)])
    return path


def write_sound(path, container_format=None):
    """Writes a file with sound and no pictures."""
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream("mp2", rate=44100)
        silence = np.zeros((1, 1152 * 2), "int16")
        for _ in range(10):
            frame = av.AudioFrame.from_ndarray(silence, format="s16", layout="stereo")
            frame.rate = 44100
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return str(path)
