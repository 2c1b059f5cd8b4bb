"""Predictions: every picture once, in order, the same at any batch size."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss

from cnn_cli.engine.predict import predict


@pytest.mark.parametrize("batch_size", [1, 7, 30, 64])
def test_any_batch_size_gives_the_same(bench, batch_size):
    task = bench.task()
    model = bench.state(task).model
    data, classes = task.dataset.test, task.dataset.classes
    counted: list[int] = []
    found = predict(model, data, classes, task.device, batch_size, counted.append)
    with torch.inference_mode():
        logits = model.eval()(data.take(torch.arange(30)).images)
    np.testing.assert_allclose(found.probabilities, logits.double().softmax(1), rtol=1e-5)
    assert sum(counted) == 30
    assert found.names == tuple(data.names)
    assert found.labels.tolist() == data.labels.tolist()
    assert found.probabilities.dtype == np.float64


def test_figures_match_scikit_learn(bench):
    task = bench.task()
    found = predict(bench.state(task).model, task.dataset.val, task.dataset.classes, task.device, 9)
    assert found.accuracy == accuracy_score(found.labels, found.predicted)
    expected = log_loss(found.labels, found.probabilities, labels=[0, 1, 2])
    assert found.loss == pytest.approx(expected, rel=1e-12)


def test_the_model_is_left_in_its_mode(bench):
    task = bench.task()
    model = bench.state(task).model
    for training in (True, False):
        model.train(training)
        predict(model, task.dataset.val, task.dataset.classes, task.device, 25)
        assert model.training is training
