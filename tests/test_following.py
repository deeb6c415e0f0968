"""Following the encoder's drafts, an option like any other: commands, code, records, the page."""

from __future__ import annotations

import json
import shlex

import pytest

import pix2seq
from pix2seq import checkpoints
from pix2seq.agreement import write_samples
from pix2seq.argument import Pair
from pix2seq.asking import ask, box_tokens
from pix2seq.bench.subject import Subject, subject_of
from pix2seq.branching import grow_tree, write_rivals
from pix2seq.cli import main
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.data.scenes import Scenes
from pix2seq.render import RunRecord, as_command, as_python
from pix2seq.sweep.bench import Bench
from pix2seq.sweep.table import plan_table
from pix2seq.ui.about.tab import about_text
from pix2seq.ui.kit.controls import NAMES, controls_as_updates, options_from_values
from pix2seq.ui.learn.inference import three_ways
from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.runs import Picture, Run
from pix2seq.ui.visit.shelf import ModelShelf
from pix2seq.ui.visit.writer import write
from pix2seq.ui.write import handlers as module
from pix2seq.ui.write.answers import Answers
from pix2seq.ui.write.exports import options_of_link, run_record
from pix2seq.ui.write.handlers import Handlers
from pix2seq.ui.write.recordings import recorded_run
from tests import fakes
from tests.served import Visitor, control_values, scripted_predictor, settings_on_view
from tests.test_drafts import drafting_model

ON = SamplingOptions(follow_drafts=True, eos="delay", max_objects=4, seed=2)
OFF = ON.replace(follow_drafts=False)
NOTHING = "follow_drafts is on, but this model's encoder drafts nothing; switch it off"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    """A checkpoint whose encoder drafts, and that recommends to follow."""
    path = tmp_path_factory.mktemp("drafting") / "it"
    defaults = SamplingOptions(follow_drafts=True)
    tokenizer, preprocess = fakes.TINY_TOKENIZER, fakes.TINY_PREPROCESS
    checkpoints.save(path, drafting_model(), tokenizer, preprocess, "coco80", defaults)
    return str(path)


@pytest.fixture(scope="module")
def predictor(folder):
    return pix2seq.load(folder, device="cpu")


@pytest.fixture
def context(predictor):
    """Two checkpoints to choose between, the first of which has drafts."""
    known = {"drafting": predictor, "scripted": scripted_predictor()}
    return AppContext(ModelShelf(known.__getitem__), "drafting", [(name, name) for name in known])


@pytest.fixture
def run(predictor, picture, context):
    """A followed run of four objects, kept and written."""
    one = context.runs.add(Run(Picture(picture), predictor, predictor.resolve(ON)))
    list(write(one))
    return one


def ids(predictor, picture, options) -> list[int]:
    return [step.token_id for step in predictor.stream(predictor.encode(picture), options)]


# ---- options, commands, code ----------------------------------------------------------------


def test_a_model_without_drafts_says_what_to_do():
    plain = scripted_predictor()
    assert plain.resolve().follow_drafts is False
    with pytest.raises(ConfigError, match=NOTHING):
        plain.resolve(ON)


def test_a_checkpoint_cannot_recommend_what_its_encoder_lacks(tmp_path, tiny_model):
    with pytest.raises(ConfigError, match=NOTHING):
        checkpoints.save(
            tmp_path / "it",
            tiny_model,
            fakes.TINY_TOKENIZER,
            fakes.TINY_PREPROCESS,
            "coco80",
            SamplingOptions(follow_drafts=True),
        )


def test_the_command_follows_or_not_and_its_record_knows_who_pulled(
    folder, predictor, tmp_path, picture, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    picture.save("a.png")
    words = ["detect", "a.png", "--checkpoint", folder, "--device", "cpu", "--eos", "delay"]
    words += ["--max-objects", "4", "--seed", "2"]
    for flag, options in (("--follow-drafts", ON), ("--no-follow-drafts", OFF)):
        assert main([*words, flag, "--record", "a.json"]) == 0
        record = RunRecord.from_json((tmp_path / "a.json").read_text(encoding="utf-8"))
        assert record.options.follow_drafts is options.follow_drafts
        assert [token.id for token in record.tokens] == ids(predictor, picture, options)
        assert any(token.pull for token in record.tokens) is options.follow_drafts
        assert not any(token.pull for token in record.tokens[:5])
        assert flag in shlex.split(as_command(record))
        assert f"follow_drafts={options.follow_drafts}" in as_python(record)
    capsys.readouterr()


def test_the_command_refuses_in_one_line(tiny_checkpoint, tmp_path, picture, capsys):
    picture.save(tmp_path / "a.png")
    words = ["detect", str(tmp_path / "a.png"), "--checkpoint", str(tiny_checkpoint)]
    assert main([*words, "--device", "cpu", "--follow-drafts"]) == 2
    assert NOTHING in capsys.readouterr().err


def test_a_record_of_an_earlier_version_followed_nothing(run):
    record = run_record(run)
    assert RunRecord.from_json(record.to_json()) == record
    old = json.loads(record.to_json())
    del old["options"]["follow_drafts"]
    for token in old["tokens"]:
        del token["pull"]
    read = RunRecord.from_json(json.dumps(old))
    assert read.options.follow_drafts is False and not any(token.pull for token in read.tokens)
    assert "--no-follow-drafts" in as_command(read)


def test_a_recording_of_an_earlier_version_is_written_again_as_it_was(predictor, tmp_path, context):
    picture = context.example_picture("scene-3")
    options = predictor.resolve(OFF)
    encoding = picture.encoded_by(predictor)
    written = tuple(step.token_id for step in predictor.stream(encoding, options))
    kept = options.to_dict()
    del kept["follow_drafts"]
    recording = {"checkpoint": predictor.name, "vocab": {}, "options": kept, "ids": written}
    (tmp_path / "scene-3.json").write_text(json.dumps(recording | {"lines": []}))
    run = recorded_run(picture, predictor, tmp_path)
    assert tuple(run.restore().token_ids) == written
    assert written != tuple(
        step.token_id for step in predictor.stream(encoding, options.replace(follow_drafts=True))
    )


# ---- who follows, and who does not ----------------------------------------------------------


def test_samples_and_sweeps_follow_as_the_stream_does(predictor, picture):
    encoding = predictor.encode(picture)
    (several,) = write_samples(predictor, encoding, ON, [2, 3])
    alone = predictor.read(encoding, list(predictor.stream(encoding, ON)), ON)
    assert several[0].found.boxes.tolist() == alone.boxes.tolist()
    samples = Scenes(5, 2, 64)
    bench = Bench(predictor, samples)
    assert list(bench.look())
    for number, steps in bench.write(predictor.resolve(ON), lambda: False):
        own = ON.replace(seed=ON.seed + number)
        said = ids(predictor, samples[number].image, own)
        assert [step.token_id for step in steps] == said
        assert any(step.pull for step in steps)


def test_the_benchmark_writes_what_visitors_get(predictor):
    subject = subject_of(predictor)
    assert isinstance(subject, Subject) and subject.options.follow_drafts
    assert any(step.pull for step in subject.stream())
    subject.batch(2)


def test_a_tree_and_its_rivals_are_the_decoder_alone(predictor, picture):
    encoding = predictor.encode(picture)
    trees = [grow_tree(predictor, encoding, options, leaves=4) for options in (ON, OFF)]
    assert trees[0] == trees[1] and trees[0].options.follow_drafts is False
    rivals = [write_rivals(predictor, encoding, one, seeds=(0, 1)) for one in (ON, OFF)]
    assert rivals[0] == rivals[1]


def test_lesson_argument_and_questions_are_the_decoder_alone(predictor, picture, context):
    class Seen:
        def needs_model(self):
            return predictor

    assert not any(options.follow_drafts for _, options in three_ways(Seen(), {}))
    assert Pair.of(predictor, predictor).options.follow_drafts is False
    encoding = predictor.encode(picture)
    box = box_tokens(predictor, encoding, [2, 2, 30, 30])
    behind = ids(predictor, picture, OFF)[:10]
    assert ask(predictor, encoding, box, behind).probs


def test_the_table_tries_both_where_there_are_drafts(predictor):
    names = [one.name for one in plan_table(predictor) if one.group == "drafts"]
    assert names == ["followed", "not followed"]
    assert not [one for one in plan_table(scripted_predictor()) if one.group == "drafts"]


# ---- the page -------------------------------------------------------------------------------


def test_the_stage_hears_what_pulled_each_token(run):
    lines = run.text.splitlines()
    pulls = [line for line in lines if line.startswith("P")]
    pulled = [step for step in run.steps if step.pull]
    assert pulled and len(pulls) == len(pulled)
    for line, step in zip(pulls, pulled, strict=True):
        before = lines[lines.index(line) - 1]
        assert before.startswith(f"T{step.index} {step.token_id} ")
        index, centre, width, draft, sure = line[1:].split()
        assert (int(index), int(centre)) == (step.index, step.pull.centre)
        assert float(width) == pytest.approx(step.pull.width, abs=0.05)
        assert (int(draft), int(sure)) == (step.pull.draft, round(10_000 * step.pull.sure))


def test_the_control_shows_only_where_there_are_drafts(predictor):
    place = NAMES.index("follow_drafts")
    here = controls_as_updates(predictor, predictor.resolve())[place]
    assert here["value"] is True and here["visible"] is True
    plain = scripted_predictor()
    gone = controls_as_updates(plain, plain.resolve())[place]
    assert gone["value"] is False and gone["visible"] is False
    visible = [update.get("visible") for update in controls_as_updates(plain, plain.resolve())]
    assert [one for one in visible if one is not None] == [False]


def test_another_checkpoint_takes_the_control_with_it_and_runs(context, picture, tmp_path):
    handlers = Handlers(context)
    context.sessions.set_pace("tab", 0)
    _, name, *updates = handlers.choose_checkpoint("scripted", "drafting")
    values = [update["value"] for update in updates]
    path = tmp_path / "a.png"
    picture.save(path)
    text = list(handlers.run(str(path), "", name, *values, request=Visitor()))[-1]
    assert "\nEeos" in text and "\nP" not in text


def test_a_link_that_asks_for_drafts_that_are_not_there_is_told(context, monkeypatch):
    remarks: list[str] = []
    monkeypatch.setattr(module, "remark", remarks.append)
    query = {"ex": "chelsea", "ckpt": "scripted", "drafts": "1"}
    answer = Handlers(context).open_page(Visitor(**query))
    assert answer[5] == "run"
    assert remarks == [
        "follow the encoder's drafts in the link: this checkpoint's encoder drafts nothing"
    ]
    assert answer[6 + NAMES.index("follow_drafts")]["value"] is False
    options, notes = options_of_link({"drafts": "0"}, scripted_predictor())
    assert (options.follow_drafts, notes) == (False, [])


def test_a_link_switches_it_either_way(predictor, run, context):
    for text, wanted in (("1", True), ("0", False)):
        options, notes = options_of_link({"drafts": text}, predictor)
        assert (options.follow_drafts, notes) == (wanted, [])
    run.picture.example = "coffee"
    assert "drafts=1" in Answers(context).snippets({"run": run.id})["link"]


def test_values_go_both_ways(predictor):
    assert options_from_values(predictor, settings_on_view(predictor)).follow_drafts is True
    off = dict(zip(NAMES, control_values(predictor, follow_drafts=False), strict=True))
    assert options_from_values(predictor, off).follow_drafts is False


def test_what_if_does_not_speak_of_what_is_in_the_logits_already(run, context):
    values = settings_on_view(run.predictor, **{**_changed(run), "follow_drafts": False})
    answer = Answers(context).explain({"run": run.id, "index": 6, "values": values})
    assert answer["whatIf"] is False
    assert sum(answer["axis"][0]) > 0


def _changed(run: Run) -> dict:
    names = ("eos", "max_objects", "seed")
    return {name: getattr(run.options, name) for name in names}


def test_about_says_what_the_checkpoint_recommends(predictor):
    assert "following the encoder's drafts" in about_text(predictor, "", [predictor.name])
    plain = scripted_predictor()
    assert "following the encoder's drafts" not in about_text(plain, "", [plain.name])
