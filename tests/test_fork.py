"""The dock of *Write*: what its panels are answered, without a browser."""

from __future__ import annotations

import pytest

import pix2seq
from pix2seq.branching import SentenceTree
from pix2seq.config import ConfigError
from pix2seq.ui.fork.answers import Forks
from pix2seq.ui.fork.recordings import AT, make_recording
from pix2seq.ui.fork.tree import recorded_tree
from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.examples import open_example
from pix2seq.ui.visit.runs import Run
from pix2seq.ui.visit.shelf import ModelShelf
from pix2seq.ui.visit.writer import write
from tests.served import SENTENCE, app_context


@pytest.fixture
def forks() -> Forks:
    return Forks(app_context())


@pytest.fixture
def run(forks) -> Run:
    predictor = forks.context.shelf.get("scripted")
    run = Run(open_example("chelsea"), predictor, predictor.resolve())
    for _ in write(run):
        pass
    return forks.context.runs.add(run)


# ---- the tree of sentences ------------------------------------------------------------------


def test_a_tree_is_grown_behind_the_tokens_that_are_kept(forks, run):
    answer = forks.tree({"run": run.id, "ids": SENTENCE[:6], "leaves": 6})
    tree = SentenceTree.from_dict(answer["tree"])
    trunk = tree.path(0)
    assert [token.id for token in trunk[:6]] == SENTENCE[:6]
    assert [token.forced for token in trunk] == [True] * 6 + [False] * (len(trunk) - 6)
    assert {rival.kind for rival in tree.rivals} == {"argmax", "beam", "sample"}


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"leaves": 7}, "leaves is 7"),
        ({"ids": [1.5]}, "list of token ids"),
        ({"ids": [10**6]}, "not in the vocabulary"),
        ({"ids": SENTENCE}, "EOS"),
        ({"run": "nobody's"}, "no longer kept"),
    ],
)
def test_what_no_tree_can_grow_from_is_answered_in_words(forks, run, question, said):
    answer = forks.tree({"run": run.id, "ids": [], "leaves": 6} | question)
    assert said in answer["error"]


def no_model(name: str):
    raise ConfigError("there is no model")


def test_recorded_trees_need_no_model_and_belong_to_one(forks):
    alone = Forks(AppContext(ModelShelf(no_model), "mini", [("mini", "mini")]))
    for example in AT:
        picture = alone.context.pictures.add(open_example(example))
        found = SentenceTree.from_dict(alone.recorded({"picture": picture.id})["tree"])
        given = [token for token in found.path(0) if token.forced]
        assert len(given) == AT[example] and len(found.branches) > 6
    forks.context.shelf.get("scripted")
    picture = forks.context.pictures.add(open_example("coffee"))
    assert forks.recorded({"picture": picture.id}) == {"tree": None}


def test_a_damaged_recording_is_no_recording(tmp_path):
    assert recorded_tree("coffee", tmp_path) is None
    (tmp_path / "coffee.json").write_text("{")
    assert recorded_tree("coffee", tmp_path) is None
    assert recorded_tree(None) is None


@pytest.mark.slow
@pytest.mark.parametrize("example", AT)
def test_recorded_trees_are_those_of_the_bundled_checkpoint(example):
    made = make_recording(pix2seq.load("mini", device="cpu"), example, leaves=12)
    kept = recorded_tree(example)
    for mine, theirs in zip(made.branches, kept.branches, strict=True):
        assert [token.id for token in mine.tokens] == [token.id for token in theirs.tokens]
        assert mine.surprise == pytest.approx(theirs.surprise, rel=1e-4)
        assert mine.group == theirs.group
