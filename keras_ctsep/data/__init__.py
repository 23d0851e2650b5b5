"""Videos from disk to batches: annotations, decoding, sampling, transforms, data sets."""

from keras_ctsep.data.annotations import Annotations, read_csv, read_folder
from keras_ctsep.data.augmented_batches import AugmentedBatches
from keras_ctsep.data.clip_cache import ClipCache
from keras_ctsep.data.clip_sampling import random_clip, uniform_clips
from keras_ctsep.data.decoding import decode_frames, read_video_info
from keras_ctsep.data.groups import check_split, group_leaks, group_of
from keras_ctsep.data.kinetics400 import kinetics400_class_names, torchvision_preprocess
from keras_ctsep.data.kinetics_ssv2 import read_kinetics, read_ssv2
from keras_ctsep.data.motion import make_motion_dataset
from keras_ctsep.data.tf_video_dataset import tf_video_dataset
from keras_ctsep.data.transforms import (
    center_crop,
    color_jitter,
    frame_differences,
    horizontal_flip,
    random_resized_crop,
    resize,
    three_crops,
)
from keras_ctsep.data.ucf101_hmdb51 import read_hmdb51, read_ucf101
from keras_ctsep.data.video_check import VideoCheck, check_video
from keras_ctsep.data.video_dataset import VideoDataset
from keras_ctsep.data.video_file import VideoError, VideoInfo
