import concurrent.futures
import math

import keras
import numpy as np
import pytest

from keras_ctsep.data import AugmentedBatches
from keras_ctsep.data.batching import stack_batch
from keras_ctsep.layers import ClipAugmentation, clip_augmentation, rand_augment

CHANGES = [
    "shear",
    "shear",
    "rotation",
    "translation",
    "sharpness",
    "brightness",
    "contrast",
    "color_degeneration",
    "posterization",
    "auto_contrast",
]


def random_clips(rng, batch=6, frames=4, size=24):
    """Smooth and dark, so that neither a shift nor a stretch of the colours leaves them alike."""
    coarse = rng.uniform(40, 180, (batch, frames, 4, 4, 3))
    return coarse.repeat(size // 4, axis=2).repeat(size // 4, axis=3).astype("float32")


def numpy_of(data):
    return keras.tree.map_structure(lambda x: keras.ops.convert_to_numpy(x).copy(), data)


def apply(layer, data):
    """The result of a copy made from the layer's configuration: the numbers come from the seed."""
    layer = keras.layers.deserialize(keras.layers.serialize(layer))
    return numpy_of(layer(data, training=True))


def always(index):
    layer = rand_augment(num_ops=10, magnitude=1.0, seed=7)[index]
    assert layer.rate == 1
    return layer


@pytest.mark.parametrize("index", range(10), ids=CHANGES)
def test_frames_change_alike_and_clips_do_not(index, rng):
    layer = always(index)
    assert layer.layer.name.startswith(("random_" + CHANGES[index], CHANGES[index]))
    clip = random_clips(rng)[0]
    clips = np.stack([clip] * 6)
    result = apply(layer, clips)
    assert abs(result - clips).max() > 1
    assert result.min() >= -1e-3 and result.max() <= 255 + 1e-3
    # What happens to a frame does not depend on its place: another order of the frames gives the
    # same frames in that order.
    order = [3, 1, 0, 2]
    np.testing.assert_allclose(apply(layer, clips[:, order]), result[:, order], atol=1e-3)
    # The six clips are the same one, and come out the same only without chance.
    alike = abs(result - result[0]).max() < 1e-3
    assert alike == (CHANGES[index] == "auto_contrast")


@pytest.mark.parametrize("index", range(5, 10), ids=CHANGES[5:])
def test_a_colour_changes_alike_whatever_else_is_in_the_frame(index, rng):
    clips = random_clips(rng)
    clips[:, :, :, :12] = clips[:, :1, :, :12]
    clips[:, :, :, 12:] *= np.linspace(0.5, 1, 4)[:, None, None, None]
    result = apply(always(index), clips)[:, :, :, :12]
    assert abs(result - clips[:, :, :, :12]).max() > 1
    np.testing.assert_allclose(result, result[:, :1].repeat(4, axis=1), atol=1e-3)


def test_quarter_turn(rng):
    clips = random_clips(rng)
    turn = ClipAugmentation(keras.layers.RandomRotation((0.25, 0.25)))
    result = numpy_of(turn(clips))
    np.testing.assert_allclose(result, np.rot90(clips, axes=(2, 3)), atol=0.05)


def test_contrast_is_stretched_over_the_whole_clip():
    clips = np.zeros((2, 3, 2, 2, 1), "float32")
    clips[0, :, 0, 0, 0] = 10, 20, 50
    clips[1] = 30
    layer = ClipAugmentation(keras.layers.AutoContrast(), frames_as="height")
    result = numpy_of(layer(clips))
    np.testing.assert_allclose(result[0, :, 0, 0, 0], [51, 102, 255], rtol=1e-5)
    np.testing.assert_array_equal(result[1], clips[1])


def test_mixup_mixes_labels_as_it_mixes_clips(rng):
    clips = random_clips(rng).astype("uint8")
    data = {"images": clips, "labels": np.eye(6, dtype="float32")}
    mixed = apply(clip_augmentation(mixup=1.0, seed=3), data)
    expected = np.einsum("ij,jthwc->ithwc", mixed["labels"], clips)
    np.testing.assert_allclose(mixed["images"], expected, atol=0.01)
    np.testing.assert_allclose(mixed["labels"].sum(axis=1), 1, atol=1e-6)
    own = np.diagonal(mixed["labels"])
    assert len(set(own[own < 0.999].round(4))) >= 2  # another share for the next clip


def test_cutmix_mixes_labels_as_it_mixes_pixels():
    size = 24
    clips = np.arange(6, dtype="uint8")[:, None, None, None, None] * np.ones(
        (1, 4, size, size, 3), "uint8"
    )
    data = {"images": clips, "labels": np.eye(6, dtype="float32")}
    mixed = apply(clip_augmentation(cutmix=1.0, seed=4), data)
    images = mixed["images"]
    np.testing.assert_array_equal(images, images[:, :1, :, :, :1] * np.ones((1, 4, 1, 1, 3)))
    shares = (images[:, 0, :, :, :1] == np.arange(6)).mean(axis=(1, 2))
    # Keras takes the area of the box before it is cut to pixels, at most one row and column less.
    np.testing.assert_allclose(shares, mixed["labels"], atol=2 / size)
    assert ((shares > 0.05) & (shares < 0.95)).any()


def test_erased_box_is_the_same_in_all_frames(rng):
    clips = random_clips(rng)
    erase = clip_augmentation(erasing=1.0, seed=5)
    result = apply(erase, {"images": clips, "labels": np.eye(6, dtype="float32")})
    np.testing.assert_array_equal(result["labels"], np.eye(6))
    result = result["images"]
    erased = result == 128
    np.testing.assert_array_equal(result[~erased], clips[~erased])
    np.testing.assert_array_equal(erased, erased[:, :1, :, :, :1] & np.ones_like(erased))
    for box in erased[:, 0, :, :, 0]:
        rows, columns = box.any(axis=1), box.any(axis=0)
        np.testing.assert_array_equal(box, rows[:, None] & columns)
        assert math.floor(0.14 * 24) <= rows.sum() <= math.ceil(0.58 * 24)
    assert len({box.tobytes() for box in erased}) == 6


def test_rate_is_the_share_of_changed_clips():
    clips = np.ones((6, 1, 4, 4, 1), "float32")
    layer = ClipAugmentation(keras.layers.RandomInvert((1, 1)), rate=0.25, seed=1)
    changed = np.stack([numpy_of(layer(clips))[:, 0, 0, 0, 0] == 254 for _ in range(200)])
    # 1.5 of 6 clips: never more than two; standard errors are 0.012 and 0.03.
    assert changed.sum(axis=1).max() == 2
    assert abs(changed.mean() - 0.25) < 0.05
    assert abs(changed.mean(axis=0) - 0.25).max() < 0.13


@pytest.mark.parametrize("layer", [keras.layers.MixUp, keras.layers.CutMix])
def test_two_clips_are_mixed_with_each_other(layer):
    """At a rate of one half, one clip of two is chosen; alone it would be mixed with itself."""
    labels = np.eye(2, dtype="float32")
    clips = np.ones((2, 1, 8, 8, 1), "float32") * np.array([0, 200])[:, None, None, None, None]
    mix = ClipAugmentation(layer(seed=3), rate=0.5, seed=1)
    images, mixed = [], []
    for _ in range(100):
        found = mix({"images": clips, "labels": labels})
        images.append(numpy_of(found["images"]) - clips)
        mixed.append(numpy_of(found["labels"]) - labels)
    moved = np.abs(images).max(axis=(2, 3, 4, 5)) > 1
    # Keras's order of two is the one before half of the time.
    assert moved.sum(axis=1).max() == 1 and 10 < moved.sum() < 90
    assert (np.abs(mixed).max(axis=2)[moved] > 1e-3).all()


def test_clips_get_their_own_number_of_changes(rng):
    clips = random_clips(rng)
    layers = rand_augment(num_ops=2, seed=2)
    changed = [abs(apply(layer, clips) - clips).max(axis=(1, 2, 3, 4)) > 1e-3 for layer in layers]
    counts = np.sum(changed, axis=0)
    # Of six clips, each of ten layers changes one with probability 0.6 and another one too.
    assert 1 <= counts.mean() <= 3
    assert len(set(counts)) > 1


def test_nothing_changes_outside_training(rng):
    clips = random_clips(rng).astype("uint8")
    layer = ClipAugmentation(keras.layers.RandomErasing())
    np.testing.assert_array_equal(numpy_of(layer(clips, training=False)), clips)


def test_what_comes_in_stays_as_it_is():
    """On PyTorch Keras's own layer would write into a tensor that it gets."""
    clips = keras.ops.full((2, 3, 4, 4, 3), 50.0)
    brighter = ClipAugmentation(keras.layers.RandomBrightness((0.2, 0.2)), frames_as="height")
    np.testing.assert_allclose(numpy_of(brighter(clips)), 101)
    np.testing.assert_array_equal(numpy_of(clips), 50)


def test_in_front_of_a_model(rng):
    """Trains with changed clips, predicts with unchanged ones, and goes on from its variables."""
    clips = random_clips(rng, batch=12)
    augment = keras.Sequential(rand_augment(num_ops=10, seed=1))
    model = keras.Sequential([augment, keras.layers.GlobalAveragePooling3D()])
    model.compile("sgd", "mae")
    targets = clips.mean(axis=(1, 2, 3))

    def fit():
        losses = model.fit(clips, targets, batch_size=6, epochs=2, shuffle=False, verbose=0)
        return losses.history["loss"]

    start = [keras.ops.convert_to_numpy(variable).copy() for variable in model.variables]
    first = fit()
    assert min(first) > 1 and first[0] != first[1]
    assert model.evaluate(clips, targets, verbose=0) < 1e-3
    assert fit() != first
    for variable, value in zip(model.variables, start, strict=True):
        variable.assign(value)
    np.testing.assert_allclose(fit(), first, rtol=1e-6)


class Videos(keras.utils.PyDataset):
    """Stands for a `VideoDataset` of nine clips in batches of six; clip 7 cannot be read."""

    epoch = 0
    first_batch = 0
    shard = (0, 1)

    def __init__(self, clips):
        super().__init__()
        self.clips = clips

    def __len__(self):
        return 2

    def __getitem__(self, index):
        items = range(6 * index, min(6 * index + 6, 9))
        clips = [None if item == 7 else self.clips[item] for item in items]
        return stack_batch(clips, items, 6, self.clips.shape[1:], 9)


@pytest.fixture
def videos(rng):
    return Videos(random_clips(rng, batch=9).astype("uint8"))


def test_batches_depend_on_seed_epoch_and_index(videos):
    batches = AugmentedBatches(videos, clip_augmentation(erasing=0.5, mixup=0.4), seed=1)
    first, second = batches[0], batches[1]
    again = AugmentedBatches(videos, clip_augmentation(erasing=0.5, mixup=0.4, seed=9), seed=1)
    for index, batch in [(1, second), (0, first)]:
        for array, same in zip(batch, again[index], strict=True):
            np.testing.assert_array_equal(array, same)
    again.seed = 2
    assert (again[0][0] != first[0]).any()
    again.seed, videos.first_batch = 1, 1  # of the epoch, instead of the index
    assert (again[0][0] != first[0]).any()
    videos.first_batch, videos.epoch = 0, 1
    assert (again[0][0] != first[0]).any()
    videos.epoch, videos.shard = 0, (1, 2)
    assert (again[0][0] != first[0]).any()


def test_threads_that_ask_at_once_get_the_same_batches(videos):
    batches = AugmentedBatches(videos, clip_augmentation(erasing=0.5, mixup=0.4), seed=1)
    before = [numpy_of(variable) for variable in batches.augmentation.variables]
    expected = [batches[index] for index in range(2)]
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        found = list(threads.map(batches.__getitem__, [0, 1] * 8))
    for number, batch in enumerate(found):
        for array, same in zip(batch, expected[number % 2], strict=True):
            np.testing.assert_array_equal(array, same)
    # The layer itself stays as it was: its variables may lie on other devices.
    for variable, value in zip(batches.augmentation.variables, before, strict=True):
        np.testing.assert_array_equal(numpy_of(variable), value)


def test_filling_mixes_into_no_other_class(videos):
    batches = AugmentedBatches(videos, clip_augmentation(mixup=1.0))
    mixed_in = np.zeros(9)
    for videos.epoch in range(5):
        clips, labels, weights = batches[1]
        np.testing.assert_array_equal(weights, [1, 0, 1, 0, 0, 0])
        assert clips.dtype == "uint8"
        expected = np.einsum("ij,jthwc->ithwc", labels, videos.clips)
        np.testing.assert_allclose(clips, expected, atol=0.51)
        mixed_in += labels.sum(axis=0)
    # Clip 6 stands for itself and for the four that are missing.
    np.testing.assert_allclose(mixed_in[:6].sum() + mixed_in[7], 0)
    assert mixed_in[6] > mixed_in[8] > 0


def test_fit_gets_the_augmented_batches(videos):
    """The loss of a model that cannot learn is that of the batches, computed by NumPy."""
    batches = AugmentedBatches(videos, clip_augmentation(erasing=0.5, mixup=0.5, cutmix=1.0))
    inputs = keras.Input(videos.clips.shape[1:])
    outputs = keras.layers.GlobalAveragePooling3D()(inputs)
    outputs = keras.layers.Dense(9, kernel_initializer=keras.initializers.Constant(4e-4))(outputs)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    history = model.fit(batches, epochs=1, shuffle=False, verbose=0).history["loss"]
    losses = []
    for clips, labels, weights in (batches[0], batches[1]):
        scores = 4e-4 * clips.mean(axis=(1, 2, 3)).sum(axis=1, keepdims=True)
        losses.append(((scores - labels) ** 2).mean(axis=1) * weights)
    np.testing.assert_allclose(history[0], np.mean(losses), rtol=1e-4)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ClipAugmentation(keras.layers.MixUp(), "width"), "frames_as='width'"),
        (lambda: ClipAugmentation(keras.layers.MixUp(), rate=0), "rate=0"),
        (
            lambda: ClipAugmentation(keras.layers.MixUp(data_format="channels_first")),
            "data_format='channels_first'",
        ),
        (lambda: rand_augment(num_ops=11), "num_ops=11"),
        (lambda: rand_augment(magnitude=0), "magnitude=0"),
        (lambda: clip_augmentation(mixup=1.5), "mixup=1.5"),
        (lambda: ClipAugmentation(keras.layers.MixUp())(np.ones((4, 8, 8, 3))), "4, 8, 8, 3"),
    ],
)
def test_errors_say_what_came(make, message):
    with pytest.raises(ValueError, match="Received: ") as error:
        make()
    assert message in str(error.value)
