"""What ``pyproject.toml`` cannot say: top-level folders that a wheel carries inside the package.

``pix2seq.resources`` finds them in either place. The README's animations stay out.
"""

from setuptools import find_packages, setup

BUNDLED = {"pix2seq.bundled.assets": "assets", "pix2seq.bundled.checkpoints": "checkpoints"}

setup(
    packages=[*find_packages(include=["pix2seq*"]), *BUNDLED],
    package_dir=BUNDLED,
    package_data={
        "pix2seq.bundled.assets": ["*.md", "*/**"],
        "pix2seq.bundled.checkpoints": ["**"],
    },
)
