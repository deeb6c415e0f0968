"""A checkpoint's card: what its page on the hub says, and the metadata that the hub searches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from pix2seq.checkpoints import CheckpointInfo
from pix2seq.hub.repo import Repo

_FENCE = "---\n"
_LICENCES = {"apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0", "cc-by-nc-4.0", "cc0-1.0"}


def card(
    repo: Repo,
    info: CheckpointInfo,
    text: str = "",
    metrics: Mapping[str, float] | None = None,
    weights: int | None = None,
) -> str:
    """The ``README.md`` of a repository.

    Args:
        info: what is known about the checkpoint; its licence and AP go into the metadata.
        text: the card that it has already. Its words stay, and so does metadata of its own.
        metrics: name to value in [0, 1], as ``evaluate --json`` writes them; by default the AP of
            ``info``.
        weights: how many numbers the network has.
    """
    own, words = _split(text)
    data = {**_metadata(repo, info, metrics), **own}
    front = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    return f"{_FENCE}{front}{_FENCE}\n{words.strip() or _words(repo, info, metrics, weights)}\n"


def _split(text: str) -> tuple[dict[str, Any], str]:
    """A card's metadata and its words."""
    if text.startswith(_FENCE):
        front, fence, words = text.removeprefix(_FENCE).partition(f"\n{_FENCE}")
        if fence and isinstance(data := yaml.safe_load(front), dict):
            return data, words
    return {}, text


def _measured(info: CheckpointInfo, metrics: Mapping[str, float] | None) -> dict[str, float]:
    if metrics is not None:
        return {
            name: float(value)
            for name, value in metrics.items()
            if isinstance(value, (int, float)) and value == value and 0 <= value <= 1
        }
    return {} if info.ap is None else {"AP": info.ap}


def _metadata(
    repo: Repo, info: CheckpointInfo, metrics: Mapping[str, float] | None
) -> dict[str, Any]:
    licence = info.licence.lower()
    data: dict[str, Any] = {
        "license": licence if licence in _LICENCES else "other",
        "library_name": "pix2seq-explorer",
        "pipeline_tag": "object-detection",
        "tags": ["object-detection", "pix2seq", "autoregressive"],
    }
    if data["license"] == "other" and info.licence:
        data["license_name"] = info.licence
    measured = _measured(info, metrics)
    if measured:
        results = [
            {"type": name, "value": round(v, 4), "name": name} for name, v in measured.items()
        ]
        data["model-index"] = [
            {
                "name": repo.id.partition("/")[2],
                "results": [
                    {
                        "task": {"type": "object-detection"},
                        "dataset": {"type": "custom", "name": info.ap_note or "not named"},
                        "metrics": results,
                    }
                ],
            }
        ]
    return data


def _words(
    repo: Repo,
    info: CheckpointInfo,
    metrics: Mapping[str, float] | None,
    weights: int | None,
) -> str:
    facts = [
        ("Name", info.title or info.name),
        ("From", info.source),
        ("Weights", f"{weights / 1e6:.1f} million" if weights else ""),
        ("Input", " x ".join(map(str, info.image_size)) + " pixels" if info.image_size else ""),
        ("Classes", info.label_space),
        ("Licence", info.licence or "not stated"),
    ]
    lines = [f"# {repo.id.partition('/')[2]}", "", "A detector that writes its boxes as tokens."]
    lines += ["", *(f"- **{term}**: {text}" for term, text in facts if text)]
    measured = _measured(info, metrics)
    if measured:
        lines += ["", "| metric | value |", "|---|---|"]
        lines += [f"| {name} | {value:.3f} |" for name, value in measured.items()]
        if info.ap_note:
            lines += ["", f"Measured on: {info.ap_note}."]
    lines += [
        "",
        "```python",
        "import pix2seq  # the package of Pix2Seq Explorer",
        "",
        f'found = pix2seq.load("{repo}").detect("photo.jpg")',
        "```",
    ]
    return "\n".join(lines)
