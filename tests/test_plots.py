"""What the pictures show, read back from matplotlib's objects and from the pixels."""

import numpy as np
import pytest

from keras_ctsep import plots
from keras_ctsep.inference import WindowScores, find_segments

matplotlib = pytest.importorskip("matplotlib")
image = pytest.importorskip("matplotlib.image")


@pytest.fixture
def figures(monkeypatch):
    """Collects the figures that are written."""
    written = []
    write = plots._write
    monkeypatch.setattr(
        plots, "_write", lambda figure, path: (written.append(figure), write(figure, path))
    )
    return written


def test_curves_draw_the_history(figures, tmp_path):
    history = {
        "epoch": [1, 2, 3],
        "loss": [3.0, 2.0, 1.5],
        "val_loss": [3.1, 2.5, 2.2],
        "val_accuracy": [0.25, 0.5, 0.625],
        "seconds": [9, 9, 9],
    }
    plots.plot_curves(history, tmp_path / "curves.png")
    loss, accuracy = figures[0].axes
    lines = [line.get_xydata().tolist() for line in loss.lines + accuracy.lines]
    assert lines == [
        [[1, 3.0], [2, 2.0], [3, 1.5]],
        [[1, 3.1], [2, 2.5], [3, 2.2]],
        [[1, 0.25], [2, 0.5], [3, 0.625]],
    ]
    labels = [text.get_text() for text in accuracy.get_legend().get_texts()]
    assert labels == ["validation: 0.625"]


def test_confusion_matrix_shades_shares_and_writes_counts(figures, tmp_path):
    matrix = np.array([[3, 1], [0, 8]])
    plots.plot_confusion_matrix(matrix, ["jump", "run"], tmp_path / "matrix.png")
    axes = figures[0].axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), [[0.75, 0.25], [0, 1]])
    assert {text.get_position(): text.get_text() for text in axes.texts} == {
        (0, 0): "3",
        (1, 0): "1",
        (1, 1): "8",
    }
    assert [label.get_text() for label in axes.get_yticklabels()] == ["jump", "run"]
    assert axes.get_title() == "11 of 12 right (91.7%)"


def test_confusion_matrix_of_101_classes_has_room_for_every_name(figures, tmp_path):
    names = [f"HandstandPushups{number}" for number in range(101)]
    plots.plot_confusion_matrix(np.eye(101, dtype=int), names, tmp_path / "matrix.png")
    figures[0].draw_without_rendering()
    axes = figures[0].axes[0]
    boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
    overlaps = [a.y0 < b.y1 for a, b in zip(boxes, boxes[1:], strict=False)]
    assert len(boxes) == 101 and not any(overlaps)


NAMES = ["$x_", "a$b^$c", "\udcff\\frac{"]  # a formula, its parts, and bytes that are no UTF-8
SHOWN = ["$x_", "a$b^$c", r"\udcff\frac{"]


def test_names_are_drawn_as_they_are(figures, tmp_path):
    plots.plot_confusion_matrix(np.eye(3, dtype=int), NAMES, tmp_path / "matrix.png")
    plots.plot_data_set({"train": [1, 2, 3]}, NAMES, [5, 6, 7], tmp_path / "set.png")
    frames = np.zeros((2, 8, 8, 3), "uint8")
    plots.contact_sheet(frames, tmp_path / "sheet.png", "\n".join(NAMES))
    matrix, data_set, sheet = figures
    for labels in (
        matrix.axes[0].get_xticklabels(),
        matrix.axes[0].get_yticklabels(),
        data_set.axes[0].get_xticklabels(),
    ):
        assert [label.get_text() for label in labels] == SHOWN
        assert not any(label.get_parse_math() for label in labels)
    assert sheet.get_suptitle() == "\n".join(SHOWN)


def test_data_set_stacks_the_videos_of_a_class(figures, tmp_path):
    counts = {"train": [3, 1], "test": [1, 0]}
    plots.plot_data_set(counts, ["jump", "run"], [10, 10, 12, 30, 30], tmp_path / "set.png")
    balance, lengths = figures[0].axes
    bars = [(bar.get_y(), bar.get_height()) for bar in balance.patches]
    assert bars == [(0, 3), (0, 1), (3, 1), (1, 0)]
    assert [text.get_text() for text in balance.get_legend().get_texts()] == ["train", "test"]
    assert sum(bar.get_height() for bar in lengths.patches) == 5


def test_contact_sheet_shows_every_frame_in_order(tmp_path):
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 0, 255], [0, 255, 255]])
    frames = np.broadcast_to(colours[:, None, None], (5, 8, 12, 3)).astype("uint8")
    plots.contact_sheet(frames, tmp_path / "sheet.png", "jump.avi\n0.9 jump", columns=3)
    picture = (image.imread(tmp_path / "sheet.png")[..., :3] * 255).round().astype(int)
    centres = [np.argwhere((picture == colour).all(-1)).mean(axis=0) for colour in colours]
    rows, columns = np.transpose(centres)
    assert np.ptp(rows[:3]) < 2 and np.ptp(rows[3:]) < 2 and rows[3] > rows[0] + 50
    assert columns[0] + 50 < columns[1] < columns[2] - 50 and columns[3] + 50 < columns[4]
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_timeline_draws_scores_at_the_middles_and_segments_below(figures, tmp_path):
    scores = np.array([[0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.2, 0.8, 0.0]])
    windows = WindowScores("a.mp4", 5.0, np.array([0, 1, 2.0]), np.array([2, 3, 4.0]), scores)
    segments = find_segments(windows, NAMES)
    plots.plot_timeline(windows, segments, NAMES, tmp_path / "timeline.png")
    curves, band = figures[0].axes
    lines = [line.get_xydata().tolist() for line in curves.lines]
    assert lines == [[[1, 0.9], [2, 0.6], [3, 0.2]], [[1, 0.1], [2, 0.4], [3, 0.8]]]
    bars = [(bar.get_x(), bar.get_width()) for bar in band.patches if bar.get_width()]
    assert bars == [(0, 2.5), (2.5, 2.5)]
    colours = [bar.get_facecolor() for bar in band.patches if bar.get_width()]
    assert colours == [matplotlib.colors.to_rgba(line.get_color()) for line in curves.lines]
    texts = [text.get_text() for text in figures[0].legends[0].get_texts()]
    assert texts == SHOWN[:2]


def test_evidence_is_a_curve(figures, tmp_path):
    plots.plot_evidence(np.array([0, 0.5, 1]), np.array([1.0, -2, 3]), "$x_", tmp_path / "e.png")
    [axes] = figures[0].axes
    assert axes.lines[0].get_xydata().tolist() == [[0, 1], [0.5, -2], [1, 3]]
    assert axes.get_title() == "What speaks for $x_"


@pytest.mark.parametrize("history", [{"epoch": [], "loss": []}, {"epoch": [1]}])
def test_curves_of_nothing_are_refused(history, tmp_path):
    with pytest.raises(ValueError, match="Expected one epoch or more"):
        plots.plot_curves(history, tmp_path / "curves.png")
