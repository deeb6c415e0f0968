"""The question that every picture on the page asks: what it shows."""

from __future__ import annotations

from collections.abc import Callable

from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.questions import answering, data_url, server_function

_DISPLAY_SIDE = 1280


class PictureAnswers:
    """The server functions of a panel that shows pictures, over one ``AppContext``."""

    def __init__(self, context: AppContext) -> None:
        self.context = context

    def functions(self) -> list[Callable[[dict], dict]]:
        """What the component registers; their names are the page's ``server.<name>``."""
        return [server_function(self.picture)]

    @answering
    def picture(self, question: dict) -> dict:
        """The picture as a data URL, at most 1280 px on its longer side."""
        image = self.context.pictures.get(question.get("id")).image
        return {"src": data_url(image, _DISPLAY_SIDE)}
