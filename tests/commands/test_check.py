"""A small data set with known faults, and what the check says about it."""

import csv
import pathlib
import shutil
import sys

import av
import pytest
from painted_videos import write_painted
from tiny_videos import write_tiny_ucf101, write_video

from keras_ctsep.commands import check
from keras_ctsep.data import VideoError, check_video


def read_report(folder):
    with open(folder / "report.csv", newline="", errors="surrogateescape") as file:
        return {pathlib.Path(row["path"]).name: row for row in csv.DictReader(file)}


def write_cut(path, num_frames):
    """Writes a video whose file ends in the middle. Large frames: the header fills 10 kB."""
    write_painted(path, num_frames, height=240, width=320)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_faults_are_listed(tmp_path, capsys):
    folder = write_tiny_ucf101(tmp_path / "data")
    (folder / "Red" / "v_Red_g01_c01.avi").write_text("no video")
    (folder / "Red" / "v_Red_g03_c01.avi").unlink()
    write_cut(folder / "Blue" / "v_Blue_g04_c01.avi", num_frames=40)
    code = check.main(data=str(folder), output=str(tmp_path / "report"))
    assert code == 1
    rows = read_report(tmp_path / "report")
    assert len(rows) == 18
    states = {name: row["state"] for name, row in rows.items() if row["state"] != "good"}
    assert states == {
        "v_Red_g01_c01.avi": "bad",
        "v_Red_g03_c01.avi": "bad",
        "v_Blue_g04_c01.avi": "short",
    }
    assert rows["v_Red_g03_c01.avi"]["problem"] == "No such file or directory"
    cut = rows["v_Blue_g04_c01.avi"]
    assert cut["num_frames"] == "40" and 10 < int(cut["num_decoded"]) < 30
    good = rows["v_Green_g06_c01.avi"]
    assert (good["num_frames"], good["num_decoded"], good["num_damaged"]) == ("6", "6", "0")
    assert (good["height"], good["width"], float(good["fps"])) == ("24", "32", 25)
    assert (good["subset"], good["class"]) == ("train", "Green")
    printed = capsys.readouterr().out
    assert "bad: 2 of 18 videos" in printed and "short: 1 of 18 videos" in printed
    assert "train: 12 videos of 3 classes, from 4 (" in printed
    assert "source videos on both sides of the split: 0" in printed
    if "matplotlib" in sys.modules:
        assert (tmp_path / "report" / "report.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def sides(tmp_path):
    """Different videos of two classes in three folders."""
    number = 0
    for side in ("train", "val", "test"):
        for class_name in ("jump", "run"):
            for name in ("a", "b"):
                number += 1
                path = tmp_path / "data" / side / class_name / f"{side}-{name}.avi"
                write_video(path, (10 * number, 100, 250 - 10 * number))
    return tmp_path / "data"


def check_folder(folder, capsys):
    """Returns the exit code and the lines about leaks and copies."""
    code = check.main(data=str(folder), dataset="folder", output=str(folder.parent / "report"))
    lines = capsys.readouterr().out.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("source videos on both"))
    return code, lines[start:-1]


def test_every_side_is_read_and_good_files_exit_0(sides, capsys):
    code, lines = check_folder(sides, capsys)
    assert code == 0
    assert [line.rpartition(" ")[2] for line in lines] == ["0", "0", "0"]
    rows = read_report(sides.parent / "report")
    assert len((sides.parent / "report" / "report.csv").read_text().splitlines()) == 1 + 12
    assert rows["val-b.avi"]["subset"] == "val" and rows["val-b.avi"]["class"] in ("jump", "run")


def test_source_videos_on_two_sides_exit_1(sides, capsys):
    (sides / "val" / "jump" / "val-a.avi").rename(sides / "val" / "jump" / "v_jump_g01_c01.avi")
    (sides / "test" / "jump" / "test-a.avi").rename(sides / "test" / "jump" / "v_jump_g01_c02.avi")
    code, lines = check_folder(sides, capsys)
    assert code == 1
    assert lines[:2] == ["source videos on both sides of the split: 1", "  jump/v_jump_g01"]


def test_copies_under_other_names_are_found(sides, capsys):
    shutil.copy(sides / "train" / "run" / "train-a.avi", sides / "train" / "run" / "again.avi")
    code, lines = check_folder(sides, capsys)
    assert code == 0 and lines[:2] == [
        "source videos on both sides of the split: 0",
        "copies on both sides of the split: 0",
    ]
    folder = sides / "train" / "run"
    assert lines[2:] == [
        "copies on one side: 1",
        f"  {folder / 'again.avi'} = {folder / 'train-a.avi'}",
    ]
    shutil.copy(sides / "train" / "jump" / "train-b.avi", sides / "val" / "jump" / "new.avi")
    code, lines = check_folder(sides, capsys)
    assert code == 1 and lines[1:3] == [
        "copies on both sides of the split: 1",
        f"  {sides / 'train' / 'jump' / 'train-b.avi'} = {sides / 'val' / 'jump' / 'new.avi'}",
    ]


def test_empty_files_are_bad_and_no_copies(sides, capsys):
    for side in ("train", "test"):
        (sides / side / "jump" / "download.avi").touch()
    code, lines = check_folder(sides, capsys)
    assert code == 1
    assert "copies on both sides of the split: 0" in lines


def test_the_report_does_not_need_matplotlib_nor_utf_8(sides, capsys, monkeypatch):
    path = sides / "train" / "run" / "\udcff.avi"
    (sides / "train" / "run" / "train-a.avi").rename(path)
    path.write_text("no video")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with open(sides.parent / "out.txt", "w", errors="backslashreplace") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        output = str(sides.parent / "report")
        assert check.main(data=str(sides), dataset="folder", output=output) == 1
    assert "No report.png: " in capsys.readouterr().err
    assert [file.name for file in (sides.parent / "report").iterdir()] == ["report.csv"]
    assert "\udcff.avi" in read_report(sides.parent / "report")
    assert r"\udcff.avi: " in (sides.parent / "out.txt").read_text()


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        check.main(data=str(tmp_path / "none"), output=str(tmp_path / "file" / "report"))


def test_check_video_counts_what_is_decoded(tmp_path):
    path = tmp_path / "a.avi"
    write_painted(path, num_frames=30)
    assert check_video(path) == (30, 30, 0, 25.0, 48, 64)
    assert not check_video(path).is_short
    write_cut(path, num_frames=30)
    with av.open(str(path)) as container:
        expected = sum(1 for _ in container.decode(video=0))
    check = check_video(path)
    assert check.num_decoded == expected and check.num_frames == 30 and check.is_short
    path.write_bytes(b"")
    with pytest.raises(VideoError, match="a.avi: "):
        check_video(path)


def test_real_files(test_data):
    """Headers of HMDB51 count one frame too many, those of UCF101 and Kinetics are right."""
    clips = test_data / "real_clips"
    checks = {file.name: check_video(file) for file in clips.iterdir() if file.suffix != ".md"}
    assert len(checks) == 8 and not any(found.is_short for found in checks.values())
    for name, found in checks.items():
        one_too_many = "_f_" in name
        assert found.num_frames - found.num_decoded == one_too_many, name
        assert found.num_damaged == 0 or one_too_many, name
