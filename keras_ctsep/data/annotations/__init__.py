"""Readers of lists: which videos a data set has, and what they show."""

from keras_ctsep.data.annotations.annotations import Annotations
from keras_ctsep.data.annotations.csv_lists import read_csv
from keras_ctsep.data.annotations.data_sets import read_sides, read_videos
from keras_ctsep.data.annotations.folders import read_folder
from keras_ctsep.data.annotations.groups import check_split, group_leaks, group_of, hold_out
from keras_ctsep.data.annotations.kinetics_ssv2 import read_kinetics, read_ssv2
from keras_ctsep.data.annotations.ucf101_hmdb51 import read_hmdb51, read_ucf101

__all__ = [
    "Annotations",
    "check_split",
    "group_leaks",
    "group_of",
    "hold_out",
    "read_csv",
    "read_folder",
    "read_hmdb51",
    "read_kinetics",
    "read_sides",
    "read_ssv2",
    "read_ucf101",
    "read_videos",
]
