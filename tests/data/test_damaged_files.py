"""A campaign: whatever is wrong with a file, it is decoded or named, and nothing else happens."""

import faulthandler
import sys

import numpy as np
import pytest
from painted_videos import write_frames

from keras_ctsep.data import VideoError, decode_frames, uniform_clips

FORMATS = {"avi": "mpeg4", "mp4": "libx264", "mkv": "libx264", "webm": "libvpx-vp9", "mov": "mjpeg"}
DAMAGES = ["cut", "begin", "flips", "burst", "zeros", "header", "tag", "name", "twice", "noise"]
CODEC_TAGS = [b"FMP4", b"avc1", b"V_MPEG4/ISO/AVC", b"V_VP9", b"jpeg", b"XVID", b"DX50"]


@pytest.fixture(autouse=True)
def no_hang():
    """A decoder that hangs cannot be interrupted: the tests end, and say where."""
    faulthandler.dump_traceback_later(300, exit=True, file=sys.__stderr__)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The bytes of good videos of noise and motion, by format."""
    folder = tmp_path_factory.mktemp("good")
    rng = np.random.default_rng(5)
    picture = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8).repeat(2, 0).repeat(2, 1)
    frames = [np.roll(picture, 3 * number, axis=1)[:64, :96] for number in range(24)]
    paths = {
        ending: write_frames(folder / f"video.{ending}", frames, codec=codec)
        for ending, codec in FORMATS.items()
    }
    return {ending: open(path, "rb").read() for ending, path in paths.items()}


def damage(content, kind, rng):
    """Returns the bytes of a damaged file."""
    size = len(content)
    changed = np.frombuffer(content, np.uint8).copy()
    if kind == "cut":
        return content[: rng.integers(size)]
    if kind == "begin":
        return content[rng.integers(1, size) :]
    if kind == "flips":
        places = rng.integers(size, size=rng.choice([1, 10, 100]))
        changed[places] ^= (1 << rng.integers(8, size=places.size)).astype(np.uint8)
    if kind == "header":
        places = rng.integers(min(1000, size), size=5)
        changed[places] = rng.integers(256, size=5)
    if kind in ("burst", "zeros"):
        start = rng.integers(size)
        run = slice(start, start + rng.integers(1, size // 4))
        changed[run] = rng.integers(256, size=changed[run].size) if kind == "burst" else 0
    if kind == "tag":
        for tag in CODEC_TAGS:
            others = [other for other in CODEC_TAGS if len(other) == len(tag)] or [b"V_XX9"]
            content = content.replace(tag, others[rng.integers(len(others))])
        return content
    if kind == "twice":
        return content + content[rng.integers(size) :]
    if kind == "noise":
        return rng.bytes(rng.integers(2000))
    return changed.tobytes()


def decoded_or_named(path):
    """Whether the file was decoded; anything else than a named error fails."""
    reports = []
    try:
        frames = decode_frames(
            path,
            lambda info: uniform_clips(info.num_frames, 8, 2),
            short_side=32,
            report=reports.append,
        )
    except VideoError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        return False
    assert frames.shape[:2] == (1, 8) and min(frames.shape[2:4]) == 32
    assert all(report.startswith(f"{path}: ") for report in reports)
    return True


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("ending", FORMATS)
def test_damaged_files_are_decoded_or_named(tmp_path, good, ending, kind):
    rng = np.random.default_rng((list(FORMATS).index(ending), DAMAGES.index(kind)))
    for number in range(6):
        # With the name of another format, half of the time or on purpose.
        other = kind == "name" or number % 2
        name = f"{number}.{rng.choice(list(FORMATS)) if other else ending}"
        (tmp_path / name).write_bytes(damage(good[ending], kind, rng))
        is_decoded = decoded_or_named(str(tmp_path / name))
        if kind == "name":
            assert is_decoded
        if kind == "noise":
            assert not is_decoded


def test_some_damage_is_survived_and_some_is_not(tmp_path, good):
    rng = np.random.default_rng(1)
    path = tmp_path / "video.avi"
    results = []
    for _ in range(20):
        path.write_bytes(damage(good["avi"], "flips", rng))
        results.append(decoded_or_named(str(path)))
        path.write_bytes(damage(good["avi"], "begin", rng))
        results.append(decoded_or_named(str(path)))
    assert any(results[::2]) and not all(results[1::2])


def test_real_files_damaged(tmp_path, test_data):
    rng = np.random.default_rng(2)
    for path in sorted((test_data / "real_clips").glob("*.*")):
        content = path.read_bytes()
        for kind in ("cut", "flips", "zeros"):
            (tmp_path / path.name).write_bytes(damage(content, kind, rng))
            decoded_or_named(str(tmp_path / path.name))
