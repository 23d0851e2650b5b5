import zipfile

import pytest
from painted_videos import read_numbers, write_painted
from web_server import serve

from keras_ctsep.data import (
    Annotations,
    ClipCache,
    ClipFormat,
    VideoDataset,
    VideoError,
    decode_frames,
    read_video_info,
)

pytest.importorskip("aiohttp")


@pytest.fixture
def address(tmp_path):
    """The address of a web server with two videos and a text."""
    folder = tmp_path / "server"
    folder.mkdir()
    for name, codec in {"a.avi": "mpeg4", "b.mp4": "libx264"}.items():
        write_painted(folder / name, codec=codec)
    (folder / "text.avi").write_text("This is no video.\n" * 100)
    with serve(folder) as address:
        yield address


@pytest.mark.parametrize("name", ["a.avi", "b.mp4"])
def test_frames_of_a_web_server_are_exact(address, name):
    assert read_video_info(f"{address}/{name}") == (40, 25.0, 48, 64)
    assert read_numbers(decode_frames(f"{address}/{name}", [39, 2])).tolist() == [39, 2]


def test_missing_on_a_web_server(address):
    with pytest.raises(VideoError, match="/missing.avi: No such file or directory$"):
        read_video_info(f"{address}/missing.avi")


def test_dataset_on_a_web_server(address, tmp_path):
    paths = [f"{address}/{name}" for name in ("a.avi", "b.mp4", "text.avi", "missing.avi")]
    cache = ClipCache(tmp_path / "cache")
    for _ in range(2):
        for path in paths[:2]:
            assert read_numbers(cache.decode_frames(path, [39, 2])).tolist() == [39, 2]
    annotations = Annotations(paths, range(4), "abcd")
    dataset = VideoDataset(annotations, 4, ClipFormat(num_frames=4, short_side=24, crop_size=24))
    with pytest.warns(UserWarning, match=address):
        assert dataset[0][2].tolist() == [1, 1, 0, 0]
    assert list(dataset.bad_files) == paths[2:]


def test_videos_in_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "videos.zip", "w") as archive:
        archive.write(write_painted(tmp_path / "a.avi"), "jump/a.avi")
    path = f"zip://jump/a.avi::{tmp_path / 'videos.zip'}"
    assert read_numbers(decode_frames(path, [39, 2])).tolist() == [39, 2]
