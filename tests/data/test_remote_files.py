import functools
import http.server
import threading
import zipfile

import pytest
from painted_videos import read_numbers, write_painted

from keras_ctsep.data import (
    Annotations,
    ClipCache,
    VideoDataset,
    VideoError,
    decode_frames,
    read_video_info,
)

pytest.importorskip("s3fs")
moto_server = pytest.importorskip("moto.server")


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """An S3 server on this machine with two videos and a text, and the address of the bucket."""
    import boto3

    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="videos")
    for name, codec in {"a.avi": "mpeg4", "b.mp4": "libx264"}.items():
        client.upload_file(write_painted(tmp_path / name, codec=codec), "videos", name)
    client.put_object(Bucket="videos", Key="text.avi", Body=b"This is no video.\n" * 100)
    yield "s3://videos"
    server.stop()


def test_videos_on_a_server(bucket, tmp_path):
    paths = [f"{bucket}/{name}" for name in ("a.avi", "b.mp4", "text.avi", "missing.avi")]
    assert read_video_info(paths[1]) == (40, 25.0, 48, 64)
    cache = ClipCache(tmp_path / "cache")
    for _ in range(2):
        for path in paths[:2]:
            assert read_numbers(cache.decode_frames(path, [39, 2])).tolist() == [39, 2]
    annotations = Annotations(paths, range(4), "abcd")
    dataset = VideoDataset(annotations, 4, num_frames=4, short_side=24, crop_size=24)
    with pytest.warns(UserWarning, match="s3://videos/"):
        assert dataset[0][2].tolist() == [1, 1, 0, 0]
    assert list(dataset.bad_files) == paths[2:]
    with pytest.raises(VideoError, match="s3://videos/missing.avi: No such file or directory$"):
        read_video_info(paths[3])


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.mark.parametrize("name, codec", [("a.avi", "mpeg4"), ("b.mp4", "libx264")])
def test_videos_of_a_web_server(tmp_path, name, codec):
    write_painted(tmp_path / name, codec=codec)
    handler = functools.partial(Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert read_numbers(decode_frames(f"{address}/{name}", [39, 2])).tolist() == [39, 2]
        with pytest.raises(VideoError, match="/missing.avi: No such file or directory$"):
            read_video_info(f"{address}/missing.avi")
        server.shutdown()


def test_videos_in_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "videos.zip", "w") as archive:
        archive.write(write_painted(tmp_path / "a.avi"), "jump/a.avi")
    path = f"zip://jump/a.avi::{tmp_path / 'videos.zip'}"
    assert read_numbers(decode_frames(path, [39, 2])).tolist() == [39, 2]
