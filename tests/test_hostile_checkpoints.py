"""Checkpoints from strangers: folders that lie, pickles that want to run, bundles out of bounds."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from pix2seq import checkpoints
from pix2seq.config import ConfigError
from pix2seq.convert.google import read_google
from pix2seq.convert.shariatnia import read_shariatnia
from pix2seq.convert.tensor_bundle import TensorBundle
from pix2seq.convert.torch_file import read_state_dict
from tests.hostile.guard import attempt, hostile
from tests.hostile.values import broken, nasty
from tests.test_convert_shariatnia import TINY, TINY_HEADS
from tests.test_tensor_bundle import SMALL, block, field, varint, write_bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_checkpoint) -> Path:
    """A good checkpoint, to be broken in place."""
    copy = tmp_path_factory.mktemp("hostile") / "tiny"
    shutil.copytree(tiny_checkpoint, copy)
    return copy


def loaded(folder: Path) -> object:
    return attempt(lambda: checkpoints.load(folder, "cpu"))


# ---- our folders ----------------------------------------------------------------------------


@hostile(cases=170)
@given(data=st.data())
def test_a_config_that_lies(folder, tiny_checkpoint, data):
    config = json.loads((tiny_checkpoint / "config.json").read_text())
    lie = data.draw(broken(config, most=3))
    (folder / "config.json").write_text(json.dumps(lie))
    shutil.copy(tiny_checkpoint / "model.safetensors", folder)
    loaded(folder)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("model", "decoder", "layers"), 10**9),
        (("model", "decoder", "layers"), 400),
        (("model", "decoder", "mlp_dim"), 60_000),
        (("model", "encoder", "transformer", "mlp_dim"), 10**12),
        (("model", "max_tokens"), 10**6),
        (("model", "image_size"), [8192, 8192]),
        (("model", "image_size"), [10**6, 10**6]),
        (("preprocess", "image_size"), [10**7, 10**7]),
        (("model", "encoder", "backbone"), "hf-hub:somebody/something"),
        (("model", "encoder", "backbone"), "local-dir:/etc"),
        (("model", "encoder", "backbone"), "vit_giant_patch14_clip_224"),
        (("model", "encoder", "backbone"), "nobody"),
        (("model", "encoder", "out_indices"), [99]),
    ],
)
def test_a_config_that_claims_the_moon(folder, tiny_checkpoint, path, value):
    config = json.loads((tiny_checkpoint / "config.json").read_text())
    holder = config
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    (folder / "config.json").write_text(json.dumps(config))
    shutil.copy(tiny_checkpoint / "model.safetensors", folder)
    outcome = loaded(folder)
    assert isinstance(outcome, ConfigError) or path == ("model", "image_size")


@hostile(cases=110)
@given(data=st.data())
def test_weights_whose_list_lies(folder, tiny_checkpoint, data):
    content = (tiny_checkpoint / "model.safetensors").read_bytes()
    head = int.from_bytes(content[:8], "little")
    listed = json.loads(content[8 : 8 + head])
    some = dict(list(listed.items())[:6])  # so that lies hit what they should
    lie = data.draw(broken(some, most=3))
    if isinstance(lie, dict):
        lie = {**lie, **dict(list(listed.items())[6:])}
    text = json.dumps(lie).encode()
    claimed = data.draw(
        st.sampled_from((len(text), len(text), 0, 2**63, 10**9, max(len(text) - 3, 0)))
    )
    written = struct.pack("<Q", claimed) + text + content[8 + head :]
    shutil.copy(tiny_checkpoint / "config.json", folder)
    (folder / "model.safetensors").write_bytes(written)
    loaded(folder)


@hostile(cases=70)
@given(cut=st.floats(0, 1), data=st.data())
def test_weights_that_end_early_or_were_changed(folder, tiny_checkpoint, cut, data):
    whole = (tiny_checkpoint / "model.safetensors").read_bytes()
    content = bytearray(whole[: int(cut * len(whole))])
    for _ in range(data.draw(st.integers(0, 3))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] ^= 255
    shutil.copy(tiny_checkpoint / "config.json", folder)
    (folder / "model.safetensors").write_bytes(content)
    assert isinstance(loaded(folder), ConfigError) or content == whole


# ---- PyTorch's files ------------------------------------------------------------------------


class Runs:
    """Asks whoever opens the pickle to run something."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


PAYLOADS = (
    Runs(os.system, "touch /tmp/pix2seq-was-here"),
    Runs(eval, "__import__('os').mkdir('/tmp/pix2seq-was-here')"),
    Runs(open, "/tmp/pix2seq-was-here", "w"),
    Runs(Path.touch, Path("/tmp/pix2seq-was-here")),
    Runs(__import__, "antigravity"),
    Runs(torch.load, "/etc/passwd"),
    Runs(getattr, "", "join"),
    Runs(bytearray, 1 << 40),
)


@hostile(cases=110)
@given(data=st.data())
def test_pickles_are_never_run(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "evil.pth"
    payload = data.draw(st.sampled_from(PAYLOADS))
    place = data.draw(st.sampled_from(("alone", "value", "key", "deep", "beside")))
    holder = {
        "alone": payload,
        "value": {"decoder.embedding.weight": payload},
        "key": {1: payload, "decoder.embedding.weight": torch.zeros(2, 2)},
        "deep": {"model": {"a": [payload]}},
        "beside": {**torch.load(TINY, weights_only=True), "extra": payload},
    }[place]
    shape = data.draw(st.sampled_from(("zip", "old", "pickle")))
    buffer = io.BytesIO()
    if shape == "pickle":
        pickle.dump(holder, buffer, protocol=data.draw(st.integers(0, 5)))
    else:
        torch.save(holder, buffer, _use_new_zipfile_serialization=shape == "zip")
    path.write_bytes(buffer.getvalue())
    assert isinstance(attempt(lambda: read_shariatnia(path, **TINY_HEADS)), ConfigError)
    assert not Path("/tmp/pix2seq-was-here").exists()


@hostile(cases=110)
@given(data=st.data())
def test_weights_of_others_that_were_changed(tmp_path_factory, data):
    """Bytes changed anywhere in the two kinds of PyTorch's files, and in the pickle inside."""
    path = tmp_path_factory.getbasetemp() / "changed.pth"
    content = bytearray(TINY.read_bytes())
    if data.draw(st.booleans()):
        with zipfile.ZipFile(TINY) as archive:
            names = archive.namelist()
            inside = {name: archive.read(name) for name in names}
        [name] = [name for name in names if name.endswith("data.pkl")]
        spoiled = bytearray(inside[name])
        for _ in range(data.draw(st.integers(1, 4))):
            spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
        inside[name] = bytes(spoiled)
        with zipfile.ZipFile(path, "w") as archive:
            for name, part in inside.items():
                archive.writestr(name, part)
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.one_of(st.integers(0, 4000), st.integers(0, len(content) - 1)))
            content[at] = data.draw(st.integers(0, 255))
        path.write_bytes(content[: data.draw(st.sampled_from((None, None, -1, 5000)))])
    attempt(lambda: read_shariatnia(path, **TINY_HEADS))


def test_one_number_for_a_tensor_of_any_shape(tmp_path):
    state = torch.load(TINY, weights_only=True)
    state["decoder.embedding.weight"] = torch.zeros(1).expand(10**6, 10**6)
    torch.save(state, tmp_path / "x.pth")
    outcome = attempt(lambda: read_shariatnia(tmp_path / "x.pth", **TINY_HEADS))
    assert "not as many values" in str(outcome)


def test_a_file_that_unfolds(tmp_path):
    """PyTorch's reader would unpack what is compressed, whatever its size."""
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(TINY) as good, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bad:
        for name in good.namelist():
            bad.writestr(name, good.read(name))
        bad.writestr("archive/data/999", bytes(300 << 20))
    assert "unfolds" in str(attempt(lambda: read_state_dict(path, "decoder.embedding.weight")))


# ---- TensorFlow's files ---------------------------------------------------------------------

edge = st.one_of(
    st.sampled_from((0, 1, 2, 3, 12, 2**31, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1, 2**69)),
    st.integers(0, 5000),
)


@hostile(cases=170)
@given(data=st.data())
def test_bundles_whose_numbers_lie(tmp_path_factory, data):
    """Checksums are right, so that every lie is believed at first: offsets, sizes, shapes."""
    prefix = tmp_path_factory.getbasetemp() / "lying"
    raw = np.arange(24, dtype=np.float32)
    lies = {number: data.draw(edge) for number in (1, 3, 4, 5) if data.draw(st.booleans())}
    extra = b"".join(field(number, value) for number, value in lies.items())
    for _ in range(data.draw(st.integers(0, 3))):
        extra += field(2, field(2, field(1, data.draw(edge))))
    extra += data.draw(st.one_of(st.just(b""), st.binary(max_size=12)))
    write_bundle(prefix, {"a": (1, raw, extra), "b": (1, raw, b"")})
    attempt(lambda: read_all(prefix))


def read_all(prefix: Path) -> None:
    bundle = TensorBundle(prefix)
    for name in bundle.entries:
        bundle.read(name)


@hostile(cases=90)
@given(data=st.data())
def test_bundles_whose_table_lies(tmp_path_factory, data):
    prefix = tmp_path_factory.getbasetemp() / "table"
    rows = [(b"", field(1, data.draw(edge))), (data.draw(st.binary(max_size=6)), field(1, 1))]
    body = block(rows)
    handle = varint(data.draw(edge)) + varint(data.draw(edge))
    honest = varint(0) + varint(len(body) - 5)
    index = block([(b"\xff", data.draw(st.sampled_from((handle, honest))))])
    places = [0, 0, len(body), len(index) - 5]
    for _ in range(data.draw(st.integers(0, 2))):
        places[data.draw(st.integers(0, 3))] = data.draw(edge)
    footer = b"".join(map(varint, places)).ljust(40, b"\0")[:40] + struct.pack(
        "<Q", 0xDB4775248B80FB57
    )
    prefix.with_name("table.index").write_bytes(body + index + footer)
    attempt(lambda: read_all(prefix))


@hostile(cases=60)
@given(data=st.data())
def test_official_checkpoints_that_were_changed(tmp_path_factory, data):
    where = tmp_path_factory.getbasetemp() / "official"
    shutil.rmtree(where, ignore_errors=True)
    shutil.copytree(SMALL, where)
    config = json.loads((where / "config.json").read_text())
    (where / "config.json").write_text(json.dumps(data.draw(broken(config, most=2))))
    if data.draw(st.booleans()):
        pointer = data.draw(st.one_of(nasty.map(str), st.just("../../etc/passwd")))
        (where / "checkpoint").write_text(
            f'model_checkpoint_path: "{pointer}"', "utf-8", "backslashreplace"
        )
    if data.draw(st.booleans()):
        [index] = where.glob("*.index")
        content = bytearray(index.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        index.write_bytes(content)
    attempt(lambda: read_google(where))


# ---- damage is named ------------------------------------------------------------------------


def test_a_flipped_bit_names_the_file_and_the_tensor(folder, tiny_checkpoint):
    shutil.copy(tiny_checkpoint / "config.json", folder)
    content = bytearray((tiny_checkpoint / "model.safetensors").read_bytes())
    head = int.from_bytes(content[:8], "little")
    name, entry = list(json.loads(content[8 : 8 + head]).items())[5]
    content[8 + head + entry["data_offsets"][0]] ^= 4
    (folder / "model.safetensors").write_bytes(content)
    message = str(loaded(folder))
    assert str(folder / "model.safetensors") in message and name in message
    assert "changed since" in message


def test_a_half_copied_file_names_the_first_tensor_that_is_lost(folder, tiny_checkpoint):
    shutil.copy(tiny_checkpoint / "config.json", folder)
    content = (tiny_checkpoint / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    message = str(loaded(folder))
    assert str(folder / "model.safetensors") in message
    assert any(name in message for name in load_file(tiny_checkpoint / "model.safetensors"))


def test_weights_without_checksums_are_read_as_before(folder, tiny_checkpoint):
    shutil.copy(tiny_checkpoint / "config.json", folder)
    weights = load_file(tiny_checkpoint / "model.safetensors")
    save_file(weights, folder / "model.safetensors")
    assert isinstance(loaded(folder), checkpoints.Checkpoint)
