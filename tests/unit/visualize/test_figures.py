"""What each figure shows, read back from its axes."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from torch import nn

from cnn_cli.engine.predict import Predictions
from cnn_cli.errors import UserError
from cnn_cli.visualize.augmentation import augmentation
from cnn_cli.visualize.confusion import confused_pairs, confusion, confusion_counts, draw_confusion
from cnn_cli.visualize.curves import _marker, _ticks, curves, points
from cnn_cli.visualize.feature_maps import feature_maps
from cnn_cli.visualize.filters import filters, first_filters
from cnn_cli.visualize.hooks import layer_maps
from cnn_cli.visualize.mistakes import mistakes, most_confident
from cnn_cli.visualize.pictures import displayed, model_input
from cnn_cli.visualize.style import style
from cnn_cli.visualize.subject import Subject, one_of_each

Make = Callable[..., Subject]


def words(figure: Any) -> str:
    texts = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        texts += [text.get_text() for text in axes.texts]
        texts += [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()]
    return "\n".join(texts)


def shown(figure: Any) -> list[np.ndarray[Any, Any]]:
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


def test_curves_draw_every_recorded_value_and_mark_the_best(make_subject: Make) -> None:
    subject = make_subject()
    (figure,) = curves(subject, log_loss=True).values()
    loss, accuracy, rate, norm = figure.axes
    assert loss.get_yscale() == "log"
    training, validation = loss.lines[:2]
    np.testing.assert_allclose(training.get_xydata(), [[1, 2], [2, 1], [3, 2 / 3]])
    np.testing.assert_allclose(validation.get_ydata(), [2.5, 1.25, 2.5 / 3])
    np.testing.assert_allclose(accuracy.lines[1].get_ydata(), [40, 70, 80])
    np.testing.assert_allclose(accuracy.lines[2].get_xydata(), [[3, 80]])
    np.testing.assert_allclose(rate.lines[0].get_ydata(), [0.1, 0.05, 0.1 / 3])
    np.testing.assert_allclose(norm.lines[0].get_ydata(), [1, 1, 1])
    assert "3 epochs, 30 steps · 9 s" in words(figure)
    assert "best 80.00%" in words(figure)


def test_curves_live_without_validation_and_with_one_epoch(make_subject: Make) -> None:
    line = dict(make_subject().metrics[0], val=None, best=False)
    line["train"] = {"loss": float("inf"), "accuracy": 0.5, "grad_norm": None}
    (figure,) = curves(make_subject(metrics=(line,)), log_loss=False).values()
    assert points([line], "val", "loss") == ([], [])
    assert points([line], "train", "loss") == ([], [])
    assert "not recorded" in words(figure)
    figure.canvas.draw()


def test_curves_without_a_run_say_so(make_subject: Make) -> None:
    with pytest.raises(UserError, match=r"figure.curves: needs a run's metrics.jsonl"):
        curves(make_subject(metrics=()), log_loss=False)


def test_confusion_shows_each_count_in_its_cell(make_subject: Make) -> None:
    subject = make_subject()
    assert subject.predictions is not None
    given = subject.predictions()
    (figure,) = confusion(subject, pairs=5).values()
    axes = figure.axes[0]
    cells = {text.get_position(): int(text.get_text()) for text in axes.texts}
    for true in range(3):
        for predicted in range(3):
            count = int(((given.labels == true) & (given.predicted == predicted)).sum())
            assert cells.get((predicted, true), 0) == count
    assert [label.get_text() for label in axes.get_xticklabels()] == ["ant", "bee", "cat"]
    assert axes.get_ylabel() == "true class"


def test_a_hundred_classes_have_no_numbers_fewer_names_and_a_list_of_pairs() -> None:
    counts = np.eye(100, dtype=np.int64) * 9
    counts[4, 7] = 3
    with style():
        figure = draw_confusion(counts, tuple(f"class number {i}" for i in range(100)), "")
    matrix, *_, listed = figure.axes
    assert not matrix.texts
    assert len(matrix.get_xticks()) == 25
    assert any("class number 4 → class number 7" in text.get_text() for text in listed.texts)
    assert "every 4th of 100" in matrix.get_xlabel()


def test_pairs_are_those_of_a_plain_sort() -> None:
    random = np.random.default_rng(0)
    labels, guesses = random.integers(0, 6, 300), random.integers(0, 6, 300)
    counts = confusion_counts(labels, guesses, 6)
    plain = sorted(
        ((t, p) for t in range(6) for p in range(6) if t != p and counts[t, p]),
        key=lambda pair: (-counts[pair], -counts[pair] / counts[pair[0]].sum()),
    )
    assert confused_pairs(counts, 100) == plain
    assert confused_pairs(counts, 3) == plain[:3]


def test_colour_filters_are_pictures_around_mid_grey(make_subject: Make) -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 2, bias=False))
    kernels = torch.zeros(2, 3, 2, 2)
    kernels[0, 0, 0, 0] = 0.5  # a touch of red
    kernels[1, 2, 1, 1] = -4.0  # against blue; the stronger
    model[0].weight.data = kernels
    (figure,) = filters(make_subject(model=model), count=9).values()
    blue, red = shown(figure)
    np.testing.assert_allclose(red[0, 0], [1, 0.5, 0.5])
    np.testing.assert_allclose(blue[1, 1], [0.5, 0.5, 0])
    assert "layer 0: 2 filters, 2 × 2 pixels, colour" in words(figure)


def test_grey_filters_are_blue_below_and_red_above_zero(make_subject: Make) -> None:
    subject = make_subject(channels=1)
    assert subject.model is not None
    name, weights = first_filters(subject.model)
    (figure,) = filters(subject, count=4).values()
    strongest = weights[weights.flatten(1).norm(dim=1).argmax(), 0]
    image = figure.axes[0].images[0]
    np.testing.assert_allclose(np.asarray(image.get_array()), strongest.numpy())
    low, high = image.get_clim()
    assert (name, low, len(figure.axes)) == ("0", -high, 4)


def test_a_model_without_convolutions_has_no_filters(make_subject: Make) -> None:
    with pytest.raises(UserError, match="no convolution"):
        filters(make_subject(model=nn.Linear(2, 2)), count=1)


def test_feature_maps_are_the_strongest_outputs_of_the_layers(make_subject: Make) -> None:
    subject = make_subject()
    assert subject.model is not None
    assert subject.split is not None
    (figure,) = feature_maps(subject, picture=5, stages=9, maps=3, layers=None).values()
    picture, *maps = shown(figure)
    batch = subject.split.take(torch.tensor([5]))
    np.testing.assert_array_equal(picture, batch.images[0].permute(1, 2, 0).numpy())
    seen = {
        n: o[0] for n, _, o in layer_maps(subject.model, model_input(batch.images, subject.device))
    }
    for row, name in enumerate(("2", "5")):  # the two activations
        output = seen[name].detach()
        order = output.mean(dim=(1, 2)).argsort(descending=True)[:3]
        for column in range(3):
            np.testing.assert_array_equal(maps[3 * row + column], output[order[column]].numpy())
    assert len(maps) == 6
    assert "3 of 6 maps, 12 × 12" in words(figure)


def test_feature_maps_of_named_layers(make_subject: Make) -> None:
    (figure,) = feature_maps(
        make_subject(), picture=None, stages=1, maps=2, layers=("3", "0")
    ).values()
    assert [array.shape for array in shown(figure)[1:]] == [(6, 6)] * 2 + [(12, 12)] * 2
    with pytest.raises(UserError, match=r"figure.feature_maps.layers: no layer '7'"):
        feature_maps(make_subject(), picture=None, stages=1, maps=2, layers=("7",))
    with pytest.raises(UserError, match="at most 23"):
        feature_maps(make_subject(), picture=24, stages=1, maps=2, layers=None)


def test_mistakes_are_the_surest_wrong_ones_with_their_pictures(make_subject: Make) -> None:
    subject = make_subject()
    assert subject.predictions is not None
    assert subject.split is not None
    given = subject.predictions()
    wrong = [i for i in range(24) if given.predicted[i] != given.labels[i]]
    surest = sorted(wrong, key=lambda i: -given.probabilities[i].max())[:4]
    assert most_confident(given, 4).tolist() == surest
    (figure,) = mistakes(subject, count=4).values()
    for index, pixels in zip(surest, shown(figure), strict=True):
        expected = subject.split.take(torch.tensor([index])).images[0].permute(1, 2, 0)
        np.testing.assert_array_equal(pixels, expected.numpy())
    judged = [[t.get_text() for t in axes.texts] for axes in figure.axes if axes.texts]
    for index, (predicted, chance, true, _) in zip(surest, judged, strict=True):
        assert predicted == given.classes[given.predicted[index]]
        assert true == given.classes[given.labels[index]]
        assert chance == f"{given.probabilities[index].max():.0%}"
    assert f"{len(wrong)} of 24 pictures wrong" in words(figure)


def test_no_mistakes_are_said_to_be_none(make_subject: Make) -> None:
    labels = make_subject().split.labels.numpy()  # type: ignore[union-attr]
    right = Predictions(labels, np.eye(3)[labels], ("x",) * 24, ("ant", "bee", "cat"))
    (figure,) = mistakes(make_subject(predictions=lambda: right), count=3).values()
    assert "no mistakes" in words(figure)


def test_predictions_of_another_split_are_refused(make_subject: Make) -> None:
    labels = np.zeros(3, dtype=np.int64)
    other = Predictions(labels, np.eye(3), ("x",) * 3, ("ant", "bee", "cat"))
    with pytest.raises(UserError, match="not those of the chosen split"):
        mistakes(make_subject(predictions=lambda: other), count=3)


def test_augmentation_shows_the_original_and_what_training_would_see(make_subject: Make) -> None:
    subject = make_subject()
    assert subject.augmentation is not None
    (figure,) = augmentation(subject, pictures=2, versions=3).values()
    batch = one_of_each(subject, "augmentation", 2)
    targets = torch.eye(3)[batch.labels]
    versions = [subject.augmentation(batch.images, targets, s, cropped=False)[0] for s in range(3)]
    rows = [[batch.images[row], *(v[row] for v in versions)] for row in range(2)]
    for pixels, image in zip(shown(figure), [i for row in rows for i in row], strict=True):
        np.testing.assert_array_equal(pixels, image.permute(1, 2, 0).numpy())
    assert "original" in words(figure)


def test_mixed_pictures_say_what_they_are_made_of(make_subject: Make) -> None:
    def mix(images: Any, targets: Any, _step: int, **_: bool) -> Any:
        return images / 255, 0.7 * targets + 0.3 * targets.roll(-1, 0)

    (figure,) = augmentation(make_subject(augmentation=mix), pictures=2, versions=1).values()
    assert "0.7 ant\n0.3 bee" in words(figure)


def test_partners_of_mixed_pictures_are_drawn_anew_as_in_training(make_subject: Make) -> None:
    seen = []

    def remember(images: Any, targets: Any, _step: int, **_: bool) -> Any:
        seen.append(targets.flip(0)[:2].argmax(1).tolist())
        return images, targets

    (figure,) = augmentation(make_subject(augmentation=remember), pictures=2, versions=9).values()
    assert len({tuple(partners) for partners in seen}) > 3
    assert "2 of 3 classes" in words(figure)


def test_pictures_keep_their_colours() -> None:
    red = torch.tensor([200, 10, 0], dtype=torch.uint8).view(3, 1, 1)
    assert displayed(red)[0, 0].tolist() == [200, 10, 0]
    assert displayed(torch.full((1, 1, 1), 77, dtype=torch.uint8))[0, 0].tolist() == [77] * 3
    assert displayed(torch.tensor([1.5, 0.5, -1]).view(3, 1, 1))[0, 0].tolist() == [1, 0.5, 0]


def test_small_pictures_are_drawn_pixel_by_pixel(make_subject: Make) -> None:
    (figure,) = augmentation(make_subject(), pictures=1, versions=1).values()
    image = figure.axes[0].images[0]
    assert image.get_interpolation() == "nearest"
    box = figure.axes[0].get_window_extent()
    assert box.width == pytest.approx(box.height)


def test_figures_take_their_look_from_the_style_and_leave_no_settings(make_subject: Make) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    (figure,) = curves(make_subject(), log_loss=False).values()
    assert dict(matplotlib.rcParams) == before
    assert to_rgb(figure.get_facecolor()) == (1, 1, 1)
    assert not figure.axes[0].spines["top"].get_visible()


@pytest.mark.parametrize(("first", "last"), [(1, 1), (1, 2), (1, 20), (1, 300), (11, 30), (7, 7)])
def test_epochs_are_marked_from_the_first_to_the_last(first: int, last: int) -> None:
    ticks = _ticks(first, last)
    assert (ticks[0], ticks[-1]) == (first, last)
    assert ticks == sorted(set(ticks))
    assert len(ticks) <= 10
    steps = {b - a for a, b in pairwise(ticks[1:-1])}
    assert len(steps) <= 1


def test_figures_of_pictures_name_their_data_and_split(make_subject: Make) -> None:
    subject = replace(make_subject(), part="shapes val")
    for draw in (partial(mistakes, count=2), partial(confusion, pairs=3)):
        (figure,) = draw(subject).values()
        assert "a run · shapes val · " in words(figure)
    assert make_subject().origin == "a run"


def test_epochs_that_are_missing_are_a_gap_in_which_single_points_are_seen():
    lines = [
        {"step": e, "epoch": e, "lr": 0.1, "train": {"loss": 1.0 / e, "accuracy": 0.5}, "val": None}
        for e in (1, 2, 5, 7)
    ]
    epochs, values = points(lines, "train", "loss")
    assert epochs == [1, 2, 3, 5, 6, 7]
    assert [math.isnan(value) for value in values] == [False, False, True, False, True, False]
    assert _marker(values) == "o"
    assert _marker([1.0, 0.5, 0.3]) is None
