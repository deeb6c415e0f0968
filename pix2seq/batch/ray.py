"""The same detector on Ray Data: one machine's cores, or a cluster's.

``DetectBatch`` is a class for ``ray.data.Dataset.map_batches``: each actor loads the checkpoint
once. What an actor had not handed on when it died, Ray gives to another. Results flow back to the
process that started the run, whose journal takes every picture once.
"""

from __future__ import annotations

import io
import logging
import math
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import ray
from PIL import Image

from pix2seq.batch.items import Item
from pix2seq.batch.lines import table_schema
from pix2seq.batch.outputs import Wanted
from pix2seq.batch.run import Result, Work, results
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.many import Failure, Readers, Span, printable
from pix2seq.predictor import load

_ROWS_PER_CALL = (8, 64)  # fewest and most pictures that an actor is handed at once
_CALLS_PER_ACTOR = 4  # at least, so that all end at about the same time
_MOST_BLOCKS = 4096
_OBJECT_STORE = 256 * 2**20
_PASSED_ON = ("PIX2SEQ_CHECKPOINTS", "PIX2SEQ_HOME", "PIX2SEQ_OFFLINE")
_ANSWERS_IN = 10.0  # seconds that a cluster has to take a connection


class DetectBatch:
    """Finds the objects in the pictures of a batch.

    Rows need one of these columns: ``bytes`` (as ``read_binary_files`` gives), ``image`` (arrays,
    as ``read_images`` gives) or ``path`` (files or URLs that the actors reach). ``name`` is what a
    picture goes by, by default its ``path``; seeds follow from it.

    Args:
        checkpoint: name or folder.
        options: settings, or a dict of them; the checkpoint fills in the rest.
        device: auto, cpu, cuda.
        batch_size: sentences written together, or ``auto``.
        workers: processes per actor that read.
        timeout: seconds that reading one picture may take.
        tokens: tell every token, too.
        most_tokens: a sentence is cut there.
    """

    def __init__(
        self,
        checkpoint: str = "mini",
        options: SamplingOptions | dict[str, Any] | None = None,
        device: str = "auto",
        batch_size: int | str = "auto",
        workers: int = 1,
        timeout: float = 30.0,
        tokens: bool = False,
        most_tokens: int | None = None,
    ) -> None:
        # They live as long as the actor, and begin to start while it loads.
        self.readers = Readers(workers, timeout)
        self.readers.start()
        if isinstance(options, dict):
            options = SamplingOptions.from_dict(options)
        self.predictor = load(checkpoint, device)
        resolved = self.predictor.resolve(options)
        self.work = Work(resolved, batch_size, most_tokens)
        self.wanted = Wanted(tokens=tokens)

    def __call__(self, batch: dict[str, np.ndarray]) -> pa.Table:
        """One row per row of ``batch``, as ``pix2seq detect --jsonl`` writes them; ``error`` says
        why a picture could not be used."""
        rows = []
        items = _items(batch)
        for name, result in results(self.readers, self.predictor, items, self.work, self.wanted):
            failed = isinstance(result, Failure)
            rows.append({"name": name, "error": result.reason} if failed else result)
        return pa.Table.from_pylist(rows, schema=table_schema())


@dataclass(frozen=True)
class Cluster:
    """Where and how wide.

    Attributes:
        address: a running cluster's, or ``auto``; ``None`` starts one in this machine.
        actors: detectors at work.
        gpus_per_actor: each one's share.
    """

    address: str | None = None
    actors: int = 1
    gpus_per_actor: float = 0.0

    def __post_init__(self) -> None:
        if self.actors < 1:
            raise ConfigError(f"--actors is {self.actors}; use 1 or more")
        if self.gpus_per_actor < 0:
            raise ConfigError(f"--gpus-per-actor is {self.gpus_per_actor:g}; use 0 or more")


def results_on_ray(
    readers: Readers,
    items: Iterable[Item],
    checkpoint: str,
    work: Work,
    wanted: Wanted,
    cluster: Cluster,
) -> Iterator[Result]:
    """As ``batch.run.results``, on a cluster, whose actors read by ``readers`` of their own.

    Raises:
        ConfigError: there is no cluster, or it gave up.
    """
    if wanted.save or wanted.record:
        raise ConfigError("--save and --record need the pictures here; leave out --engine ray")
    rows = []
    for item in items:
        if isinstance(item.source, Failure):
            yield item.name, item.source
        else:
            rows.append(_row(item))
    if not rows:
        return
    with _connected(cluster):
        fits = ray.cluster_resources().get("CPU", 0) >= cluster.actors
        blocks = min(math.ceil(len(rows) / rows_per_call(len(rows), cluster.actors)), _MOST_BLOCKS)
        found = ray.data.from_items(rows, override_num_blocks=blocks).map_batches(
            DetectBatch,
            fn_constructor_kwargs={
                "checkpoint": checkpoint,
                "options": work.options.to_dict(),
                "device": "cuda" if cluster.gpus_per_actor else "cpu",
                "batch_size": work.batch_size,
                "workers": min(readers.workers, 1),
                "timeout": readers.timeout,
                "tokens": wanted.tokens,
                "most_tokens": work.most_tokens,
            },
            batch_size=None,  # a block
            num_cpus=1,
            num_gpus=cluster.gpus_per_actor or None,
            # With too few cores for all of them, a part begins and the rest joins when it can.
            compute=ray.data.ActorPoolStrategy(
                min_size=min(cluster.actors, blocks) if fits else 1, max_size=cluster.actors
            ),
        )
        try:
            for table in found.iter_batches(batch_size=None, batch_format="pyarrow"):
                yield from map(_result, table.to_pylist())
        except ray.exceptions.RayError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise ConfigError(
                f"Ray gave up: {lines[-1] if lines else error}; go on with --resume"
            ) from None


def rows_per_call(pictures: int, actors: int) -> int:
    """How many pictures an actor is handed at once."""
    fewest, most = _ROWS_PER_CALL
    return max(fewest, min(most, pictures // (actors * _CALLS_PER_ACTOR)))


@contextmanager
def _connected(cluster: Cluster) -> Iterator[None]:
    package = str(Path(__file__).parents[2])
    paths = filter(None, (package, os.environ.get("PYTHONPATH")))
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment = {"env_vars": {"PYTHONPATH": os.pathsep.join(paths), **passed}}
    settings: dict[str, Any] = {"address": cluster.address}
    if cluster.address is None:
        settings = {
            "address": "local",  # not one that RAY_ADDRESS names or that happens to run here
            "num_cpus": max(os.cpu_count() or 1, cluster.actors),
            "object_store_memory": _OBJECT_STORE,
            "include_dashboard": False,
        }
    try:
        _reach(cluster.address)
        ray.init(
            **settings,
            runtime_env=environment,
            log_to_driver=False,
            logging_level="ERROR",
            ignore_reinit_error=True,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"no Ray cluster at {cluster.address or 'this machine'}: {str(error).splitlines()[0]}; "
            "check the address, and RAY_AUTH_MODE=token if the cluster asks for a token"
        ) from None
    ray.data.DataContext.get_current().enable_progress_bars = False  # there is one already
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


def _reach(address: str | None) -> None:
    """Ray waits for minutes for a machine that does not answer; see that one does.

    Raises:
        OSError: none does.
        ValueError: the port is no number.
    """
    host = urlsplit(f"//{(address or '').removeprefix('ray://')}")
    if host.hostname is None or host.port is None:
        return  # "auto", or a machine of this one's own: Ray knows at once
    with socket.create_connection((host.hostname, host.port), timeout=_ANSWERS_IN):
        pass


def _row(item: Item) -> dict[str, Any]:
    """An item as a row of ``_items``; every row has every column."""
    row = {
        "name": item.name,
        "image_id": item.number,
        "path": b"",
        "offset": 0,
        "size": -1,
        "bytes": b"",
    }
    source = item.source
    if isinstance(source, Span):
        row |= {"path": os.fsencode(source.path), "offset": source.offset, "size": source.size}
    elif isinstance(source, Image.Image):
        file = io.BytesIO()
        source.save(file, "PNG")
        row["bytes"] = file.getvalue()
    else:
        # The actors may run in other folders of the same file system.
        path = source if "://" in source else os.path.abspath(source)
        row["path"] = os.fsencode(path)
    if isinstance(source, Span) and "://" not in source.path:
        row["path"] = os.fsencode(os.path.abspath(source.path))
    return row


def _items(batch: dict[str, np.ndarray]) -> Iterator[Item]:
    """The rows of a batch."""
    column = next((name for name in ("image", "bytes", "path") if name in batch), None)
    if column is None:
        raise ConfigError(
            f"the batch has the columns {', '.join(batch)}; it needs image, bytes or path"
        )
    for i in range(len(batch[column])):
        row = {name: values[i] for name, values in batch.items()}
        path = row.get("path")
        path = os.fsdecode(path) if path is not None else None
        if "image" in row:
            source = np.asarray(row["image"])
        elif row.get("bytes"):
            source = bytes(row["bytes"])
        elif path and int(row.get("size", -1)) >= 0:
            source = Span(path, int(row["offset"]), int(row["size"]))
        else:
            source = path or Failure("the row has neither bytes nor a path")
        name = str(row["name"]) if "name" in row else printable(path or f"#{i}")
        number = int(row["image_id"]) if "image_id" in row else None
        yield Item(name, source, number)


def _result(row: dict[str, Any]) -> Result:
    error = row.pop("error")
    if error is not None:
        return row["name"], Failure(error)
    if row["tokens"] is None:
        del row["tokens"]
    return row["name"], row
