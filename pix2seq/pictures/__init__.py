"""One picture, wherever it lies: a path, a URL, the bytes of a file, a part of a larger file.

``worker`` is a process that opens pictures for another one. It has to be there within a tenth of a
second, so nothing here, nor what it imports, brings PyTorch or NumPy.
"""

from pix2seq.pictures.source import Place, Span, open_binary, open_image

__all__ = ["Place", "Span", "open_binary", "open_image"]
