"""The drawn data set: motion tells the classes apart, and nothing else does."""

import av
import numpy as np
import pytest

from keras_ctsep.data import group_leaks, make_motion_dataset, motion, read_ucf101

SMALL = {"num_groups": 2, "clips_per_group": 1}
SIZE = {"num_frames": 20, "height": 48, "width": 48, "seed": 0}
# How often each class turns back, and where to it starts: to larger coordinates or to smaller.
MOTIONS = {
    "MoveRight": ("column", 1, 0),
    "MoveLeft": ("column", -1, 0),
    "SwaySlowly": ("column", 1, 1),
    "SwayQuickly": ("column", 1, 3),
    "MoveDown": ("row", 1, 0),
    "MoveUp": ("row", -1, 0),
    "BounceSlowly": ("row", 1, 1),
    "BounceQuickly": ("row", 1, 3),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_motion_dataset(tmp_path_factory.mktemp("data") / "motion", **SMALL)


def decode(path):
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def group_paths(group, num_clips):
    return {
        (axis, clip): motion.draw_path(axis, group, clip, **SIZE)[0]
        for axis in ("column", "row")
        for clip in range(1, num_clips + 1)
    }


def background_of(paths):
    # The shape covers a third of a picture, at another place in each path.
    return np.median(np.concatenate(list(paths.values())), axis=0)


def places(frames, background, axis):
    """Where the shape is in each frame, 0..1: a mean on the circle, because it may wrap around."""
    change = np.abs(frames.astype(float) - background).sum(axis=-1)
    change = change.sum(axis={"column": 1, "row": 2}[axis])
    angles = 2 * np.pi * np.arange(change.shape[1]) / change.shape[1]
    return np.angle(change @ np.exp(1j * angles)) / (2 * np.pi) % 1


def largest_gap(first, second):
    """Largest distance between two cumulative distributions (Kolmogorov and Smirnov)."""
    values = np.sort(np.concatenate([first, second]))
    shares = [np.searchsorted(np.sort(x), values, "right") / len(x) for x in (first, second)]
    return np.abs(shares[0] - shares[1]).max()


@pytest.mark.parametrize(
    "passes, order",
    [
        (1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (-1, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (2, [0, 2, 4, 6, 8, 9, 7, 5, 3, 1]),
        (4, [0, 4, 8, 9, 5, 1, 2, 6, 7, 3]),
    ],
)
def test_visiting_order(passes, order):
    assert motion.visiting_order(10, passes).tolist() == order


def test_motion_can_be_seen_in_the_files(folder):
    paths = group_paths(1, 1)
    background = background_of(group_paths(1, 6))
    assert set(MOTIONS) == set(motion.CLASSES)
    for class_name, (axis, sign, num_turns) in MOTIONS.items():
        frames = decode(folder / class_name / f"v_{class_name}_g01_c01.avi")
        track = places(frames, background, axis)
        steps = (np.diff(track) + 0.5) % 1 - 0.5
        # At a turn of an interleaved path the step may be as short as one picture.
        signs = np.sign(steps[np.abs(steps) > 0.015])
        assert signs[0] == sign, class_name
        assert np.count_nonzero(np.diff(signs)) == num_turns, class_name
        other = places(frames, background, {"column": "row", "row": "column"}[axis])
        assert np.abs((other - other[0] + 0.5) % 1 - 0.5).max() < 0.05, class_name
        # The compression keeps each picture nearer to itself than to its neighbours.
        path = paths[axis, 1].astype(float)
        distances = [np.abs(path - frame).mean((1, 2, 3)) for frame in frames]
        shown = np.argmin(distances, axis=1)
        assert sorted(shown) == list(range(20)), class_name
        assert np.min(distances, axis=1).max() < 10


def test_single_frames_tell_nothing():
    tracks = {"column": [], "row": []}
    for group in range(1, 26):
        paths = group_paths(group, 3)
        background = background_of(paths)
        for (axis, _), frames in paths.items():
            tracks[axis].append(places(frames, background, axis))
    for axis, places_of_axis in tracks.items():
        forwards = np.array(places_of_axis)
        from_start = (forwards - forwards[:, :1]) % 1
        orders = [motion.visiting_order(20, p) for a, p in motion.CLASSES.values() if a == axis]
        for order in orders[1:]:
            for moment in (0, 10, 19):
                # Chance keeps two samples of 75 within 0.27 in 99 of 100 draws.
                gap = largest_gap(forwards[:, moment], forwards[:, order[moment]])
                assert gap < 0.27, (axis, moment)
        # The same measure does find classes that all start at one place.
        assert largest_gap(from_start[:, 0], from_start[:, 19]) > 0.9
        # Equal chances everywhere.
        assert largest_gap(forwards[:, 0], np.arange(100) / 100) < 0.2


def test_looks_belong_to_groups_not_to_classes(folder):
    means = {
        name: [decode(folder / name / f"v_{name}_g{g:02d}_c01.avi").mean((0, 1, 2)) for g in (1, 2)]
        for name in motion.CLASSES
    }
    within = [np.ptp([means[name][g] for name in means], axis=0).max() for g in (0, 1)]
    between = np.abs(means["MoveUp"][0] - means["MoveUp"][1]).max()
    assert max(within) < 0.2 * between


def test_files_are_mpeg4_with_b_frames(folder):
    with av.open(str(folder / "MoveUp" / "v_MoveUp_g02_c01.avi")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.codec_tag) == ("mpeg4", "XVID")
        assert (stream.width, stream.height, stream.average_rate, stream.frames) == (48, 48, 25, 20)
        kinds = [frame.pict_type for frame in container.decode(stream)]
    assert len(kinds) == 20 and kinds.count(av.video.frame.PictureType.B) > 5


def test_split_of_25_groups(tmp_path):
    folder = make_motion_dataset(
        tmp_path / "motion", clips_per_group=1, num_frames=4, height=16, width=16
    )
    train, test = (read_ucf101(folder, 1, subset) for subset in ("train", "test"))
    # As many groups as in split 1 of UCF101: 7 to test, 18 to train.
    assert np.bincount(train.labels).tolist() == [18] * 8
    assert np.bincount(test.labels).tolist() == [7] * 8
    assert group_leaks(train, test) == []
    assert len(list(folder.glob("*/*.avi"))) == 200


def test_equal_arguments_give_equal_files(folder, tmp_path):
    again = make_motion_dataset(tmp_path / "again", **SMALL)
    other = make_motion_dataset(tmp_path / "other", **SMALL, seed=1)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(files) == 16 + 4
    for file in files:
        assert (folder / file).read_bytes() == (again / file).read_bytes()
        if file.suffix == ".avi":
            assert (folder / file).read_bytes() != (other / file).read_bytes()


def test_written_once_and_reused(folder, monkeypatch):
    monkeypatch.setattr(motion, "_write_video", None)
    assert make_motion_dataset(folder, **SMALL) == folder
    with pytest.raises(ValueError, match="num_groups"):
        make_motion_dataset(folder, num_groups=3)


def test_interrupted_leaves_nothing(tmp_path, monkeypatch):
    write, written = motion._write_video, []

    def interrupted(path, frames):
        if len(written) == 5:
            raise KeyboardInterrupt
        written.append(path)
        write(path, frames)

    with monkeypatch.context() as patch:
        patch.setattr(motion, "_write_video", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make_motion_dataset(tmp_path / "motion", **SMALL)
    assert len(written) == 5 and list(tmp_path.iterdir()) == []
    (tmp_path / "motion").mkdir()  # an empty folder is no hindrance
    make_motion_dataset(tmp_path / "motion", **SMALL)
    assert len(list(tmp_path.glob("*/*/*.avi"))) == 16


def test_refuses(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match="Received: a folder with other files"):
        make_motion_dataset(tmp_path)
    for wrong in ({"num_groups": 1}, {"num_frames": 3}, {"width": 31}, {"height": 8}):
        with pytest.raises(ValueError, match="Received: "):
            make_motion_dataset(tmp_path / "motion", **wrong)
