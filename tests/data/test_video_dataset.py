import concurrent.futures
import copy
import dataclasses
import hashlib
import pickle
import threading
import time
import warnings

import keras
import numpy as np
import pytest
from checks import succeeds_in_a_fork
from painted_videos import painted_frame, write_frames, write_painted

from keras_ctsep.data import (
    Annotations,
    Augmentation,
    ClipFormat,
    VideoDataset,
    VideoError,
    uniform_clips,
)
from keras_ctsep.data.batching import balanced_order, batch_items, stack_batch
from keras_ctsep.data.look_ahead import LookAhead

NUM_VIDEOS = 80
AUGMENT = Augmentation()


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """Videos of two equal frames that show the video's number, which is its class too."""
    folder = tmp_path_factory.mktemp("numbered")
    frames = [painted_frame(number, 32, 32) for number in range(NUM_VIDEOS)]
    paths = [
        write_frames(folder / f"{number}.avi", [frame] * 2, codec="mjpeg")
        for number, frame in enumerate(frames)
    ]
    return Annotations(paths, range(NUM_VIDEOS), [str(number) for number in range(NUM_VIDEOS)])


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """Seven videos of 10 to 40 frames, each frame shows its number."""
    folder = tmp_path_factory.mktemp("painted")
    lengths = range(10, 45, 5)
    paths = [write_painted(folder / f"{length}.avi", length, 48, 64) for length in lengths]
    return Annotations(paths, [0, 1, 2, 0, 1, 2, 0], ["a", "b", "c"])


def small(annotations, batch_size=4, **options):
    """Makes a data set. Options are those of `ClipFormat` and of `VideoDataset`."""
    names = {field.name for field in dataclasses.fields(ClipFormat)} & options.keys()
    clips = {"num_frames": 4, "short_side": 24, "crop_size": 24}
    clips |= {name: options.pop(name) for name in names}
    return VideoDataset(annotations, batch_size, ClipFormat(**clips), **options)


def all_batches(dataset):
    clips, labels, weights = zip(*[dataset[index] for index in range(len(dataset))], strict=True)
    return np.concatenate(clips), np.concatenate(labels), np.concatenate(weights)


def digest(dataset, epochs=2):
    result = hashlib.md5()
    for _ in range(epochs):
        for array in all_batches(dataset):
            result.update(array.tobytes())
        dataset.on_epoch_end()
    return result.hexdigest()


@pytest.mark.parametrize(
    "index, batch_size, num_items, shard, expected",
    [
        (0, 4, 10, (0, 1), [0, 1, 2, 3]),
        (2, 4, 10, (0, 1), [8, 9]),
        (0, 2, 10, (1, 2), [2, 3]),
        (2, 2, 10, (0, 2), [8, 9]),
        (2, 2, 10, (1, 2), []),
        (1, 2, 11, (2, 3), [10]),
    ],
)
def test_items_of_a_batch(index, batch_size, num_items, shard, expected):
    assert list(batch_items(index, batch_size, num_items, shard)) == expected


def test_missing_clips_are_filled_with_copies():
    clips = [None, np.full((1, 1, 1, 3), 7, np.uint8), np.full((1, 1, 1, 3), 9, np.uint8)]
    batch, labels, weights = stack_batch(clips, [0, 2, 1], 4, (1, 1, 1, 3), 3)
    assert batch[:, 0, 0, 0, 0].tolist() == [7, 7, 9, 7]
    assert labels.argmax(-1).tolist() == [2, 2, 1, 2]
    assert labels.sum(-1).tolist() == [1, 1, 1, 1]
    assert weights.tolist() == [0, 1, 1, 0]


def test_batch_without_any_clip_is_zero():
    for array in stack_batch([None], [1], 2, (1, 2, 2, 3), 3):
        assert len(array) == 2 and not array.any()


def test_items_are_the_clips_of_the_videos(painted):
    dataset = small(painted, batch_size=5, num_frames=6, frame_stride=2, num_clips=3)
    assert (dataset.num_videos, dataset.num_views, len(dataset)) == (7, 21, 5)
    clips, labels, weights = all_batches(dataset)
    assert clips.dtype == np.uint8 and labels.dtype == weights.dtype == np.float32
    assert weights.tolist() == [1] * 21 + [0] * 4
    for video, length in enumerate(range(10, 45, 5)):
        items = slice(3 * video, 3 * video + 3)
        # The crop of 24 from 24x32 frames leaves bits 1..6, so the numbers are compared with these.
        shown = small_numbers(clips[items])
        assert (shown == uniform_clips(length, 6, 2, 3) >> 1 & 63).all()
        assert (labels[items].argmax(-1) == painted.labels[video]).all()
    np.testing.assert_array_equal(clips[21:], clips[20:21].repeat(4, axis=0))


def small_numbers(clips):
    """Bits 1 to 6 of the numbers that the central 24 of 32 columns show."""
    columns = np.arange(6) * 4 + 2
    return (clips[..., 12, columns, 1] > 120) @ (1 << np.arange(6))


def test_three_crops_lie_next_to_each_other(painted):
    three = all_batches(small(painted, num_clips=2, num_crops=3))[0][: 7 * 2 * 3]
    one = all_batches(small(painted, num_clips=2))[0][: 7 * 2]
    three = three.reshape(7 * 2, 3, *three.shape[1:])
    np.testing.assert_array_equal(three[:, 1], one)
    # The outer crops of 24 from 32 columns overlap by 16 of them.
    np.testing.assert_array_equal(three[:, 0, :, :, 8:], three[:, 2, :, :, :16])


def test_rate_decides_the_distance(painted):
    # 25 frames a second at 10: frames 0, 2, 5, 7, and 10 would be one too many.
    at_ten = all_batches(small(painted, fps=10))[0]
    by_stride = all_batches(small(painted, frame_stride=2.5))[0]
    np.testing.assert_array_equal(at_ten, by_stride)


@pytest.mark.parametrize("augment", [None, AUGMENT])
def test_batches_do_not_depend_on_threads(painted, augment):
    options = {"augment": augment, "seed": 3, "shuffle_frames": augment is None, "crop_size": 20}
    digests = {digest(small(painted, num_threads=count, **options)) for count in (0, 1, 2, 4)}
    assert digests == {digest(small(painted, num_threads=2, **options))}
    assert digest(small(painted, **{**options, "seed": 4})) not in digests


def test_batches_do_not_depend_on_the_order_of_reading(painted):
    expected = small(painted, batch_size=1, augment=AUGMENT, num_threads=0)
    dataset = small(painted, batch_size=1, augment=AUGMENT)
    indices = [6, 0, 0, 3, 5, 1, 2, 4, 6, 0]
    with concurrent.futures.ThreadPoolExecutor(3) as readers:
        for index, batch in zip(indices, readers.map(dataset.__getitem__, indices), strict=True):
            np.testing.assert_array_equal(batch[0], expected[index][0])


def test_epochs_and_order(numbered):
    dataset = small(numbered, batch_size=8, num_frames=1, augment=AUGMENT)
    orders = []
    for epoch in range(3):
        assert dataset.epoch == epoch
        clips, labels, _ = all_batches(dataset)
        orders.append(labels.argmax(-1))
        assert sorted(orders[-1]) == list(range(NUM_VIDEOS))
        dataset.on_epoch_end()
    assert (orders[0] != orders[1]).any() and (orders[1] != orders[2]).any()
    resumed = small(numbered, batch_size=8, num_frames=1, augment=AUGMENT)
    resumed.epoch = 2
    np.testing.assert_array_equal(all_batches(resumed)[0], clips)
    resumed.first_batch = 3
    np.testing.assert_array_equal(all_batches(resumed)[0], clips[24:])


def test_shards_together_read_every_video_once(painted):
    whole = small(painted, batch_size=4, augment=AUGMENT)
    parts = [small(painted, batch_size=2, augment=AUGMENT, shard=(i, 2)) for i in range(2)]
    assert [len(part) for part in parts] == [len(whole)] * 2
    for index in range(len(whole)):
        halves = zip(parts[0][index], parts[1][index], strict=True)
        clips, labels, weights = (np.concatenate(pair) for pair in halves)
        there = weights > 0
        np.testing.assert_array_equal(weights, whole[index][2])
        np.testing.assert_array_equal(clips[there], whole[index][0][there])
        np.testing.assert_array_equal(labels[there], whole[index][1][there])


def test_flips_can_be_left_out(tmp_path):
    frame = np.zeros((24, 24, 3), np.uint8)
    frame[:, 12:] = 255
    path = write_frames(tmp_path / "right.avi", [frame] * 4)
    many = Annotations([path] * 40, [0] * 40, ["right"])
    for flip in (False, True):
        augment = Augmentation(crop_scale=(0.9, 1), flip=flip)
        clips = all_batches(small(many, num_frames=1, augment=augment))[0].astype(float)
        is_flipped = clips[..., :6, :].mean((1, 2, 3, 4)) > clips[..., -6:, :].mean((1, 2, 3, 4))
        # 40 fair draws give 6 to 34 but for one seed in a million.
        assert 6 <= is_flipped.sum() <= 34 if flip else not is_flipped.any()


def test_colours_can_be_kept(tmp_path):
    path = write_frames(tmp_path / "grey.avi", [np.full((24, 24, 3), 100, np.uint8)] * 4)
    many = Annotations([path] * 12, [0] * 12, ["grey"])

    def mean_brightness(color_jitter):
        augment = Augmentation(color_jitter=color_jitter)
        return all_batches(small(many, num_frames=1, augment=augment))[0].mean((1, 2, 3, 4))

    means = mean_brightness(0)
    np.testing.assert_allclose(means, 100, atol=2)
    for strength in (0.1, 0.4):
        means = mean_brightness(strength)
        # The brightness of a grey clip changes, by at most the strength and by most of it once.
        assert 0.5 * strength < abs(means / 100 - 1).max() < strength + 0.02


def test_balanced_classes_come_equally_often(numbered):
    """Of 23 videos of three classes, 18, 3 and 2 of them, 8, 8 and 7 are drawn of each class."""
    labels = [0] * 18 + [1] * 3 + [3] * 2
    annotations = Annotations(numbered.paths[:23], labels, "abcd")
    options = {"num_frames": 1, "augment": AUGMENT, "balance": True}
    dataset = small(annotations, batch_size=4, **options)
    assert (dataset.num_videos, dataset.num_views, len(dataset)) == (23, 23, 6)
    epochs = []
    for _ in range(3):
        epochs.append(all_batches(dataset))
        _, labels, weights = epochs[-1]
        assert sorted(labels[weights > 0].sum(0).tolist()) == [0, 7, 8, 8]
        assert labels[:, 2].sum() == 0
        dataset.on_epoch_end()
    assert (epochs[0][1] != epochs[1][1]).any()
    # Clips of one video that come in one epoch are other clips.
    clips, labels, weights = epochs[0]
    rare = clips[(labels[:, 3] == 1) & (weights > 0)]
    assert len({clip.tobytes() for clip in rare}) == len(rare) >= 7
    other = small(annotations, batch_size=4, num_threads=0, **options)
    other.epoch, other.first_batch = 2, 3
    for array, expected in zip(all_batches(other), epochs[2], strict=True):
        np.testing.assert_array_equal(array, expected[12:])
    shards = [small(annotations, batch_size=2, shard=(i, 2), **options) for i in range(2)]
    for index in range(6):
        halves = zip(*[shard[index] for shard in shards], strict=True)
        for array, expected in zip(map(np.concatenate, halves), epochs[0], strict=True):
            there = epochs[0][2][4 * index : 4 * index + 4] > 0
            np.testing.assert_array_equal(array[there], expected[4 * index :][: len(there)][there])


def test_balanced_order_repeats_only_what_is_rare(rng):
    labels = np.array([0] * 30 + [1] * 4 + [2] * 2)
    for _ in range(5):
        counts = np.bincount(balanced_order(labels, rng), minlength=36)
        assert counts[:30].max() == 1 and counts[:30].sum() == 12
        assert counts[30:34].tolist() == [3] * 4 and counts[34:].tolist() == [6] * 2


def test_frame_differences_and_shuffled_frames(painted):
    plain = all_batches(small(painted, num_frames=5))[0].astype(int)
    differences = all_batches(small(painted, num_frames=4, frame_differences=True))[0]
    changes = plain[:, 1:] - plain[:, :-1]
    roots = np.sign(changes) * np.sqrt(np.abs(changes) / 255)
    np.testing.assert_array_equal(differences, 128 + np.rint(127 * roots))
    shuffled = all_batches(small(painted, num_frames=5, shuffle_frames=True))[0]
    moved = 0
    for before, after in zip(plain, shuffled, strict=True):
        keys = [frame.tobytes() for frame in before.astype(np.uint8)]
        assert sorted(keys) == sorted(frame.tobytes() for frame in after)
        moved += keys != [frame.tobytes() for frame in after]
    assert moved >= 4


class ReadNumber(keras.layers.Layer):
    """The number that a clip shows, as one-hot values."""

    def call(self, clips):
        columns = [4 * bit + 2 for bit in range(8)]
        bits = keras.ops.stack([clips[:, 0, 12, column, 1] for column in columns], -1)
        bits = keras.ops.cast(keras.ops.cast(bits, "float32") > 120, "float32")
        numbers = keras.ops.sum(keras.ops.multiply(bits, 2.0 ** np.arange(8)), -1)
        return keras.ops.one_hot(keras.ops.cast(numbers, "int32"), NUM_VIDEOS)

    def compute_output_shape(self, shape):
        return shape[0], NUM_VIDEOS


def counting_model():
    """A model whose metrics show how often each video was in the input and in the labels."""
    # Sums of random numbers below 1000 are exact in float32, and equal by chance once in
    # millions: what is missing or double changes one of the six.
    tables = np.random.default_rng(0).integers(0, 1000, (3, NUM_VIDEOS)).astype("float32")

    def make_metric(name, table, of_labels):
        def metric(labels, numbers):
            return keras.ops.sum(keras.ops.multiply(labels if of_labels else numbers, table), -1)

        metric.__name__ = name
        return metric

    metrics, expected = [], {}
    for position, table in enumerate(tables):
        for of_labels in (False, True):
            name = f"{'labels' if of_labels else 'input'}{position}"
            metrics.append(make_metric(name, table, of_labels))
            expected[name] = table
    inputs = keras.Input((None, 32, 32, 3))
    numbers = ReadNumber()(inputs)
    # One trainable weight, which does not matter.
    outputs = numbers + 0 * keras.layers.Dense(1)(numbers)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), "mse", weighted_metrics=metrics)
    return model, expected


@pytest.mark.parametrize("num_videos", [80, 79])
def test_keras_sees_every_video_once(numbered, num_videos):
    paths, labels = numbered.paths[:num_videos], numbered.labels[:num_videos]
    annotations = Annotations(paths, labels, numbered.class_names)
    model, tables = counting_model()
    dataset = VideoDataset(annotations, 2, ClipFormat(num_frames=1, short_side=32, crop_size=32))
    assert len(dataset) == 40
    expected = {name: table[:num_videos].mean() for name, table in tables.items()}
    history = model.fit(dataset, epochs=2, shuffle=False, verbose=0).history
    evaluated = model.evaluate(dataset, verbose=0, return_dict=True)
    for name, mean in expected.items():
        np.testing.assert_allclose(history[name], [mean, mean], rtol=1e-6, err_msg=name)
        np.testing.assert_allclose(evaluated[name], mean, rtol=1e-6, err_msg=name)
    scores = model.predict(dataset, verbose=0)
    assert scores[:num_videos].argmax(-1).tolist() == list(range(num_videos))
    assert len(scores) == 80


def mean_model(num_classes):
    layers = [keras.layers.GlobalAveragePooling3D(), keras.layers.Dense(num_classes)]
    model = keras.Sequential(layers)
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("augment", [None, AUGMENT])
def test_fit_counts_the_epochs(numbered, augment):
    dataset = small(numbered, batch_size=16, num_frames=1, augment=augment)
    model = mean_model(NUM_VIDEOS)
    seen = []

    class Note(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(dataset.epoch)

    note = Note()
    model.fit(dataset, epochs=2, shuffle=False, verbose=0, callbacks=[note])
    model.fit(dataset, epochs=4, initial_epoch=2, shuffle=False, verbose=0, callbacks=[note])
    assert seen == [0, 1, 2, 3]


@pytest.fixture
def damaged(numbered, tmp_path):
    """Ten videos, of which the second is text and the seventh is not there."""
    (tmp_path / "text.avi").write_text("This is no video.\n" * 100)
    paths = list(numbered.paths[:10])
    paths[1], paths[6] = str(tmp_path / "text.avi"), str(tmp_path / "missing.avi")
    return Annotations(paths, range(10), numbered.class_names[:10])


@pytest.mark.parametrize("num_threads", [0, 2])
def test_bad_files_are_named_once_and_weigh_nothing(damaged, num_threads):
    dataset = small(damaged, num_threads=num_threads)
    with pytest.warns(UserWarning) as caught:
        _, labels, weights = all_batches(dataset)
        all_batches(dataset)
    assert weights.tolist() == [1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 0, 0]
    assert labels.argmax(-1).tolist() == [0, 0, 2, 3, 4, 5, 4, 7, 8, 9, 8, 8]
    assert list(dataset.bad_files) == [damaged.paths[1], damaged.paths[6]]
    assert dataset.bad_files[damaged.paths[6]] == "No such file or directory"
    messages = [str(warning.message) for warning in caught]
    assert messages == [f"{path}: {reason}" for path, reason in dataset.bad_files.items()]
    assert dataset.summary() == "2 of 10 videos could not be used, 0 lacked frames"


def test_short_files_are_named_and_used(tmp_path):
    path = tmp_path / "short.avi"
    write_painted(path, num_frames=100, codec="mjpeg")
    content = path.read_bytes()
    path.write_bytes(content[: int(0.8 * len(content))])
    annotations = Annotations([str(path)], [0], ["a"])
    dataset = small(annotations, batch_size=1, num_frames=20, frame_stride=5)
    with pytest.warns(UserWarning, match=r"short.avi: ends after \d+ frames, its last frame"):
        assert dataset[0][2].tolist() == [1]
    assert list(dataset.short_files) == [str(path)] and not dataset.bad_files
    assert dataset.summary() == "0 of 1 videos could not be used, 1 lacked frames"


def test_strict_stops_at_the_first_bad_file(damaged):
    dataset = small(damaged, batch_size=2, strict=True)
    with pytest.raises(VideoError, match="text.avi: "):
        dataset[0]
    assert dataset[1][2].tolist() == [1, 1]
    model = mean_model(10)
    with pytest.raises(Exception, match="text.avi: "):
        model.fit(dataset, shuffle=False, verbose=0)


def test_data_without_a_usable_video_is_an_error_at_once(damaged):
    nothing = Annotations([damaged.paths[6], damaged.paths[1]], [0, 1], ["a", "b"])
    message = "None of the 2 videos can be used. .*missing.avi: No such file"
    with pytest.raises(VideoError, match=message):
        small(nothing)


def test_no_warning_for_good_files(painted):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        all_batches(small(painted, augment=AUGMENT))


def test_copies_give_the_same_batches(painted):
    dataset = small(painted, augment=AUGMENT)
    dataset[0]
    for other in (copy.copy(dataset), pickle.loads(pickle.dumps(dataset))):
        np.testing.assert_array_equal(other[1][0], dataset[1][0])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"batch_size": 0}, "`batch_size` must be at least 1. Received: batch_size=0"),
        ({"seed": -1}, "`seed` must be at least 0. Received: seed=-1"),
        ({"num_crops": 2}, "Received: num_crops=2"),
        ({"augment": True}, "`augment` must be an Augmentation, or None. Received: augment=True"),
        ({"augment": AUGMENT, "num_clips": 2}, "Received: num_clips=2, num_crops=1"),
        ({"balance": True}, "`balance` needs `augment`.* Received: balance=True, augment=None"),
        ({"shard": (2, 2)}, r"Received: shard=\(2, 2\)"),
    ],
)
def test_arguments_are_checked(painted, options, message):
    with pytest.raises(ValueError, match=message):
        small(painted, **options)


def test_clips_are_a_clip_format(painted):
    with pytest.raises(ValueError, match=r"ClipFormat. Received: clips=\{'num_frames': 4\}"):
        VideoDataset(painted, 4, {"num_frames": 4})


def test_augmentation_may_be_a_function_of_ones_own(painted):
    def darker(frames, crop_size, *, rng):
        return frames[:, :crop_size, :crop_size] // rng.integers(3, 6, dtype="uint8")

    clips, labels, _ = small(painted, augment=darker, seed=5)[0]
    again = small(painted, augment=darker, seed=5, num_threads=0)[0]
    np.testing.assert_array_equal(clips, again[0])
    np.testing.assert_array_equal(labels, again[1])
    assert 45 <= clips.max() <= 85  # white is 255


def test_look_ahead_computes_the_next_keys_and_forgets_the_rest():
    calls = []

    def double(key):
        calls.append(key)
        return 2 * key

    ahead = LookAhead(double, num_threads=1)
    assert ahead.get([1, 2], [3, 4]) == [2, 4]
    assert ahead.get([3], [4, 5]) == [6]
    assert ahead.get([4, 5], []) == [8, 10]
    assert calls == [1, 2, 3, 4, 5]
    assert LookAhead(double, num_threads=0).get([7], [8]) == [14]
    assert calls[-1] == 7


def test_look_ahead_works_after_a_fork():
    """A fork takes no threads along: the child would wait for them for ever."""
    ahead = LookAhead(lambda key: 2 * key, num_threads=2)
    assert ahead.get([1], [2, 3]) == [2]
    assert succeeds_in_a_fork(lambda: ahead.get([2], [5]) == [4])


def test_look_ahead_computes_what_another_reader_has_cancelled():
    may_go_on = threading.Event()

    def slow(key):
        return may_go_on.wait() and 2 * key

    ahead = LookAhead(slow, num_threads=1)
    calls = [([0], []), ([1], [1]), ([2], [3]), ([4], [5])]  # the last one drops number 1
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as readers:
        found = []
        for keys, next_keys in calls:
            found.append(readers.submit(ahead.get, keys, next_keys))
            time.sleep(0.05)
        may_go_on.set()
        assert [future.result() for future in found] == [[0], [2], [4], [8]]
