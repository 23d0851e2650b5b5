import functools

import loader
import pytest
import run
from painted_videos import write_painted

import keras_ctsep


@pytest.fixture
def videos(tmp_path, monkeypatch):
    for name, size in {"NUM_FRAMES": 4, "SHORT_SIDE": 32, "CROP_SIZE": 32}.items():
        monkeypatch.setattr(loader, name, size)
    small = functools.partial(keras_ctsep.CTSepResNet10, width=0.1)
    monkeypatch.setattr(keras_ctsep, "CTSepResNet18", small)
    return [write_painted(tmp_path / f"{number}.avi", 20, 48, 64) for number in range(3)]


def test_rates_are_measured_on_all_videos(videos, tmp_path, capsys):
    assert loader.read_bare(videos, num_threads=2) == 3
    rates, times = loader.main(data=str(tmp_path), batch_size=2, seconds=0, steps=3)
    assert list(rates) == ["bare", "loader", "augmented", "first epoch", "second epoch"]
    printed = capsys.readouterr().out
    ratio = rates["loader"] / rates["bare"]
    assert f"loader / bare = {ratio:.2f}" in printed and "second epoch / first epoch" in printed
    assert len(times["wait"]) == len(times["step"]) == 3
    step = 1000 * sum(times["step"]) / 3
    assert f" ms of {step:.0f} ms a step" in printed


def test_waiting_is_the_time_until_a_batch_is_there(videos, monkeypatch):
    paths, labels = loader.repeated(videos, 5)
    assert paths == videos + videos[:2]
    annotations = loader.Annotations(paths, labels, ["video", "none"])
    dataset = loader.open_dataset(annotations, 1, 0)
    read = type(dataset).__getitem__

    def read_slowly(self, index):
        loader.time.sleep(0.3)
        return read(self, index)

    monkeypatch.setattr(type(dataset), "__getitem__", read_slowly)
    times = loader.measure_training(dataset)
    assert len(times["wait"]) == 2 and min(times["wait"]) >= 0.3
    assert all(step > wait for wait, step in zip(times["wait"], times["step"], strict=True))


def test_benchmark_measures_the_loader_when_asked(monkeypatch):
    monkeypatch.setattr(loader, "main", lambda *, data: data)
    assert run.main(loader="videos") == "videos"
