"""``TensorBundle``: read TensorFlow's checkpoint files (``.index`` + ``.data-*``) with numpy alone.

The index is a LevelDB-style table: sorted blocks of prefix-compressed keys behind a 48-byte footer.
Its first entry (empty key) is a header; every other value is a small protobuf message that says
where a tensor's little-endian bytes lie in the data files. Blocks and tensors carry a CRC-32C.
Layout: tensorflow/core/util/tensor_bundle and tensorflow/core/lib/io/format.h.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pix2seq.config import ConfigError, short
from pix2seq.convert.crc32c import masked_crc32c

_MAGIC = 0xDB4775248B80FB57
_LONGEST_NAME = 240  # bytes; with an ending, what file systems take
_FOOTER = 48
_TRAILER = 5  # compression byte and checksum after every block

# tensorflow/core/framework/types.proto
_DTYPES = {
    1: "<f4",
    2: "<f8",
    3: "<i4",
    4: "|u1",
    6: "|i1",
    7: "string",
    9: "<i8",
    10: "|b1",
    14: "bfloat16",
    19: "<f2",
}


@dataclass(frozen=True)
class BundleEntry:
    """Where one tensor lies.

    Attributes:
        dtype: numpy's name of it, or ``"bfloat16"``, ``"string"``.
        offset, size: bytes in the data file number ``shard``.
        crc: masked CRC-32C of those bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int


class TensorBundle:
    """A checkpoint on disk; only its index is read until ``read`` asks for a tensor.

    Args:
        prefix: path without ``.index``, e.g. ``.../ckpt-12345``.

    Raises:
        ConfigError: the index is missing, damaged or of another kind.
    """

    def __init__(self, prefix: str | Path) -> None:
        self.prefix = Path(prefix)
        self.index_path = self.prefix.with_name(self.prefix.name + ".index")
        try:
            table = self.index_path.read_bytes()
        except (OSError, ValueError) as error:  # ValueError: the name has a null byte
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(
                f"{str(self.index_path)!r} cannot be read ({reason}); name a checkpoint's prefix, "
                "the path of its .index file without that ending"
            ) from error
        try:
            self.shards, self.entries = _read_index(table)
        except (_Damaged, IndexError, struct.error, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{self.index_path} is not a whole TensorFlow checkpoint index ({error}); "
                "fetch it again"
            ) from error
        self._data: dict[int, np.ndarray] = {}

    def shard_path(self, shard: int) -> Path:
        """The data file that holds a shard."""
        return self.prefix.with_name(f"{self.prefix.name}.data-{shard:05d}-of-{self.shards:05d}")

    def shard_size(self, shard: int) -> int:
        """Bytes that the shard's data file must have, by the index."""
        return max(
            (e.offset + e.size for e in self.entries.values() if e.shard == shard), default=0
        )

    def read(self, key: str) -> np.ndarray:
        """One tensor, checked against its checksum; bfloat16 comes as float32.

        Raises:
            ConfigError: no such key, strings, a missing, short or damaged data file.
        """
        if key not in self.entries:
            raise ConfigError(f"{self.prefix} has no tensor {key!r}")
        entry = self.entries[key]
        if entry.dtype == "string":
            raise ConfigError(f"{key} in {self.prefix} holds text, not numbers")
        raw = self._shard(entry.shard)[entry.offset : entry.offset + entry.size]
        if masked_crc32c(raw) != entry.crc:
            raise ConfigError(
                f"{self.shard_path(entry.shard)} is damaged: the checksum of {key} is wrong; "
                "fetch it again"
            )
        if entry.dtype == "bfloat16":
            widened = raw.view("<u2").astype(np.uint32) << 16
            return widened.view("<f4").reshape(entry.shape)
        return raw.view(entry.dtype).reshape(entry.shape)

    def _shard(self, shard: int) -> np.ndarray:
        if shard not in self._data:
            path, need = self.shard_path(shard), self.shard_size(shard)
            if not path.is_file():
                raise ConfigError(f"{path} is missing; it belongs beside {self.index_path.name}")
            size = os.path.getsize(path)
            if size < need:
                raise ConfigError(
                    f"{path} has {size} bytes, its index needs {need}; fetch it again"
                )
            self._data[shard] = np.memmap(path, dtype=np.uint8, mode="r")
        return self._data[shard]


def find_prefix(path: str | Path) -> Path:
    """The checkpoint prefix that a user means: a prefix, a ``.index`` file, or a folder (its
    ``checkpoint`` file names the latest, a single ``.index`` file stands for itself)."""
    path = Path(path)
    if not path.is_dir():
        return path.with_suffix("") if path.suffix == ".index" else path
    pointer = path / "checkpoint"
    if pointer.is_file():
        return path / latest_checkpoint(pointer.read_text(errors="replace"), str(pointer))
    found = sorted(path.glob("*.index"))
    if len(found) != 1:
        raise ConfigError(
            f"{path} has {len(found)} .index files and no 'checkpoint' file; name one prefix"
        )
    return found[0].with_suffix("")


def latest_checkpoint(text: str, source: str) -> str:
    """The file name in a ``checkpoint`` file's ``model_checkpoint_path`` line.

    Args:
        source: where the text is from, for the error message.
    """
    for line in text.splitlines():
        name, _, value = line.partition(":")
        base = value.strip().strip('"').rstrip("/").rpartition("/")[2]
        if name.strip() == "model_checkpoint_path" and base not in ("", ".", ".."):
            if len(base.encode("utf-8", "replace")) > _LONGEST_NAME or not base.isprintable():
                raise ConfigError(f"{source} names {short(base)}, which is no file's name")
            return base
    raise ConfigError(f"{source} names no model_checkpoint_path; it is not a checkpoint file")


class _Damaged(Exception):
    """A structure in the index does not hold together."""


def _read_index(table: bytes) -> tuple[int, dict[str, BundleEntry]]:
    """Number of shards and all entries of an index file."""
    if len(table) < _FOOTER or struct.unpack("<Q", table[-8:])[0] != _MAGIC:
        raise _Damaged("its last bytes are not a table's footer")
    footer = table[-_FOOTER:]
    _, position = _handle(footer, 0)  # the meta index, which bundles leave empty
    index, _ = _handle(footer, position)
    shards, entries = 0, {}
    for _, handle in _block_entries(_block(table, *index)):
        where, _ = _handle(handle, 0)
        for key, value in _block_entries(_block(table, *where)):
            if key:
                entries[key.decode()] = _entry(value)
            else:
                shards = dict(_fields(value)).get(1, 0)
    if not shards or not entries:
        raise _Damaged("it lists no tensors")
    return shards, entries


def _block(table: bytes, offset: int, size: int) -> bytes:
    """A block's content, checked."""
    end = offset + size
    if end + _TRAILER > len(table):
        raise _Damaged("it is cut off")
    (crc,) = struct.unpack_from("<I", table, end + 1)
    if masked_crc32c(table[offset : end + 1]) != crc:
        raise _Damaged("a block's checksum is wrong")
    if table[end] != 0:
        raise _Damaged("its blocks are compressed, which checkpoints' are not")
    return table[offset:end]


def _block_entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block; a key repeats its predecessor's first ``shared`` bytes."""
    (restarts,) = struct.unpack_from("<I", block, len(block) - 4)
    end = len(block) - 4 * (restarts + 1)
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        fresh, position = _varint(block, position)
        length, position = _varint(block, position)
        if shared > len(key) or position + fresh + length > end:
            raise _Damaged("an entry reaches beyond its block")
        key = key[:shared] + block[position : position + fresh]
        position += fresh
        yield key, block[position : position + length]
        position += length


def _entry(message: bytes) -> BundleEntry:
    """A ``BundleEntryProto``."""
    fields = dict(_fields(message))
    if 7 in fields:
        raise _Damaged("it holds partitioned variables, which no released checkpoint has")
    code = fields.get(1, 0)
    if code not in _DTYPES:
        raise _Damaged(f"data type {code} is not known")
    dims = [
        dict(_fields(dim)).get(1, 0) for number, dim in _fields(fields.get(2, b"")) if number == 2
    ]
    entry = BundleEntry(
        dtype=_DTYPES[code],
        shape=tuple(dims),
        shard=fields.get(3, 0),
        offset=fields.get(4, 0),
        size=fields.get(5, 0),
        crc=fields.get(6, 0),
    )
    item = 2 if entry.dtype == "bfloat16" else None
    if entry.dtype != "string":
        item = item or np.dtype(entry.dtype).itemsize
        if math.prod(dims) * item != entry.size:
            raise _Damaged(f"a tensor of shape {dims} cannot have {entry.size} bytes")
    return entry


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and values of a protobuf message."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        kind = tag & 7
        if kind == 0:
            value, position = _varint(message, position)
        elif kind == 2:
            length, position = _varint(message, position)
            value, position = message[position : position + length], position + length
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            (value,) = struct.unpack_from("<Q" if kind == 1 else "<I", message, position)
            position += size
        else:
            raise _Damaged(f"wire type {kind} is not known")
        if position > len(message):
            raise _Damaged("a field reaches beyond its message")
        yield tag >> 3, value


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    """A block's (offset, size), and the position after it."""
    offset, position = _varint(data, position)
    size, position = _varint(data, position)
    return (offset, size), position


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A base-128 number, and the position after it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
        if shift > 63:
            raise _Damaged("a number is too long")
