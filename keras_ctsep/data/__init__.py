"""Videos from disk to batches: annotations, decoding, sampling, transforms, data sets."""

from keras_ctsep.data.annotations import (
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
from keras_ctsep.data.augmentation import Augmentation
from keras_ctsep.data.augmented_batches import AugmentedBatches
from keras_ctsep.data.clip_cache import ClipCache
from keras_ctsep.data.clip_decoding import decode_clips
from keras_ctsep.data.clip_format import ClipFormat
from keras_ctsep.data.clip_sampling import random_clip, uniform_clips, window_clips
from keras_ctsep.data.decoding import decode_frames, read_video_info
from keras_ctsep.data.live_video import LiveVideo
from keras_ctsep.data.motion import make_motion_dataset
from keras_ctsep.data.motion_programs import MotionPrograms
from keras_ctsep.data.transforms import (
    center_crop,
    color_jitter,
    frame_differences,
    horizontal_flip,
    random_resized_crop,
    resize,
    three_crops,
)
from keras_ctsep.data.video_check import VideoCheck, check_video
from keras_ctsep.data.video_dataset import VideoDataset
from keras_ctsep.data.video_file import VideoError, VideoInfo
from keras_ctsep.data.video_writing import write_video

__all__ = [
    "Annotations",
    "Augmentation",
    "AugmentedBatches",
    "ClipCache",
    "ClipFormat",
    "LiveVideo",
    "MotionPrograms",
    "VideoCheck",
    "VideoDataset",
    "VideoError",
    "VideoInfo",
    "center_crop",
    "check_split",
    "check_video",
    "color_jitter",
    "decode_clips",
    "decode_frames",
    "frame_differences",
    "group_leaks",
    "group_of",
    "hold_out",
    "horizontal_flip",
    "make_motion_dataset",
    "random_clip",
    "random_resized_crop",
    "read_csv",
    "read_folder",
    "read_hmdb51",
    "read_kinetics",
    "read_sides",
    "read_ssv2",
    "read_ucf101",
    "read_video_info",
    "read_videos",
    "resize",
    "three_crops",
    "uniform_clips",
    "window_clips",
    "write_video",
]
