"""How clips are cut from videos: their frames, their rate and their size."""

import dataclasses

import numpy as np

from keras_ctsep.data.arguments import require
from keras_ctsep.data.decoding import known_rate
from keras_ctsep.data.transforms import frame_differences

# One of each pair says it.
_RATES = ("frame_stride", "fps")
_SCALES = ("short_side", "frame_size")
_SWITCHES = ("antialias", "frame_differences", "shuffle_frames")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipFormat:
    """How clips are cut from videos.

    A data set cuts its clips so, a model is trained with them, and its file keeps what it says.

    Args:
        num_frames: number of frames of a clip.
        frame_stride: distance between two frames of a clip, in frames of the video.
        fps: frames per second of the clips, instead of `frame_stride`. The distance is then the
            video's average rate divided by this one, rounded down frame by frame.
        short_side: shorter side of the frames in pixels, before a part is cut out.
        frame_size: `(height, width)` that all frames are scaled to, whatever their aspect, instead
            of `short_side`.
        antialias: whether scaling down averages over all pixels. Otherwise only the four nearest
            ones count, as for the networks of torchvision and PyTorchVideo.
        crop_size: side of the clips in pixels.
        frame_differences: whether clips hold the changes from frame to frame; one frame more is
            decoded for that. See `keras_ctsep.data.frame_differences`.
        shuffle_frames: whether to shuffle the frames of each clip. What a model still recognises
            then does not come from motion.

    Raises:
        ValueError: for arguments that do not fit together.

    Example:
    >>> from keras_ctsep.data import ClipFormat
    >>> clips = ClipFormat(num_frames=8, fps=15, short_side=64, crop_size=56)
    >>> clips.shape
    (8, 56, 56, 3)
    """

    num_frames: int = 16
    frame_stride: float = 1
    fps: float | None = None
    short_side: int = 128
    frame_size: tuple[int, int] | None = None
    antialias: bool = True
    crop_size: int = 112
    frame_differences: bool = False
    shuffle_frames: bool = False

    def __post_init__(self):
        for name in ("num_frames", "short_side", "crop_size"):
            require(getattr(self, name) >= 1, f"`{name}` must be at least 1", self, name)
        is_right = 0 < self.frame_stride < np.inf
        require(is_right, "`frame_stride` must be above 0", self, "frame_stride")
        is_right = self.fps is None or 0 < self.fps < np.inf
        require(is_right, "`fps` must be above 0, or None", self, "fps")
        is_one = not self.fps or self.frame_stride == 1
        require(is_one, "Give `frame_stride` or `fps`, not both", self, *_RATES)
        fits = self.crop_size <= min(self.frame_size or [self.short_side])
        expected = f"`crop_size` must not be larger than `{self._scale}`"
        require(fits, expected, self, "crop_size", self._scale)

    @classmethod
    def from_dict(cls, arguments, **changes):
        """Makes one of a dictionary, as files have it.

        Args:
            arguments: dict of arguments. With the changes, it has to say `num_frames`,
                `crop_size`, `short_side` or `frame_size`, and `frame_stride` or `fps`.
            **changes: arguments instead of those, unless `None`. `fps` takes the place of a
                `frame_stride`, and the other way round; so do the two sizes.

        Returns:
            A `ClipFormat`.

        Raises:
            ValueError: when it says too little or something else.

        Example:
        >>> saved = {"num_frames": 8, "fps": 15, "short_side": 64, "crop_size": 56}
        >>> ClipFormat.from_dict(saved, frame_stride=2).to_dict()
        {'num_frames': 8, 'frame_stride': 2, 'short_side': 64, 'crop_size': 56}
        """
        changes = {name: value for name, value in changes.items() if value is not None}
        for pair in (_RATES, _SCALES):
            if changes.keys() & {*pair}:
                arguments = {key: value for key, value in arguments.items() if key not in pair}
        arguments = arguments | changes
        names = arguments.keys()
        is_complete = {"num_frames", "crop_size"} <= names and all(
            len(names & {*pair}) == 1 for pair in (_RATES, _SCALES)
        )
        if not is_complete or names - {field.name for field in dataclasses.fields(cls)}:
            raise ValueError(
                "Expected clips with num_frames, short_side, crop_size, and frame_stride or fps. "
                f"Received: clips={arguments}"
            )
        if arguments.get("frame_size"):
            arguments["frame_size"] = tuple(arguments["frame_size"])
        return cls(**arguments)

    def to_dict(self):
        """Returns the arguments that say something, as a dictionary for files."""
        names = ["num_frames", self._rate, self._scale, "crop_size"]
        names += [name for name in _SWITCHES if getattr(self, name) != getattr(ClipFormat, name)]
        values = {name: getattr(self, name) for name in names}
        return {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in values.items()
        }

    @property
    def _rate(self):
        return _RATES[bool(self.fps)]

    @property
    def _scale(self):
        return _SCALES[bool(self.frame_size)]

    @property
    def shape(self):
        """Shape of a clip, `(frames, height, width, 3)`."""
        return self.num_frames, self.crop_size, self.crop_size, 3

    @property
    def scaling(self):
        """How frames are scaled before a part is cut out: arguments of `decode_frames`."""
        size = {self._scale: getattr(self, self._scale)}
        return size if self.antialias else size | {"antialias": False}

    def stride_in(self, path, info):
        """Returns the distance between two frames of a clip, in frames of a video.

        Args:
            path: of the video.
            info: its `VideoInfo`.

        Raises:
            VideoError: when the video has to say its rate, and does not.
        """
        if self.fps:
            return known_rate(path, info, f"fps={self.fps}") / self.fps
        return self.frame_stride

    def sampling(self, path, info):
        """Returns the first three arguments of `random_clip`, `uniform_clips` and `window_clips`.

        Args:
            path: of the video.
            info: its `VideoInfo`.
        """
        return info.num_frames, self.num_frames + self.frame_differences, self.stride_in(path, info)

    def cut(self, frames, crop, rng):
        """Returns what a model sees of the frames of a clip.

        Args:
            frames: uint8 array `(frames, height, width, 3)`, as many as `sampling` says.
            crop: function from these and `crop_size` to one clip or several, such as
                `center_crop` and `three_crops`.
            rng: a `numpy.random.Generator`, for `shuffle_frames`.

        Returns:
            uint8 array `(num_frames, crop_size, crop_size, 3)`; several are along a first axis.
        """
        if self.shuffle_frames:
            frames = frames[rng.permutation(len(frames))]
        clips = crop(frames, self.crop_size)
        return frame_differences(clips) if self.frame_differences else clips
