"""Batches of clips for `fit`, `evaluate` and `predict`."""

import functools
import os
import warnings

import keras
import numpy as np

from keras_ctsep.data import transforms
from keras_ctsep.data.arguments import require
from keras_ctsep.data.batching import balanced_order, batch_items, stack_batch
from keras_ctsep.data.clip_cache import ClipCache
from keras_ctsep.data.clip_format import ClipFormat
from keras_ctsep.data.clip_sampling import random_clip, uniform_clips
from keras_ctsep.data.decoding import VideoError, decode_frames
from keras_ctsep.data.look_ahead import LookAhead


class VideoDataset(keras.utils.PyDataset):
    """Clips of videos with one-hot labels, decoded by threads while the model computes.

    Each batch is `(clips, labels, weights)`: uint8 `(batch, frames, height, width, 3)`, RGB;
    float32 `(batch, classes)`; float32 `(batch,)`. All batches have exactly `batch_size` items.
    At the end of the last batch, and instead of a file that cannot be used, there are copies of
    another clip of the batch with weight 0: evaluate with `weighted_metrics`, and every video
    counts exactly once.

    Without `augment`, a video has `num_clips * num_crops` items one after the other, clips at
    equal distances and central crops (or three along the longer side), and item `i` belongs to
    video `i // (num_clips * num_crops)`. With it, a video has one random clip, which is randomly
    cropped, flipped and coloured, in the same way for all of its frames; the order of the videos is
    new in each epoch.

    Batches depend on the arguments and `epoch` alone, bit for bit, and not on threads or on what
    was read before. Call `fit(dataset, shuffle=False)`: the data set shuffles, and Keras would only
    shuffle the order of batches. Leave Keras's `workers` at 1: Keras 3.15 repeats and drops batches
    otherwise.

    A file that cannot be used is named in one warning and in `bad_files`; one that is only shorter
    than it says repeats its last frame, and is named in `short_files`.

    Args:
        annotations: an `Annotations`, paths and labels.
        batch_size: number of items of a batch.
        clips: `ClipFormat`, how clips are cut.
        augment: an `Augmentation`, to shuffle and to draw random clips, crops, flips and colours;
            or another function with its call.
        balance: whether `augment` draws every class equally often. An epoch has as many clips as
            without it, so that each epoch leaves out some videos of large classes, and draws those
            of small classes several times, each time as another clip.
        num_clips: number of clips of a video, without `augment`.
        num_crops: 1 or 3 crops of a clip, without `augment`.
        seed: integer >= 0; all random numbers come from it, the epoch and the place in the epoch.
        num_threads: number of decoding threads; 0 decodes when a batch is read.
        strict: whether the first file that cannot be used is an error.
        cache: a `ClipCache` to keep decoded videos in, or the folder for one.
        shard: `(i, n)`: this is data set `i` of `n` that together read every video once. Their
            `n` batches of one index are the batch of one data set with `n * batch_size` items.

    Attributes:
        epoch: the epoch that batches are drawn for, from 0. `fit` increases it; set it to resume.
        first_batch: number of batches of the epoch to leave out, 0; set it to resume. The length
            and the indices are those of what is left.
        num_videos: number of videos.
        num_views: number of items that are not filling, over all shards.
        bad_files: dict from path to what is wrong, for the files found so far.
        short_files: the same for files that lack frames.

    Raises:
        ValueError: for arguments that do not fit together, or when no video can be used.
        VideoError: from reading a batch, with `strict`.

    Example:
    >>> import tempfile
    >>> from keras_ctsep.data import (
    ...     Augmentation, ClipFormat, VideoDataset, make_motion_dataset, read_ucf101
    ... )
    >>> folder = make_motion_dataset(tempfile.mkdtemp() + "/set", num_groups=2, clips_per_group=1)
    >>> train = read_ucf101(folder, subset="train")
    >>> clips = ClipFormat(num_frames=8, short_side=48, crop_size=40)
    >>> dataset = VideoDataset(train, 4, clips, augment=Augmentation(flip=False))
    >>> batch, labels, weights = dataset[0]
    >>> batch.shape, labels.shape == (4, len(train.class_names)), weights.tolist()
    ((4, 8, 40, 40, 3), True, [1.0, 1.0, 1.0, 1.0])
    """

    def __init__(
        self,
        annotations,
        batch_size,
        clips=ClipFormat(),  # noqa: B008 - it does not change
        *,
        augment=None,
        balance=False,
        num_clips=1,
        num_crops=1,
        seed=0,
        num_threads=2,
        strict=False,
        cache=None,
        shard=(0, 1),
    ):
        super().__init__()
        self.annotations = annotations
        self.batch_size = batch_size
        self.clips = clips
        self.augment = augment
        self.balance = balance
        self.num_clips = num_clips
        self.num_crops = num_crops
        self.seed = seed
        self.num_threads = num_threads
        self.strict = strict
        self.cache = ClipCache(cache) if isinstance(cache, (str, os.PathLike)) else cache
        self.shard = shard
        self.epoch = 0
        self.first_batch = 0
        self.bad_files = {}
        self.short_files = {}
        self._check_arguments()
        self._read_to_end = False
        self._look_ahead = LookAhead(self._load_video, num_threads)
        self._find_usable_video()

    @property
    def num_videos(self):
        return len(self.annotations.paths)

    @property
    def num_views(self):
        return self.num_videos * self.num_clips * self.num_crops

    def __len__(self):
        return self._num_batches - self.first_batch

    @property
    def _num_batches(self):
        return -(-self.num_views // (self.batch_size * self.shard[1]))

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"Expected 0 <= index < {len(self)}. Received: index={index}")
        self._read_to_end |= index == len(self) - 1
        index += self.first_batch
        # A key is the epoch and the place of a video in the epoch's order.
        keys = [(self.epoch, place) for place in self._places(index)]
        next_keys = [(self.epoch, place) for place in self._next_places(index)]
        videos = self._look_ahead.get(keys, next_keys)
        for sample, clips, problems in videos:
            self._note_problems(self.annotations.paths[sample], clips is None, problems)
        batch_clips, batch_labels = [], []
        for view in self._views(index):
            place, position = divmod(view, self._views_per_video)
            sample, clips, _ = videos[place - keys[0][1]]
            batch_clips.append(None if clips is None else clips[position])
            batch_labels.append(self.annotations.labels[sample])
        num_classes = len(self.annotations.class_names)
        return stack_batch(
            batch_clips, batch_labels, self.batch_size, self.clips.shape, num_classes
        )

    def on_epoch_begin(self):
        self._read_to_end = False

    def on_epoch_end(self):
        # Keras also calls this before the first epoch, perhaps after a look at the first batch.
        self.epoch += self._read_to_end
        self._read_to_end = False

    def summary(self):
        """Returns one line that counts the files found bad or short so far."""
        return (
            f"{len(self.bad_files)} of {self.num_videos} videos could not be used, "
            f"{len(self.short_files)} lacked frames"
        )

    @property
    def _views_per_video(self):
        return self.num_clips * self.num_crops

    def _views(self, index):
        return batch_items(index, self.batch_size, self.num_views, self.shard)

    def _places(self, index):
        """Places of the videos of a batch in the epoch's order, one after the other."""
        views = self._views(index)
        if not views:
            return range(0)
        return range(views[0] // self._views_per_video, views[-1] // self._views_per_video + 1)

    def _next_places(self, index):
        """Two batches ahead, or more of small ones, so that all threads have something to do."""
        num_ahead = 2 * max(self.num_threads, self.batch_size // self._views_per_video)
        places = []
        while len(places) < num_ahead and (index := index + 1) < self._num_batches:
            places += [place for place in self._places(index) if place not in places]
        return places

    def _load_video(self, key):
        """Returns the number of a video, its views or `None`, and what is wrong with it."""
        epoch, place = key
        if not self.augment:
            epoch, sample = 0, place
        else:
            order = _epoch_order(self.annotations, self.balance, self.seed, epoch)
            sample = int(order[place])
        # By the place and not by the video, which may come several times in a balanced epoch.
        rng = np.random.default_rng((self.seed, epoch, place))
        path = self.annotations.paths[sample]
        reports = []
        try:
            clips = self._decode(
                path,
                functools.partial(self._clip_indices, path, rng),
                report=reports.append,
                **self.clips.scaling,
            )
        except VideoError as error:
            return sample, None, [str(error)]
        views = np.concatenate([self._views_of(frames, rng) for frames in clips])
        return sample, views, reports

    @property
    def _decode(self):
        """The function that reads frames, with the arguments of `decode_frames`."""
        return self.cache.decode_frames if self.cache else decode_frames

    def _clip_indices(self, path, rng, info):
        sampling = self.clips.sampling(path, info)
        if self.augment:
            return random_clip(*sampling, rng=rng)[None]
        return uniform_clips(*sampling, self.num_clips)

    def _views_of(self, frames, rng):
        """Returns `(crops, frames, height, width, 3)` of one clip."""
        crop = transforms.three_crops if self.num_crops == 3 else transforms.center_crop
        if self.augment:
            crop = functools.partial(self.augment, rng=rng)
        return self.clips.cut(frames, crop, rng).reshape(-1, *self.clips.shape)

    def _note_problems(self, path, is_bad, problems):
        if is_bad and self.strict:
            raise VideoError(problems[0])
        known = self.bad_files if is_bad else self.short_files
        for problem in problems:
            if path not in known:
                known[path] = problem.removeprefix(f"{path}: ")
                warnings.warn(problem, stacklevel=3)

    def _find_usable_video(self):
        first_error = None
        for path in self.annotations.paths:
            try:
                decode_frames(path, [0])
                return
            except VideoError as error:
                if self.strict:
                    raise
                first_error = first_error or error
        raise VideoError(f"None of the {self.num_videos} videos can be used. {first_error}")

    def _check_arguments(self):
        is_right = isinstance(self.clips, ClipFormat)
        require(is_right, "`clips` must be a ClipFormat", self, "clips")
        is_right = self.augment is None or callable(self.augment)
        require(is_right, "`augment` must be an Augmentation, or None", self, "augment")
        for name, least in (("batch_size", 1), ("num_clips", 1), ("seed", 0), ("num_threads", 0)):
            is_right = getattr(self, name) >= least
            require(is_right, f"`{name}` must be at least {least}", self, name)
        is_right = self.num_crops in (1, 3)
        require(is_right, "`num_crops` must be 1 or 3", self, "num_crops")
        is_right = not self.augment or self._views_per_video == 1
        expected = "`augment` draws one clip and crop of a video"
        require(is_right, expected, self, "num_clips", "num_crops")
        is_right = self.augment or not self.balance
        expected = "`balance` needs `augment`, which draws videos"
        require(is_right, expected, self, "balance", "augment")
        is_right = 0 <= self.shard[0] < self.shard[1]
        require(is_right, "`shard` must be (i, n), 0 <= i < n", self, "shard")


@functools.lru_cache(maxsize=4)
def _epoch_order(annotations, balance, seed, epoch):
    rng = np.random.default_rng((seed, epoch))
    if balance:
        return balanced_order(annotations.labels, rng)
    return rng.permutation(len(annotations))
