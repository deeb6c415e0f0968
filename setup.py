"""What ``pyproject.toml`` cannot say: top-level folders that a wheel carries inside the package.

``pix2seq.resources`` finds them in either place; which of their files go along is in
``pyproject.toml``.
"""

from setuptools import find_namespace_packages, setup

BUNDLED = {"pix2seq.bundled.assets": "assets", "pix2seq.bundled.checkpoints": "checkpoints"}

setup(packages=[*find_namespace_packages(include=["pix2seq*"]), *BUNDLED], package_dir=BUNDLED)
