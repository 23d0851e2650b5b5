"""A real video, from the file to the five best classes, beside torchvision's own way."""

import numpy as np
import peers
import pytest

from keras_ctsep.data import decode_frames, read_video_info, uniform_clips
from keras_ctsep.inference import VideoClassifier
from keras_ctsep.weights.published import find_published


def test_the_same_classes_as_torchvision_on_a_real_video(test_data, tmp_path):
    """With random weights: one grey level apart at most, frames lead to the same scores."""
    peer = peers.PEERS["MC3_18"]
    if not peers.is_installed(peer):
        pytest.skip("torch and torchvision are not both installed")
    import torch

    torch.manual_seed(1)
    theirs = peers.build(peer)
    torch.save(theirs.state_dict(), tmp_path / "mc3_18.pth")
    video = test_data / "real_clips" / "SOX5yA1l24A.mp4"
    classifier = VideoClassifier.from_weights("MC3_18", tmp_path / "mc3_18.pth")
    [prediction] = classifier.predict([video], num_clips=1)

    row = find_published("MC3_18", "kinetics400")
    info = read_video_info(video)
    indices = uniform_clips(info.num_frames, 16, info.fps / row.clips["fps"])[0]
    frames = torch.from_numpy(decode_frames(video, indices)).permute(0, 3, 1, 2)
    models = peers.import_torchvision().models
    preset = models.get_model_weights("mc3_18").KINETICS400_V1.transforms()
    with torch.no_grad():
        scores = theirs(preset(frames)[None]).softmax(-1)[0].numpy()
    assert np.abs(prediction.scores - scores).max() < 0.01 * np.ptp(scores)
    best = [name for name, _ in classifier.top(prediction.scores, 5)]
    assert best == [name for name, _ in classifier.top(scores, 5)]
