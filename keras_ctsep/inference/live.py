"""A trained model on a video as it comes."""

import contextlib

import keras
import numpy as np
from keras import ops

from keras_ctsep.data import center_crop, frame_differences
from keras_ctsep.inference.compiled import compiled_call
from keras_ctsep.inference.exported import ExportedStream
from keras_ctsep.inference.streaming import initial_states, streaming_for_clips


class LiveClassifier:
    """Scores frames as they come: for each few new ones, the scores of the latest clip.

    A causal network runs frame by frame and computes nothing twice. Any other one sees the latest
    clip again and again, twice in each clip's length.

    Args:
        classifier: a `VideoClassifier`. Its clips say how many of the latest frames count.

    Attributes:
        is_streaming: whether the network is causal and runs frame by frame.
        num_frames: number of new frames for which there are new scores.

    Raises:
        ValueError: for clips whose frames are shuffled.

    Example:
    >>> import numpy as np
    >>> from keras_ctsep import CTSepResNet10
    >>> from keras_ctsep.data import ClipFormat
    >>> from keras_ctsep.inference import LiveClassifier, VideoClassifier
    >>> clips = ClipFormat(num_frames=16, fps=15, short_side=18, crop_size=16)
    >>> model = CTSepResNet10(2, width=0.0625, causal=True)
    >>> live = LiveClassifier(VideoClassifier(model, ["jump", "run"], clips))
    >>> live.is_streaming, live.num_frames
    (True, 8)
    >>> frames = (np.zeros((18, 24, 3), "uint8") for _ in range(24))
    >>> [scores.shape for _, scores in live.scores(frames)]
    [(2,), (2,), (2,)]
    """

    def __init__(self, classifier):
        if classifier.clips.shuffle_frames:
            raise ValueError("Expected frames in order of time. Received: shuffle_frames=True")
        self.classifier = classifier
        length, *size = self._shape = classifier.clips.shape
        self._stream = self._call = None
        if isinstance(classifier.model, ExportedStream):
            self._stream, self._call = classifier.model, classifier.model.step
        elif isinstance(classifier.model, keras.Model):
            with contextlib.suppress(ValueError):  # of a network that cannot be streamed
                self._stream = streaming_for_clips(classifier.model, classifier.clips)
        self.is_streaming = self._stream is not None
        if self.is_streaming and self._call is None:
            self._call = compiled_call(self._stream)
        step = self._stream.inputs[0].shape[1] if self.is_streaming else max(1, length // 2)
        self.num_frames = step
        # Compiled now: a camera would not wait for it.
        for _ in self.scores(np.zeros((step, *size), "uint8")):
            pass

    def scores(self, frames):
        """Scores frames as they come.

        Args:
            frames: iterable of uint8 arrays `(height, width, 3)`, from `keras_ctsep.data.LiveVideo`
                with the short side and the rate of the classifier's clips.

        Yields:
            A tuple `(frames, scores)` for each `num_frames` frames: a list of these, and float32
            `(num_classes,)`. Until a whole clip has come, a model of clips sees its first frame
            repeated. If the frames end before there are any scores, the last one is repeated.
        """
        score = self._stream_scorer() if self.is_streaming else self._window_scorer()
        before = None
        for chunk in _chunks(frames, self.num_frames):
            seen = center_crop(np.stack(chunk), self._shape[1])
            if self.classifier.clips.frame_differences:
                # Before the first frame nothing has changed.
                pairs = np.concatenate([seen[:1] if before is None else before, seen])
                before, seen = seen[-1:], frame_differences(pairs)
            yield chunk, score(seen[None])

    def _stream_scorer(self):
        states = initial_states(self._stream)

        def score(frames):
            nonlocal states
            scores, *states = self._call([frames, *states])
            return ops.convert_to_numpy(scores)[0]

        return score

    def _window_scorer(self):
        window = None

        def score(frames):
            nonlocal window
            first = np.repeat(frames[:, :1], self._shape[0], axis=1) if window is None else window
            window = np.concatenate([first, frames], axis=1)[:, -self._shape[0] :]
            return self.classifier.model.predict_on_batch(window)[0]

        return score


def _chunks(frames, size):
    """Yields lists of `size` frames; if there are fewer in all, with the last one repeated."""
    chunk, is_first = [], True
    for frame in frames:
        chunk.append(frame)
        if len(chunk) == size:
            yield chunk
            chunk, is_first = [], False
    if chunk and is_first:
        yield chunk + [chunk[-1]] * (size - len(chunk))
