import os
import struct
import zipfile

import av
import numpy as np
import pytest
from painted_videos import (
    cut_file,
    painted_frame,
    read_numbers,
    write_frames,
    write_painted,
    write_sound,
)

from keras_ctsep.data import (
    VideoError,
    check_video,
    decode_frames,
    read_video_info,
    video_file,
)
from keras_ctsep.data.video_file import orientation_of, upright

FORMATS = {
    "video.avi": "mpeg4",
    "video.mp4": "libx264",
    "video.mkv": "libx264",
    "video.webm": "libvpx-vp9",
    "video.ts": "libx264",
    "video.mpg": "mpeg1video",
    "video.mov": "mjpeg",
    "video.gif": "gif",
}


def rgb_of_yuv(frame):
    """ITU-R BT.601, limited range, of a frame in yuv420p: straight from the standard."""
    height, width = frame.height, frame.width
    planes = frame.to_ndarray(format="yuv420p").astype(float)
    luma = (planes[:height] - 16) / 219
    blue, red = (
        plane.reshape(height // 2, width // 2).repeat(2, 0).repeat(2, 1) / 224 - 128 / 224
        for plane in np.split(planes[height:].reshape(-1), 2)
    )
    green = luma - (0.114 * 1.772 * blue + 0.299 * 1.402 * red) / 0.587
    return np.clip(255 * np.stack([luma + 1.402 * red, green, luma + 1.772 * blue], -1), 0, 255)


def set_header_length(path, num_frames):
    """Changes the number of frames that the header of an AVI file tells."""
    content = bytearray(open(path, "rb").read())
    place = content.index(b"strh") + 8 + 32
    content[place : place + 4] = struct.pack("<I", num_frames)
    open(path, "wb").write(content)


@pytest.mark.parametrize("name", FORMATS)
def test_frames_are_the_ones_asked_for(tmp_path, name):
    path = write_painted(tmp_path / name, codec=FORMATS[name])
    assert read_video_info(path) == (40, 25.0, 48, 64)
    indices = [0, 39, 7, 7, 21, 20]
    assert read_numbers(decode_frames(path, indices)).tolist() == indices
    assert read_numbers(decode_frames(path, [[3, 1], [38, 4]])).tolist() == [[3, 1], [38, 4]]
    assert read_numbers(decode_frames(path, [33], short_side=24)).tolist() == [33]


def test_indices_may_depend_on_the_video(tmp_path):
    path = write_painted(tmp_path / "video.avi", num_frames=9)
    frames = decode_frames(path, lambda info: [info.num_frames - 1, int(info.fps) // 5])
    assert read_numbers(frames).tolist() == [8, 5]


def test_real_frames_are_the_ones_asked_for(test_data):
    for path in sorted((test_data / "real_clips").glob("*.*")):
        with av.open(str(path), metadata_errors="ignore") as container:
            stored = list(container.decode(video=0))
        # Where the picture changes most, a frame too early or too late is seen at once.
        luma = np.stack([frame.to_ndarray()[: frame.height : 4, ::4] for frame in stored])
        changes = abs(np.diff(luma.astype(int), axis=0)).mean((1, 2))
        indices = np.argsort(changes)[-8:]
        for index, frame in zip(indices, decode_frames(path, indices), strict=True):
            nearby = range(max(0, index - 2), min(len(stored), index + 3))
            distances = [abs(rgb_of_yuv(stored[near]) - frame).mean() for near in nearby]
            assert nearby[int(np.argmin(distances))] == index
            assert min(distances) < 1.5


def test_colours_are_those_of_the_standard(tmp_path, rng):
    coarse = rng.integers(0, 256, (3, 6, 8, 3), dtype=np.uint8)
    frames = coarse.repeat(16, axis=1).repeat(16, axis=2)
    path = write_frames(tmp_path / "colours.avi", frames)
    with av.open(path) as container:
        expected = np.stack([rgb_of_yuv(frame) for frame in container.decode(video=0)])
    difference = decode_frames(path, range(3)) - expected
    assert abs(difference.mean()) < 0.3
    assert np.median(abs(difference)) < 1
    halves = decode_frames(path, range(3), short_side=48)
    means = expected.reshape(3, 48, 2, 64, 2, 3).mean((2, 4))
    assert abs((halves - means).mean()) < 0.3
    assert np.median(abs(halves - means)) < 1


def test_variable_rate_is_counted_by_frames(tmp_path):
    times = np.cumsum([1, 5, 1, 1, 9, 2] * 5)
    frames = [painted_frame(number) for number in range(30)]
    path = write_frames(tmp_path / "video.mp4", frames, codec="libx264", times=times)
    assert read_video_info(path).num_frames == 30
    assert read_numbers(decode_frames(path, range(30))).tolist() == list(range(30))


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotated_videos_come_upright(tmp_path, rotation):
    upright = np.zeros((48, 64, 3), np.uint8)
    upright[:24, :32] = 250
    path = write_frames(tmp_path / "video.mp4", [upright] * 3, "libx264", rotation=rotation)
    # The display turns the stored picture counter-clockwise: its bright corner goes from the top
    # left to the bottom left, the bottom right, the top right.
    row, column = {90: (1, 0), 180: (1, 1), 270: (0, 1)}[rotation]
    frame = decode_frames(path, [1], short_side=24)[0]
    assert frame.shape == ((24, 32, 3) if rotation == 180 else (32, 24, 3))
    assert read_video_info(path)[2:] == ((48, 64) if rotation == 180 else (64, 48))
    height, width = frame.shape[:2]
    corners = frame[height // 4 :: height // 2, width // 4 :: width // 2, 0]
    expected = np.zeros((2, 2))
    expected[row, column] = 250
    np.testing.assert_allclose(corners, expected, atol=6)


@pytest.mark.parametrize(
    "size, short_side, expected",
    [
        ((27, 35), None, (27, 35)),
        ((27, 35), 16, (16, 21)),
        ((35, 27), 16, (21, 16)),
        ((48, 48), 31, (31, 31)),
        ((49, 171), 98, (98, 342)),
    ],
)
def test_odd_sizes(tmp_path, size, short_side, expected):
    path = write_painted(tmp_path / "video.avi", 5, *size)
    frames = decode_frames(path, [4, 2], short_side)
    assert frames.shape == (2, *expected, 3)
    assert read_numbers(frames).tolist() == [4, 2]


def test_one_frame_is_repeated(tmp_path):
    path = write_painted(tmp_path / "video.avi", num_frames=1)
    reports = []
    frames = decode_frames(path, [0, 0, 1, 1], report=reports.append)
    assert read_numbers(frames).tolist() == [0, 0, 0, 0]
    assert not reports


def test_header_that_counts_one_too_many_is_no_fault(tmp_path):
    path = write_painted(tmp_path / "video.avi", num_frames=12)
    set_header_length(path, 13)
    reports = []
    assert read_video_info(path).num_frames == 12  # the index knows better
    assert read_numbers(decode_frames(path, [12, 3], report=reports.append)).tolist() == [11, 3]
    assert read_numbers(decode_frames(path, [12], report=reports.append)).tolist() == [11]
    assert not reports


def test_real_headers_that_count_one_too_many(test_data):
    for path in sorted((test_data / "real_clips").glob("*wave*.avi")):
        reports = []
        last = read_video_info(path).num_frames - 1
        frames = decode_frames(path, [last - 1, last], report=reports.append)
        np.testing.assert_array_equal(*frames)
        assert not reports


def test_truncated_file_repeats_its_last_frame(tmp_path):
    path = cut_file(write_painted(tmp_path / "video.avi", num_frames=100), 0.6)
    assert read_video_info(path).num_frames == 100
    with av.open(path) as container:
        num_frames = sum(1 for _ in container.decode(video=0))
    assert 10 < num_frames < 90
    reports = []
    frames = decode_frames(path, [0, 5, num_frames - 1, 99], report=reports.append)
    assert read_numbers(frames[:2]).tolist() == [0, 5]
    np.testing.assert_array_equal(frames[2], frames[3])
    assert len(reports) == 1
    assert reports[0].startswith(f"{path}: ends after {num_frames} frames")


def test_fewer_than_half_of_the_frames_is_an_error(tmp_path):
    path = cut_file(write_painted(tmp_path / "video.avi", num_frames=100), 0.6)
    message = r"video.avi: ends after \d+ frames, 2 of the 3 wanted ones are missing"
    with pytest.raises(VideoError, match=message):
        decode_frames(path, [0, 98, 99])


def test_latin1_metadata(tmp_path):
    path = write_painted(tmp_path / "video.mkv", codec="libx264")
    frames = [painted_frame(number) for number in range(3)]
    path = tmp_path / "video.avi"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "CAFEAULAIT"
        stream = container.add_stream("mpeg4", rate=25, width=64, height=48)
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode())
    path.write_bytes(path.read_bytes().replace(b"CAFEAULAIT", b"CAF\xe9AULAIT"))
    with pytest.raises(UnicodeDecodeError):
        av.open(str(path))
    assert read_numbers(decode_frames(path, [2, 0])).tolist() == [2, 0]


def write_unusable(folder):
    """Returns files that are no videos, by what is wrong with them."""
    (folder / "empty.avi").write_bytes(b"")
    (folder / "text.avi").write_text("This is no video.\n" * 100)
    (folder / "folder.avi").mkdir()
    names = ["empty.avi", "text.avi", "folder.avi", "missing.avi"]
    cut_file(write_painted(folder / "cut.mp4", codec="libx264"), 0.5)
    write_sound(folder / "sound.mkv")
    return [str(folder / name) for name in [*names, "cut.mp4", "sound.mkv"]]


@pytest.mark.parametrize("function", [read_video_info, lambda path: decode_frames(path, [0])])
def test_unusable_files_are_named(tmp_path, function):
    for path in write_unusable(tmp_path):
        with pytest.raises(VideoError) as error:
            function(path)
        message = str(error.value)
        assert message.startswith(f"{path}: ") and "\n" not in message
        assert len(message) > len(path) + 10


def test_pixels_that_cannot_be_converted_are_the_fault_of_the_file(tmp_path):
    """FFmpeg decodes them: 4 bits a pixel, packed."""
    path = tmp_path / "packed.nut"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25, width=32, height=32)
        stream.pix_fmt = "rgb4"
        frame = av.VideoFrame(32, 32, "rgb4")
        frame.pts = 0
        container.mux([*stream.encode(frame), *stream.encode()])
    for read in (lambda path: decode_frames(path, [0]), check_video):
        with pytest.raises(VideoError, match="packed.nut: Operation not supported"):
            read(path)


def test_file_without_permission_is_named(tmp_path):
    path = write_painted(tmp_path / "video.avi")
    os.chmod(path, 0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")
    with pytest.raises(VideoError, match="video.avi: Permission denied"):
        decode_frames(path, [0])


def test_names_that_mean_something_to_ffmpeg(tmp_path):
    for name in ["a:b.avi", "-i %03d.avi", "#[x]'&!(y).avi", "concat|x.avi"]:
        path = write_painted(tmp_path / "video.avi", num_frames=3)
        os.rename(path, tmp_path / name)
        assert read_numbers(decode_frames(tmp_path / name, [1])).tolist() == [1]


@pytest.mark.parametrize("indices", [[], [-1], [0.5], [[]]])
def test_indices_are_checked(tmp_path, indices):
    path = write_painted(tmp_path / "video.avi", num_frames=3)
    with pytest.raises(ValueError, match="Received: "):
        decode_frames(path, indices)


def test_absurd_shapes_are_refused(tmp_path):
    path = write_frames(tmp_path / "line.avi", [np.zeros((16, 640, 3), np.uint8)] * 2)
    with pytest.raises(VideoError, match="line.avi: frames of 640x16 pixels"):
        decode_frames(path, [0])


def test_remote_files(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    for name in ["video.avi", "video.mp4"]:
        path = write_painted(tmp_path / name, codec=FORMATS[name])
        with zipfile.ZipFile(tmp_path / "videos.zip", "w") as archive:
            archive.write(path, "folder/inside.bin")
        with fsspec.open(f"memory://videos/{name}", "wb") as file:
            file.write(open(path, "rb").read())
        expected = decode_frames(path, [0, 39, 20], short_side=32)
        for address in (
            f"memory://videos/{name}",
            f"zip://folder/inside.bin::{tmp_path}/videos.zip",
        ):
            assert read_video_info(address) == read_video_info(path)
            frames = decode_frames(address, [0, 39, 20], short_side=32)
            np.testing.assert_array_equal(frames, expected)


def test_remote_files_that_fail_are_named(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://videos/text.avi", "wb") as file:
        file.write(b"This is no video.\n" * 100)
    (tmp_path / "broken.zip").write_bytes(b"This is no archive.")
    for address in (
        "memory://videos/missing.avi",
        "memory://videos/text.avi",
        f"zip://video.avi::{tmp_path}/broken.zip",
        "nonsense://videos/video.avi",
    ):
        with pytest.raises(VideoError) as error:
            decode_frames(address, [0])
        assert str(error.value).startswith(f"{address}: ")


def test_frames_that_an_edit_list_hides_do_not_count(cases):
    path = cases / "cut_with_copy" / "227_in_the_header_52_shown.mp4"
    reports = []
    assert read_video_info(path).num_frames == 52
    assert len(decode_frames(path, range(52), report=reports.append)) == 52
    with pytest.raises(VideoError, match="ends after 52 frames"):
        decode_frames(path, range(53, 60))
    assert not reports


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mov", "cut.mkv"])
def test_films_cut_without_encoding_again(tmp_path, name):
    """60 frames with key frames every 25, cut between two: MP4 hides what comes before."""
    whole = write_painted(tmp_path / "whole.mp4", 60, codec="libx264")
    with av.open(whole) as source, av.open(str(tmp_path / name), "w") as cut:
        stream = source.streams.video[0]
        copy = cut.add_stream_from_template(stream)
        start = int(30 / 25 / stream.time_base)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.pts, packet.dts = packet.pts - start, packet.dts - start
                packet.stream = copy
                cut.mux(packet)
    shown = range(60) if name == "cut.mkv" else range(30, 60)
    assert read_video_info(tmp_path / name)[:2] == (len(shown), 25.0)
    assert read_numbers(decode_frames(tmp_path / name, range(len(shown)))).tolist() == list(shown)


def test_dropped_frames_do_not_count(tmp_path):
    """Every other frame of 59 is empty: 30 are shown, 12.5 a second."""
    frames = [painted_frame(number) for number in range(30)]
    path = write_frames(tmp_path / "video.avi", frames, codec="mjpeg", times=range(0, 60, 2))
    assert read_video_info(path)[:2] == (30, 12.5)
    assert read_numbers(decode_frames(path, range(30))).tolist() == list(range(30))


def test_header_that_counts_too_few_loses_no_frame(tmp_path):
    path = write_painted(tmp_path / "video.avi", num_frames=40)
    set_header_length(path, 5)
    assert read_video_info(path)[:2] == (40, 25.0)


def test_artwork_is_not_the_film(cases):
    film, plain = (cases / "wrong_stream" / f"{name}.mp4" for name in ("cover_first", "plain"))
    assert read_video_info(film) == read_video_info(plain)
    np.testing.assert_array_equal(decode_frames(film, [0, 29]), decode_frames(plain, [0, 29]))


def test_mirrored_films_come_as_a_player_shows_them(cases):
    red, green, blue = 0, 1, 2  # the channel that is bright

    def corners(name):
        frame = decode_frames(cases / "mirrored" / name, [3])[0]
        return frame.shape[:2], [int(frame[y, x].argmax()) for y, x in ((5, 5), (5, -5), (-5, 5))]

    assert corners("r0.mp4") == ((64, 96), [red, green, blue])
    assert corners("vflip.mp4")[0] == (64, 96) and corners("vflip.mp4")[1][0] == blue
    assert corners("r90_hflip.mp4") == ((96, 64), [red, blue, green])
    assert read_video_info(cases / "mirrored" / "r90_hflip.mp4")[2:] == (96, 64)


@pytest.mark.parametrize("matrix", [(a, b) for a in (1, -1) for b in (1, -1)])
@pytest.mark.parametrize("is_transposed", [False, True])
def test_all_eight_display_matrices(matrix, is_transposed):
    """Each place of the picture goes where the matrix says: (x, y) to (a x + c y, b x + d y)."""
    one, other = matrix
    a, b, c, d = (0, one, other, 0) if is_transposed else (one, 0, 0, other)
    words = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 14], "int32") << 16
    picture = np.arange(2 * 3 * 3).reshape(2, 3, 3)
    shown = upright(picture, orientation_of(words.tobytes()))
    places = {(a * x + c * y, b * x + d * y): picture[y, x] for y in range(2) for x in range(3)}
    left, top = (min(place[axis] for place in places) for axis in (0, 1))
    for (x, y), pixel in places.items():
        np.testing.assert_array_equal(shown[y - top, x - left], pixel)


def test_a_guessed_rate_gives_way_to_the_time_stamps(cases):
    info = read_video_info(cases / "guessed_rate" / "browser_live.webm")
    assert info.num_frames == 150 and info.fps == pytest.approx(28.26, abs=0.01)


def test_frames_of_a_file_without_a_header_are_counted_once(tmp_path, monkeypatch):
    path = write_painted(tmp_path / "video.mkv", num_frames=20)
    assert [read_video_info(path).num_frames for _ in range(3)] == [20] * 3
    opened = []
    packets = video_file._packets
    monkeypatch.setattr(video_file, "_packets", lambda *args: opened.append(1) or packets(*args))
    assert read_video_info(path).num_frames == 20 and len(opened) == 1  # for the first frame
    write_painted(path, num_frames=30)
    assert read_video_info(path).num_frames == 30


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.avi")
    with pytest.raises(VideoError, match="pipe.avi: is no regular file"):
        decode_frames(tmp_path / "pipe.avi", [0])


def test_a_local_name_that_looks_like_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zip:").mkdir()
    write_painted(tmp_path / "zip:" / "a::b.avi", num_frames=4)
    assert read_video_info("zip://a::b.avi").num_frames == 4
