import dataclasses
import json
import math

import pytest

from pix2seq.config import (
    AugmentConfig,
    Config,
    ConfigError,
    DataConfig,
    EncoderConfig,
    ModelConfig,
    PreprocessConfig,
    SamplingOptions,
    TokenizerConfig,
    TrainConfig,
    TransformerConfig,
)
from tests import fakes


def train_config(**changes) -> TrainConfig:
    settings = {
        "model": fakes.tiny_config(),
        "tokenizer": fakes.TINY_TOKENIZER,
        "preprocess": fakes.TINY_PREPROCESS,
        "data": (DataConfig(), DataConfig(weight=2, annotations="a.json", images="photos")),
    }
    return TrainConfig(**(settings | changes))


ALL = [
    fakes.TINY_TOKENIZER,
    fakes.TINY_PREPROCESS,
    fakes.tiny_config(),
    fakes.tiny_config(ordinal_ids=None, masked_key_id=3),
    SamplingOptions(),
    SamplingOptions(temperature=0.5, top_p=0.4, forbidden_labels=(1, 2), seed=9),
    AugmentConfig(noise_objects=False),
    train_config(),
]


@pytest.mark.parametrize("config", ALL, ids=lambda config: type(config).__name__)
def test_json_round_trip(config: Config, tmp_path):
    file = tmp_path / "config.json"
    file.write_text(config.to_json())
    assert type(config).load(file) == config
    assert type(config).from_dict(json.loads(config.to_json())) == config


@pytest.mark.parametrize("config", ALL, ids=lambda config: type(config).__name__)
def test_settings_are_frozen_and_hashable(config: Config):
    name = dataclasses.fields(config)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, name, None)
    assert len({config, config.replace()}) == 1


def test_unknown_settings_are_named_and_the_known_ones_listed():
    with pytest.raises(ConfigError, match=r"no setting 'heat', 'topp'; it knows .*temperature"):
        SamplingOptions.from_dict({"topp": 1, "heat": 2})


@pytest.mark.parametrize("data", [[], "temperature", 3, None])
def test_settings_that_are_no_mapping_are_refused(data):
    with pytest.raises(ConfigError, match="SamplingOptions needs settings by name"):
        SamplingOptions.from_dict(data)


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        (SamplingOptions, {"temperature": "hot"}, "temperature is 'hot'; it must be a number"),
        (SamplingOptions, {"top_k": 2.5}, "top_k is 2.5; it must be a whole number"),
        (SamplingOptions, {"seed": True}, "seed is True; it must be a whole number"),
        (SamplingOptions, {"grammar": 1}, "grammar is 1; it must be true or false"),
        (SamplingOptions, {"eos": ["model"]}, "eos is .'model'.; use one of"),
        (SamplingOptions, {"forbidden_labels": 3}, "forbidden_labels is 3; it must be a list"),
        (SamplingOptions, {"forbidden_labels": ["dog"]}, "an item of forbidden_labels is 'dog'"),
        (DataConfig, {"images": 5}, "images is 5; it must be a text"),
        (PreprocessConfig, {}, "PreprocessConfig lacks 'image_size'"),
        (ModelConfig, {"encoder": 3}, "ModelConfig lacks"),
    ],
)
def test_values_of_the_wrong_kind_are_named(kind, data, message):
    with pytest.raises(ConfigError, match=message):
        kind.from_dict(data)


def test_whole_numbers_do_for_fractions():
    options = SamplingOptions.from_dict({"temperature": 1})
    assert options.temperature == 1.0 and isinstance(options.temperature, float)


def test_the_last_class_cannot_be_forbidden():
    with pytest.raises(ConfigError, match="all 80 classes are forbidden"):
        SamplingOptions(forbidden_labels=tuple(range(80))).resolve(
            SamplingOptions(), fakes.TINY_TOKENIZER
        )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"image_size": 5}', '{"image_size": [0, 4]}'])
def test_a_broken_file_is_named(tmp_path, text):
    file = tmp_path / "broken.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"broken\.json: .+"):
        PreprocessConfig.load(file)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("temperature", -0.1),
        ("temperature", 101),
        ("temperature", math.nan),
        ("top_p", 0),
        ("top_p", 2),
        ("top_p", math.nan),
        ("top_p_rule", "typical"),
        ("top_k", -1),
        ("max_objects", 0),
        ("num_bins", 1),
        ("eos", "never"),
        ("noise", "hide"),
        ("score_threshold", 1.5),
        ("seed", -1),
        ("seed", 2**63),
    ],
)
def test_impossible_sampling_options_name_the_setting_and_the_value(setting, value):
    with pytest.raises(ConfigError, match=f"{setting} is {value!r}"):
        SamplingOptions(**{setting: value})


def test_resolve_takes_ours_then_the_checkpoints_then_general_defaults():
    asked = SamplingOptions(temperature=0.0, seed=5)
    recommended = SamplingOptions(temperature=0.7, top_p=0.4, max_objects=6)
    resolved = asked.resolve(recommended, fakes.TINY_TOKENIZER)
    assert resolved.temperature == 0.0 and resolved.seed == 5
    assert resolved.top_p == 0.4 and resolved.max_objects == 6
    assert resolved.num_bins == fakes.TINY_TOKENIZER.num_bins
    assert resolved.noise == "paper" and resolved.eos == "model" and resolved.grammar is True
    assert None not in dataclasses.astuple(resolved)
    assert resolved.resolve(SamplingOptions(), fakes.TINY_TOKENIZER) == resolved


def test_a_model_without_a_noise_class_shows_everything():
    tokenizer = fakes.TINY_TOKENIZER.replace(noise_id=None)
    assert SamplingOptions().resolve(SamplingOptions(), tokenizer).noise == "show"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SamplingOptions(num_bins=33), "num_bins is 33, but this model has 32; use 32 or less"),
        (SamplingOptions(max_objects=9), "max_objects is 9, but this model has 8; use 8 or less"),
        (SamplingOptions(forbidden_labels=(80,)), "label 80 is not one of the 80 classes"),
        (SamplingOptions(forbidden_labels=(-1,)), "label -1 is not one of the 80 classes"),
    ],
)
def test_options_beyond_the_model_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        options.resolve(SamplingOptions(), fakes.TINY_TOKENIZER)


def test_the_compact_layout_leaves_no_gap():
    config = TokenizerConfig.compact(num_bins=10, num_classes=3)
    assert (config.pad_id, config.bos_id, config.eos_id, config.noise_id) == (0, 1, 2, 3)
    assert (config.coord_offset, config.class_offset, config.vocab_size) == (4, 14, 17)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_bins": 1}, "num_bins is 1"),
        ({"num_classes": 0}, "num_classes is 0"),
        ({"max_objects": 0}, "max_objects is 0"),
        ({"class_offset": 20}, "overlap"),
        ({"eos_id": 5}, "special id 5 is also a token's id"),
        ({"noise_id": 40}, "special id 40 is also a token's id"),
        ({"vocab_size": 100}, "vocab_size is 100, but ids reach 115"),
        ({"box_order": "xywh"}, "box_order is 'xywh'; use one of 'yxyx', 'xyxy'"),
        ({"quantizer": "ceil"}, "quantizer is 'ceil'"),
    ],
)
def test_impossible_vocabularies_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        fakes.TINY_TOKENIZER.replace(**changes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PreprocessConfig(image_size=(64,)), "image_size is"),
        (lambda: PreprocessConfig(image_size=(64, 64), fit="crop"), "fit is 'crop'"),
        (lambda: PreprocessConfig(image_size=(64, 64), std=(1, 0, 1)), "std is"),
        (lambda: TransformerConfig(dim=10, layers=1, heads=3, mlp_dim=8), "dim is 10"),
        (lambda: EncoderConfig("cnn", fakes.tiny_config().decoder), "encoder kind is 'cnn'"),
        (lambda: fakes.tiny_config(vocab_size=1, ordinal_ids=None), "vocab_size is 1"),
        (lambda: fakes.tiny_config(ordinal_ids=(100, 32)), "ordinal_ids is"),
        (lambda: fakes.tiny_config(decoder_positions="rotary"), "decoder_positions is 'rotary'"),
        (
            lambda: fakes.tiny_config(decoder=TransformerConfig(64, 1, 2, 64)),
            "encoder width 32 and decoder width 64 differ; set a bridge",
        ),
        (lambda: DataConfig(annotations="a.json"), "annotations and images go together"),
        (lambda: DataConfig(weight=0), "data weight is 0"),
        (lambda: DataConfig(mosaic=1.5), "mosaic is 1.5"),
        (lambda: train_config(class_smoothing=1.0), "class_smoothing is 1.0"),
        (lambda: AugmentConfig(class_corruption="all"), "class_corruption is 'all'"),
        (lambda: train_config(data=()), "data is empty"),
        (lambda: train_config(mixed_precision="fp8"), "mixed_precision is 'fp8'"),
        (lambda: train_config(steps=0), "steps and batch_size must be positive"),
        (
            lambda: train_config(tokenizer=TokenizerConfig.compact(32, 81, 8)),
            "the model has 116 tokens, the tokenizer 117",
        ),
        (
            lambda: train_config(objects_per_sequence=9),
            "9 objects need 46 positions, the model has 41",
        ),
    ],
)
def test_impossible_configurations_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_model_config_reads_back_from_plain_json_values():
    data = json.loads(fakes.tiny_config().to_json())
    assert data["encoder"]["out_indices"] == [3, 4]
    config = ModelConfig.from_dict(data)
    assert config.encoder.out_indices == (3, 4)
    assert isinstance(config.encoder.transformer, TransformerConfig)
