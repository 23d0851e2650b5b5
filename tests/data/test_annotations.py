"""Annotations: every list is written here by hand, and what must come out is written beside it."""

import json
import pathlib

import numpy as np
import pytest

from keras_ctsep.data import (
    Annotations,
    check_split,
    group_leaks,
    group_of,
    hold_out,
    read_csv,
    read_folder,
    read_hmdb51,
    read_kinetics,
    read_sides,
    read_ssv2,
    read_ucf101,
    read_videos,
)


def make_files(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def write(root, name, *lines, newline="\n"):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes("".join(line + newline for line in lines).encode())


def names_of(annotations, root):
    return [pathlib.Path(path).relative_to(root).as_posix() for path in annotations.paths]


@pytest.fixture
def ucf(tmp_path):
    """Two classes; the folder and the lists spell the second one in two ways, as UCF101 does."""
    make_files(
        tmp_path,
        "UCF-101/Biking/v_Biking_g01_c01.avi",
        "UCF-101/Biking/v_Biking_g08_c01.avi",
        "UCF-101/HandstandPushups/v_HandStandPushups_g01_c01.avi",
        "UCF-101/HandstandPushups/v_HandStandPushups_g08_c02.avi",
    )
    lists = tmp_path / "ucfTrainTestlist"
    write(lists, "classInd.txt", "1 Biking", "2 HandstandPushups", newline="\r\n")
    write(
        lists,
        "trainlist01.txt",
        "Biking/v_Biking_g08_c01.avi 1",
        "HandStandPushups/v_HandstandPushups_g08_c02.avi 2",
        newline="\r\n",
    )
    write(
        lists,
        "testlist01.txt",
        "HandstandPushups/v_HandStandPushups_g01_c01.avi",
        "Biking/v_Biking_g01_c01.avi",
        newline="\r\n",
    )
    return tmp_path


def test_ucf101_train_and_test(ucf):
    train = read_ucf101(ucf / "UCF-101", split=1, subset="train")
    assert train.class_names == ("Biking", "HandstandPushups")
    assert names_of(train, ucf / "UCF-101") == [
        "Biking/v_Biking_g08_c01.avi",
        "HandstandPushups/v_HandStandPushups_g08_c02.avi",
    ]
    np.testing.assert_array_equal(train.labels, [0, 1])
    test = read_ucf101(ucf / "UCF-101", split=1, subset="test")
    np.testing.assert_array_equal(test.labels, [1, 0])
    assert all(pathlib.Path(path).exists() for path in train.paths + test.paths)


def test_ucf101_lists_inside_or_named_and_test_lists_with_labels(ucf):
    data = ucf / "UCF-101"
    (ucf / "ucfTrainTestlist").rename(data / "ucfTrainTestList")
    write(data / "ucfTrainTestList", "testlist01.txt", "Biking/v_Biking_g01_c01.avi 1")
    assert names_of(read_ucf101(data, subset="test"), data) == ["Biking/v_Biking_g01_c01.avi"]
    (data / "ucfTrainTestList").rename(ucf / "elsewhere")
    with pytest.raises(ValueError, match="folder of lists"):
        read_ucf101(data)
    assert len(read_ucf101(data, annotations=ucf / "elsewhere")) == 2


@pytest.mark.parametrize(
    "file, line, message",
    [
        ("classInd.txt", "3 Diving", "no folder for Diving"),
        ("classInd.txt", "4 Biking", r"classInd.txt: Expected lines `1 Name`"),
        ("trainlist01.txt", "Diving/v_Diving_g08_c01.avi 3", "trainlist01.txt:3: Expected a class"),
        ("trainlist01.txt", "Biking/v_Biking_g09_c01.avi 2", "trainlist01.txt:3: Expected label 1"),
        ("trainlist01.txt", "Biking/v_Biking_g01_c02.avi 1", "1 groups on both.*v_biking_g01"),
    ],
)
def test_ucf101_refuses(ucf, file, line, message):
    with open(ucf / "ucfTrainTestlist" / file, "a") as lists:
        lists.write(line + "\n")
    with pytest.raises(ValueError, match=message):
        read_ucf101(ucf / "UCF-101")


def test_ucf101_missing_split_subset_and_files(ucf):
    data = ucf / "UCF-101"
    with pytest.raises(ValueError, match="trainlist02.txt, not a file"):
        read_ucf101(data, split=2)
    with pytest.raises(ValueError, match="Received: subset='val'"):
        read_ucf101(data, subset="val")
    (data / "Biking" / "v_Biking_g08_c01.avi").unlink()
    assert len(read_ucf101(data)) == 2  # the loader names a file that is missing
    (data / "HandstandPushups" / "v_HandStandPushups_g08_c02.avi").unlink()
    with pytest.raises(ValueError, match="none of 2 exists"):
        read_ucf101(data)
    write(ucf / "ucfTrainTestlist", "trainlist01.txt")
    with pytest.raises(ValueError, match="no line with a video"):
        read_ucf101(data)


def test_real_lists(test_data):
    for split in (1, 2, 3):
        train = read_ucf101(test_data / "fight2", split, "train")
        test = read_ucf101(test_data / "fight2", split, "test")
        assert (len(train), len(test)) == (216, 84)
        assert set(train.paths).isdisjoint(test.paths)
        assert all(pathlib.Path(path).is_file() for path in train.paths + test.paths)
        assert group_leaks(train, test) == []


def test_hmdb51(tmp_path):
    odd = "A_#1_'x'_(y)_[z]_&!_wave_f_cm_np1_fr_med_0.avi"
    make_files(tmp_path, f"hmdb51/wave/{odd}", "hmdb51/wave/b.avi", "hmdb51/brush_hair/c.avi")
    lists = tmp_path / "testTrainMulti_7030_splits"
    write(lists, "wave_test_split1.txt", f"{odd} 1 ", "b.avi 2 ", "unused.avi 0 ")
    write(lists, "brush_hair_test_split1.txt", "c.avi 1 ", "gone.avi 2 ")
    write(lists, "wave_test_split2.txt", "b.avi 1")
    data = tmp_path / "hmdb51"
    train = read_hmdb51(data, split=1, subset="train")
    assert train.class_names == ("brush_hair", "wave")
    assert names_of(train, data) == ["brush_hair/c.avi", f"wave/{odd}"]
    np.testing.assert_array_equal(train.labels, [0, 1])
    test = read_hmdb51(data, split=1, subset="test")
    assert names_of(test, data) == ["brush_hair/gone.avi", "wave/b.avi"]
    assert read_hmdb51(data, split=2).class_names == ("wave",)
    write(lists, "wave_test_split1.txt", "b.avi 3")
    with pytest.raises(ValueError, match="wave_test_split1.txt:1: Expected a name and 0, 1 or 2"):
        read_hmdb51(data, split=1)


def test_kinetics(tmp_path):
    make_files(
        tmp_path,
        "arm wrestling/-abcdefghij_000007_000017.mp4",
        "yoga/Zz_00000000_000120_000130.mp4",
        "yoga/zz_00000000_000120_000130.mp4",
    )
    write(
        tmp_path,
        "train.csv",
        "label,youtube_id,time_start,time_end,split,is_cc",
        "yoga,Zz_00000000,120,130,train,0",
        '"arm wrestling",-abcdefghij,7,17,train,1',
        "arm wrestling,gone0000000,0,10,train,0",
        "zumba,elsewhere00,0,10,val,0",
        newline="\r\n",
    )
    with pytest.warns(UserWarning, match="train.csv: 1 of 3 videos are missing"):
        train = read_kinetics(tmp_path, "train", tmp_path / "train.csv")
    assert train.class_names == ("arm wrestling", "yoga", "zumba")
    assert names_of(train, tmp_path) == [
        "yoga/Zz_00000000_000120_000130.mp4",
        "arm wrestling/-abcdefghij_000007_000017.mp4",
    ]
    np.testing.assert_array_equal(train.labels, [1, 0])
    with pytest.raises(ValueError, match="'val' in .*none of 1 exists"):
        read_kinetics(tmp_path, "val", tmp_path / "train.csv")


def test_kinetics_in_folders_of_subsets_without_optional_columns(tmp_path):
    make_files(tmp_path, "val/yoga/abcdefghijk_000000_000010.mp4")
    write(
        tmp_path / "annotations",
        "val.csv",
        "label,youtube_id,time_start,time_end",
        "yoga,abcdefghijk,0,10",
    )
    val = read_kinetics(tmp_path, "val", class_names=["arm wrestling", "yoga"])
    assert names_of(val, tmp_path) == ["val/yoga/abcdefghijk_000000_000010.mp4"]
    np.testing.assert_array_equal(val.labels, [1])
    write(tmp_path / "annotations", "val.csv", "label,id", "yoga,abcdefghijk")
    with pytest.raises(ValueError, match="Received: label,id"):
        read_kinetics(tmp_path, "val")


def test_ssv2(tmp_path):
    make_files(tmp_path, "videos/78687.webm", "videos/42326.webm")
    classes = {"Holding something": "10", "Turning something upside down": "2"}
    write(tmp_path / "labels", "labels.json", json.dumps(classes))
    entries = [
        {"id": "78687", "label": "holding potato", "template": "Holding [something]"},
        {"id": "42326", "label": "", "template": "Turning [something] upside down"},
    ]
    write(tmp_path / "labels", "train.json", json.dumps(entries))
    train = read_ssv2(tmp_path / "videos")
    assert train.class_names == ("Turning something upside down", "Holding something")
    assert names_of(train, tmp_path / "videos") == ["78687.webm", "42326.webm"]
    np.testing.assert_array_equal(train.labels, [1, 0])
    with pytest.raises(ValueError, match="ends in validation.json"):
        read_ssv2(tmp_path / "videos", "val")
    entries[0]["template"] = "Eating [something]"
    write(tmp_path / "labels", "something-something-v2-validation.json", json.dumps(entries))
    with pytest.raises(ValueError, match="Received: 'Eating something'"):
        read_ssv2(tmp_path / "videos", "val")
    write(tmp_path / "labels", "train.json", "[{")
    with pytest.raises(ValueError, match="train.json: Expected a json list"):
        read_ssv2(tmp_path / "videos")


def test_folder_keeps_groups_apart(tmp_path):
    make_files(
        tmp_path,
        *(f"Run/v_Run_g{g:02d}_c{c:02d}.avi" for g in range(1, 9) for c in range(1, 4)),
        *(f"Sit/v_Sit_g{g:02d}_c{c:02d}.avi" for g in range(1, 9) for c in range(1, 4)),
        "Sit/notes.txt",
        "Sit/.hidden.avi",
        "lists/classes.txt",
    )
    train, test = (read_folder(tmp_path, subset, 0.25, seed=3) for subset in ("train", "test"))
    assert train.class_names == test.class_names == ("Run", "Sit")
    np.testing.assert_array_equal(np.bincount(train.labels), [18, 18])
    np.testing.assert_array_equal(np.bincount(test.labels), [6, 6])
    assert group_leaks(train, test) == []
    assert sorted(train.paths + test.paths) == sorted(read_folder(tmp_path, "all").paths)
    assert read_folder(tmp_path, "test", 0.25, seed=3).paths == test.paths
    assert read_folder(tmp_path, "test", 0.25, seed=4).paths != test.paths


def test_folder_without_groups_is_split_by_file(tmp_path):
    make_files(tmp_path, *(f"run/{n}.MP4" for n in range(10)))
    # Some files with groups beside files without: the others are groups of one.
    make_files(tmp_path, *(f"sit/{n}.mkv" for n in range(6)), "sit/a_g1_c1.avi", "sit/a_g1_c2.avi")
    train, test = (read_folder(tmp_path, subset, 0.3) for subset in ("train", "test"))
    assert np.bincount(test.labels)[0] == 3
    assert set(train.paths).isdisjoint(test.paths) and group_leaks(train, test) == []
    assert len(train) + len(test) == 18
    one_side = [[f"a_g1_c{c}.avi" in " ".join(s.paths) for c in (1, 2)] for s in (train, test)]
    assert sorted(one_side) == [[False, False], [True, True]]


def test_folder_refuses(tmp_path):
    with pytest.raises(ValueError, match="not a folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no video in"):
        read_folder(tmp_path)
    make_files(tmp_path, "Run/v_Run_g01_c01.avi", "Run/v_Run_g01_c02.avi")
    with pytest.raises(ValueError, match="Received: 2 videos of one source"):
        read_folder(tmp_path)
    assert len(read_folder(tmp_path, "all")) == 2
    with pytest.raises(ValueError, match="test_fraction=1.0"):
        read_folder(tmp_path, test_fraction=1.0)


def test_csv(tmp_path):
    make_files(tmp_path, "clips/a, b.avi", "c.mp4")
    lines = ["path,label", '"clips/a, b.avi",run', "c.mp4,jump", "", "/x.avi,run"]
    write(tmp_path, "train.csv", *lines)
    train = read_csv(tmp_path / "train.csv")
    assert train.class_names == ("jump", "run")
    assert train.paths == (str(tmp_path / "clips/a, b.avi"), str(tmp_path / "c.mp4"), "/x.avi")
    np.testing.assert_array_equal(train.labels, [1, 0, 1])
    write(tmp_path, "test.csv", "s3://bucket/c.mp4,run")
    test = read_csv(tmp_path / "test.csv", class_names=train.class_names)
    assert test.paths == ("s3://bucket/c.mp4",) and test.labels.tolist() == [1]
    write(tmp_path, "numbers.csv", "c.mp4,10", "c.mp4,9")
    assert read_csv(tmp_path / "numbers.csv").class_names == ("9", "10")


@pytest.mark.parametrize(
    "line, message",
    [
        ("c.mp4", "t.csv:1: Expected path,label. Received: c.mp4"),
        ("c.mp4,", "t.csv:1: Expected path,label"),
        ("c.mp4,hop", "Expected labels among 1 class names. Received: 'hop'"),
        ("d.mp4,run", "none of 1 exists, e.g. .*d.mp4"),
        ("", "no line with a video"),
    ],
)
def test_csv_refuses(tmp_path, line, message):
    make_files(tmp_path, "c.mp4")
    write(tmp_path, "t.csv", line)
    with pytest.raises(ValueError, match=message):
        read_csv(tmp_path / "t.csv", class_names=["run"])


def test_groups_and_leaks():
    assert group_of("x/HandstandPushups/v_HandStandPushups_g05_c03.avi") == (
        "handstandpushups/v_handstandpushups_g05"
    )
    assert group_of("run/my_gym_1.avi") == "run/my_gym_1"
    train = ["Run/v_Run_g01_c01.avi", "Run/v_Run_g02_c01.avi", "Sit/one.avi"]
    test = ["other/Run/v_Run_g02_c07.avi", "Sit/two.avi", "Sit/one.avi", "Sit/v_Run_g01_c01.avi"]
    assert group_leaks(train, test) == ["run/v_run_g02", "sit/one"]
    check_split(train[:1], test)
    with pytest.raises(ValueError, match="2 groups on both, e.g. run/v_run_g02"):
        check_split(
            Annotations(train, [0, 0, 1], ["Run", "Sit"]),
            Annotations(test, [0, 1, 1, 1], ["Run", "Sit"]),
        )


@pytest.mark.parametrize(
    "paths, labels, message",
    [
        ([], [], "no paths"),
        (["a"], [0, 1], "2 labels for 1 paths"),
        (["a"], [2], "Expected labels in 0..1"),
        (["a"], [-1], "Expected labels in 0..1"),
    ],
)
def test_annotations_refuse(paths, labels, message):
    with pytest.raises(ValueError, match=message):
        Annotations(paths, labels, ["jump", "run"])


def test_annotations_cannot_change():
    annotations = Annotations([pathlib.Path("a"), "b"], np.array([1, 0]), ["jump", "run"])
    assert annotations.paths == ("a", "b")
    with pytest.raises(ValueError, match="read-only"):
        annotations.labels[0] = 0


def test_hold_out_takes_whole_groups_of_each_class():
    names = [
        f"{c}/v_{c}_g{g:02d}_c{k}.avi"
        for c in "ab"
        for g in range(4 + 4 * (c == "b"))
        for k in range(3)
    ]
    alone = "c/v_c_g01_c1.avi"
    videos = Annotations([*names, alone], [int("/v_b" in n[1:]) for n in names] + [2], "abc")
    rest, held_out = hold_out(videos, 0.25, seed=5)
    np.testing.assert_array_equal(np.bincount(rest.labels), [9, 18, 1])
    np.testing.assert_array_equal(np.bincount(held_out.labels), [3, 6])
    assert group_leaks(rest, held_out) == []
    assert sorted(rest.paths + held_out.paths) == sorted(videos.paths)
    assert rest.class_names == held_out.class_names == ("a", "b", "c")
    assert hold_out(videos, 0.25, seed=5)[1].paths == held_out.paths
    assert len({hold_out(videos, 0.25, seed)[1].paths for seed in range(8)}) > 1
    # At least one group of a class with several, and never all.
    assert np.bincount(hold_out(videos, 0.01)[1].labels).tolist() == [3, 3]
    assert np.bincount(hold_out(videos, 0.99)[0].labels).tolist() == [3, 3, 1]


def test_hold_out_keeps_a_group_of_two_classes_whole():
    names = ["x/a_g1_c1.avi", "x/a_g1_c2.avi", "x/a_g2_c1.avi", "x/a_g3_c1.avi", "x/a_g4_c1.avi"]
    videos = Annotations(names, [0, 1, 0, 1, 1], ["run", "sit"])
    for seed in range(6):
        assert group_leaks(*hold_out(videos, 0.5, seed)) == []


def test_hold_out_refuses():
    videos = Annotations(["a/1.avi", "b/1.avi"], [0, 1], ["a", "b"])
    with pytest.raises(ValueError, match="Received: fraction=1"):
        hold_out(videos, 1)
    with pytest.raises(ValueError, match="Received: 2 videos, one source for each class"):
        hold_out(videos, 0.5)


def test_read_videos_knows_each_side_of_each_data_set(ucf):
    data = ucf / "UCF-101"
    every = read_videos("ucf101", data, "all")
    assert names_of(every, data) == [
        "Biking/v_Biking_g08_c01.avi",
        "HandstandPushups/v_HandStandPushups_g08_c02.avi",
        "HandstandPushups/v_HandStandPushups_g01_c01.avi",
        "Biking/v_Biking_g01_c01.avi",
    ]
    assert every.labels.tolist() == [0, 1, 1, 0]
    with pytest.raises(ValueError, match="Received: subset='val'"):
        read_videos("ucf101", data, "val")
    with pytest.raises(ValueError, match="Received: subset='dev'"):
        read_videos("csv", data, "dev")
    with pytest.raises(ValueError, match="Received: dataset='ucf'"):
        read_videos("ucf", data, "train")


def test_read_videos_all_of_csv_lists(tmp_path):
    make_files(tmp_path, *(f"{name}.mp4" for name in "abcd"))
    write(tmp_path, "train.csv", "a.mp4,run", "b.mp4,jump")
    write(tmp_path, "test.csv", "c.mp4,run")
    assert names_of(read_videos("csv", tmp_path, "all"), tmp_path) == ["a.mp4", "b.mp4", "c.mp4"]
    write(tmp_path, "val.csv", "d.mp4,run")
    every = read_videos("csv", tmp_path, "all")
    assert every.labels.tolist() == [1, 0, 1, 1]
    assert every.class_names == ("jump", "run")
    val = read_videos("csv", tmp_path, "val", class_names=every.class_names)
    assert names_of(val, tmp_path) == ["d.mp4"] and val.labels.tolist() == [1]


def test_read_sides_has_the_validation_side_where_it_is_another_than_the_test(tmp_path):
    for side in ("train", "valid", "test"):
        make_files(tmp_path, f"three/{side}/jump/{side}.mp4", f"three/{side}/run/{side}.mp4")
    sides = read_sides("folder", tmp_path / "three")
    assert {side: names_of(videos, tmp_path / "three") for side, videos in sides.items()} == {
        "train": ["train/jump/train.mp4", "train/run/train.mp4"],
        "test": ["test/jump/test.mp4", "test/run/test.mp4"],
        "val": ["valid/jump/valid.mp4", "valid/run/valid.mp4"],
    }
    (tmp_path / "three" / "test").rename(tmp_path / "other")
    assert list(read_sides("folder", tmp_path / "three")) == ["train", "test"]
    make_files(tmp_path, "a.mp4", "b.mp4", "c.mp4", "d.mp4")
    write(tmp_path, "train.csv", "a.mp4,run", "b.mp4,jump")
    write(tmp_path, "test.csv", "c.mp4,run")
    assert list(read_sides("csv", tmp_path)) == ["train", "test"]
    write(tmp_path, "val.csv", "d.mp4,run")
    sides = read_sides("csv", tmp_path)
    assert sides["val"].labels.tolist() == [1] and sides["val"].class_names == ("jump", "run")


def test_folders_of_sides_are_read_as_they_are(tmp_path):
    make_files(tmp_path, "train/jump/1.mp4", "train/run/1.mp4", "train/run/2.mp4")
    make_files(tmp_path, "validation/jump/3.mp4", "validation/run/3.mp4")
    train = read_folder(tmp_path, "train")
    assert names_of(train, tmp_path) == ["train/jump/1.mp4", "train/run/1.mp4", "train/run/2.mp4"]
    assert train.labels.tolist() == [0, 1, 1] and train.class_names == ("jump", "run")
    for subset in ("val", "test"):  # there is no other side to test on
        assert len(read_folder(tmp_path, subset)) == 2
    make_files(tmp_path, "test/run/4.mp4")
    with pytest.warns(UserWarning, match="no video here for jump"):
        test = read_folder(tmp_path, "test")
    assert names_of(test, tmp_path) == ["test/run/4.mp4"] and test.labels.tolist() == [1]
    assert len(read_folder(tmp_path, "all")) == 6


def test_folder_counts_what_it_leaves_out(tmp_path):
    make_files(tmp_path, "jump/1.MTS", "jump/2.3gp", "jump/notes.txt", "jump/old/3.mp4")
    make_files(tmp_path, "run/1.mp4", "run/2.m2ts", "empty/readme.md", "4.mp4")
    with pytest.warns(UserWarning) as warned:
        videos = read_folder(tmp_path, "all")
    assert names_of(videos, tmp_path) == ["jump/1.MTS", "jump/2.3gp", "run/1.mp4", "run/2.m2ts"]
    (text,) = [str(warning.message) for warning in warned]
    for told in ("1 *.txt", "1 *.md", "1 videos in jump/old", "1 videos outside", "videos: empty"):
        assert told in text


def test_folder_for_the_classes_of_a_model(tmp_path):
    make_files(tmp_path, "run/1.mp4", "10/1.mp4")
    videos = read_folder(tmp_path, "all", class_names=["2", "10", "run"])
    assert videos.labels.tolist() == [1, 2] and videos.class_names == ("2", "10", "run")
    with pytest.raises(ValueError, match="among 1 class names. Received: 'run'"):
        read_folder(tmp_path, "all", class_names=["10"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_csv_in_any_usual_encoding(tmp_path, encoding):
    make_files(tmp_path, "sauté/1.mp4", "run/2.mp4")
    lines = "class;filename\nsauté;sauté\\1.mp4\nrun;run\\2.mp4\n"
    (tmp_path / "train.csv").write_bytes(lines.encode(encoding))
    videos = read_csv(tmp_path / "train.csv")
    assert names_of(videos, tmp_path) == ["sauté/1.mp4", "run/2.mp4"]
    assert [videos.class_names[label] for label in videos.labels] == ["sauté", "run"]


@pytest.mark.parametrize(
    ("heading", "label_first"),
    [
        ("clip name,what", False),
        ("what,clip name", True),
        ("path,label", False),
        ("label,path", True),
        ("", False),
        ("", True),
    ],
)
def test_csv_with_any_heading_and_order(tmp_path, heading, label_first):
    make_files(tmp_path, "a.mp4", "b.mp4")
    rows = [("a.mp4", "run"), ("b.mp4", "jump"), ("a.mp4", "run")]
    lines = [",".join(reversed(row) if label_first else row) for row in rows]
    write(tmp_path, "train.csv", *([heading] if heading else []), *lines)
    videos = read_csv(tmp_path / "train.csv")
    assert videos.class_names == ("jump", "run") and videos.labels.tolist() == [1, 0, 1]


def test_csv_that_is_no_text_is_named(tmp_path):
    (tmp_path / "train.csv").write_bytes(b"\x00\x01\x02")
    with pytest.raises(ValueError, match=r"train.csv: Expected text in UTF-8.*Received: 3 bytes"):
        read_csv(tmp_path / "train.csv")


def test_numbers_sort_by_value_everywhere(tmp_path):
    for number in (1, 2, 10):
        make_files(tmp_path, f"{number}/a.mp4")
    assert read_folder(tmp_path, "all").class_names == ("1", "2", "10")


def test_csv_with_a_video_on_both_sides_is_refused(tmp_path):
    make_files(tmp_path, "a.mp4", "b.mp4", "v_run_g01_c01.avi", "v_run_g01_c02.avi")
    write(tmp_path, "train.csv", "a.mp4,run", "b.mp4,jump")
    write(tmp_path, "test.csv", "./a.mp4,run")
    with pytest.raises(ValueError, match=r"train.csv and test.csv.*Received: 1 in both, e.g. .*a"):
        read_videos("csv", tmp_path, "train")
    write(tmp_path, "train.csv", "v_run_g01_c01.avi,run", "b.mp4,jump")
    write(tmp_path, "test.csv", "v_run_g01_c02.avi,run")
    with pytest.warns(UserWarning, match="clips of one source video: 1 groups"):
        read_videos("csv", tmp_path, "train")


def test_one_class_alone_is_told(tmp_path):
    make_files(tmp_path, "run/1.mp4", "run/2.mp4")
    with pytest.warns(UserWarning, match="one class alone, 'run'"):
        read_videos("folder", tmp_path, "all")


def test_names_with_line_breaks_are_refused():
    with pytest.raises(ValueError, match=r"without line breaks. Received: 'a\\nb'"):
        Annotations(["x.mp4"], [0], ["a\nb"])


def test_lists_are_split_at_line_ends_only(ucf):
    name = "v_Biking_g08_c01\u2028.avi"
    make_files(ucf, f"UCF-101/Biking/{name}")
    write(ucf / "ucfTrainTestlist", "trainlist01.txt", f"Biking/{name} 1")
    assert pathlib.Path(read_ucf101(ucf / "UCF-101", 1, "train").paths[0]).name == name


def test_kinetics_with_other_names(tmp_path):
    """Blanks as `_`, another ending, no times, all in one folder; the missing one is named."""
    columns = "label,youtube_id,time_start,time_end,split"
    rows = ["arm wrestling,abc,1,11,train", "zumba,def,2,12,train", "zumba,ghi,3,13,train"]
    write(tmp_path / "annotations", "train.csv", columns, *rows, "zumba,jkl,4,14,train")
    make_files(tmp_path, "arm_wrestling/abc_000001_000011.webm", "zumba/def.mp4")
    make_files(tmp_path, "ghi_000003_000013.mp4")
    with pytest.warns(UserWarning, match=r"1 of 4 videos are missing .*zumba/jkl"):
        videos = read_kinetics(tmp_path, "train")
    assert names_of(videos, tmp_path) == [
        *("arm_wrestling/abc_000001_000011.webm", "zumba/def.mp4", "ghi_000003_000013.mp4")
    ]
    assert videos.labels.tolist() == [0, 1, 1]


def test_a_folder_is_split_alike_by_both_functions(tmp_path):
    make_files(
        tmp_path, *(f"{name}/{number}.mp4" for name in ("run", "jump") for number in range(9))
    )
    for subset in ("train", "test"):
        alike = read_folder(tmp_path, subset), read_videos("folder", tmp_path, subset)
        assert alike[0].paths == alike[1].paths
