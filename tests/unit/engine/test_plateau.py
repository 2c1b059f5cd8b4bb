"""A rate that follows the validation: cut in training, and exactly so after a resume."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch

from cnn_cli.engine import checkpoint
from cnn_cli.engine.state import restore
from cnn_cli.engine.train import train_step as step_of_training
from cnn_cli.optim.schedules import Plateau, Watch

NEVER_BETTER = Plateau(0.0, 1.0, gamma=0.1, patience=1, threshold=9.0, min_factor=0.0)


def task(bench, name):
    made = bench.task(name, epochs=6, checkpoint_every=1)
    return replace(made, settings=replace(made.settings, schedule=NEVER_BETTER))


def lines(made):
    rows = [json.loads(line) for line in made.run.metrics.read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "time"} for row in rows]


def test_the_rate_is_cut_where_validations_get_no_better(bench):
    made = task(bench, "run")
    state = bench.state(made)
    bench.train(made, state)
    rates = [line["lr"] for line in lines(made)]
    assert rates == pytest.approx([0.05, 0.05, 0.05, 0.005, 0.005, 0.0005])
    assert state.watch == Watch(factor=pytest.approx(0.01), best=state.watch.best, stale=1)


@pytest.mark.parametrize("stop", [3, 12, 14, 20])
def test_a_resume_is_bit_exact(bench, monkeypatch, stop):
    whole, parts = task(bench, "whole"), task(bench, "parts")
    uninterrupted = bench.state(whole)
    bench.train(whole, uninterrupted)

    def step(state, *rest):
        step_of_training(state, *rest)
        if state.step == stop - 1:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("cnn_cli.engine.train.train_step", step)
    assert bench.train(parts, bench.state(parts)) == "SIGTERM"
    monkeypatch.undo()
    again = bench.state(parts)
    restore(again, checkpoint.load(parts.run.pointer("last")))
    assert again.step == stop
    assert bench.train(parts, again) == "finished"
    assert again.watch == uninterrupted.watch
    assert lines(parts) == lines(whole)
    found = again.model.state_dict()
    assert all(torch.equal(v, found[k]) for k, v in uninterrupted.model.state_dict().items())


def test_older_checkpoints_have_heard_nothing(bench):
    made = task(bench, "run")
    bench.train(made, bench.state(made))
    saved = replace(checkpoint.load(made.run.pointer("last")), watch=None)
    state = bench.state(made)
    restore(state, saved)
    assert state.watch == Watch()
