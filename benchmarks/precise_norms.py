"""Draws validation accuracy with moving and with precise statistics of batch norm.

    KERAS_BACKEND=torch python benchmarks/precise_norms.py --data handgesture17

One training; after each epoch the same weights are measured twice.
"""

import csv

import keras
import tyro

from keras_ctsep import training
from keras_ctsep.data import Annotations, Augmentation, ClipFormat, VideoDataset, read_videos
from keras_ctsep.models import CTSepResNet10
from keras_ctsep.models.freezing import batch_norms


class MeasureTwice(keras.callbacks.Callback):
    """Evaluates with moving statistics, then with precise ones, and puts the moving ones back."""

    def __init__(self, precise, data, path):
        super().__init__()
        self.precise = precise
        self.data = data
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        moving = self._accuracy()
        statistics = [
            variable
            for norm in batch_norms(self.model)
            for variable in (norm.moving_mean, norm.moving_variance)
        ]
        before = [keras.ops.convert_to_numpy(variable).copy() for variable in statistics]
        self.precise.update(self.model)
        precise = self._accuracy()
        for variable, array in zip(statistics, before, strict=True):
            variable.assign(array)
        row = [epoch + 1, logs["accuracy"], moving, precise]
        with open(self.path, "a", newline="") as file:
            csv.writer(file).writerow([round(float(value), 4) for value in row])

    def _accuracy(self):
        return self.model.evaluate(self.data, verbose=0, return_dict=True)["accuracy"]


def draw(table, picture):
    from matplotlib.figure import Figure

    with open(table, newline="") as file:
        rows = [[float(cell) for cell in row] for row in csv.reader(file)]
    epochs, train, moving, precise = zip(*rows, strict=True)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(epochs, train, color="0.7", label="training")
    axes.plot(epochs, moving, "o-", color="tab:red", label="validation, moving statistics")
    axes.plot(epochs, precise, "o-", color="tab:blue", label="validation, precise statistics")
    axes.set(xlabel="epoch", ylabel="accuracy of clips", ylim=(0, 1))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(picture, dpi=110)


def main(
    *,
    data: str,
    epochs: int = 30,
    every: int = 2,
    num_clips: int = 200,
    table: str = "precise_norms.csv",
    picture: str = "docs/precise_norms.png",
):
    """Trains, measures after each epoch, writes a table and draws a picture.

    Args:
        data: folder of videos in UCF101's layout.
        epochs: passes over the training videos.
        every: take each second, third ... video of both sides.
        num_clips: training clips for the precise statistics.
        table: csv file: epoch, training accuracy, validation with moving and precise statistics.
        picture: png file.
    """
    keras.utils.set_random_seed(0)
    clips = ClipFormat(frame_stride=3, short_side=64, crop_size=64, frame_differences=True)
    sides = [read_videos("ucf101", data, side) for side in ("train", "test")]
    train, test = (Annotations(s.paths[::every], s.labels[::every], s.class_names) for s in sides)
    train_data = VideoDataset(train, 16, clips, augment=Augmentation(flip=False))
    test_data = VideoDataset(test, 16, clips)
    model = CTSepResNet10(len(train.class_names), width=0.5)
    steps = len(train_data)
    schedule = training.warmup_cosine(2e-3, steps * epochs, steps)
    model.compile(
        training.make_optimizer("adamw", schedule, 0.05, False, model.trainable_variables),
        keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        weighted_metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    with open(table, "w"):
        pass
    measure = MeasureTwice(training.PreciseNorms(train_data, num_clips), test_data, table)
    model.fit(train_data, epochs=epochs, shuffle=False, verbose=2, callbacks=[measure])
    draw(table, picture)


if __name__ == "__main__":
    tyro.cli(main)
