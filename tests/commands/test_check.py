"""A small data set with known faults, and what the check says about it."""

import csv
import pathlib

import av
import pytest
from painted_videos import write_painted
from tiny_videos import write_tiny_ucf101

from keras_ctsep.commands import check
from keras_ctsep.data import VideoError, check_video


def read_report(folder):
    with open(folder / "report.csv", newline="") as file:
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
    assert "both sides of the split: 0" in printed
    assert (tmp_path / "report" / "report.png").read_bytes().startswith(b"\x89PNG")


def test_leaks_are_listed_and_good_files_exit_0(tmp_path, capsys):
    for number in (1, 2, 3):
        write_painted(tmp_path / f"v_Run_g01_c0{number}.avi", num_frames=4)
    write_painted(tmp_path / "v_Run_g02_c01.avi", num_frames=4)
    (tmp_path / "train.csv").write_text("v_Run_g01_c01.avi,run\nv_Run_g02_c01.avi,run\n")
    (tmp_path / "test.csv").write_text("v_Run_g01_c02.avi,run\nv_Run_g01_c03.avi,run\n")
    code = check.main(data=str(tmp_path), dataset="csv", output=str(tmp_path / "report"))
    assert code == 0
    printed = capsys.readouterr().out
    assert "both sides of the split: 1" in printed and "/v_run_g01" in printed


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
