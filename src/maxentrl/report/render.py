"""A :class:`Page` as one HTML file: no script, no request, pictures inside, every name escaped."""

from __future__ import annotations

import base64
import importlib
from importlib.resources import files
from typing import TYPE_CHECKING

from maxentrl.report.page import Page, shown
from maxentrl.status import MissingExtra

if TYPE_CHECKING:
    from jinja2 import Environment


def render(page: Page) -> str:
    """The page as HTML.

    Raises:
        MissingExtra: jinja2 is not installed.
    """
    template = files("maxentrl.report").joinpath("template.html").read_text(encoding="utf-8")
    return _environment().from_string(template).render(page=page)


def _environment() -> Environment:
    try:
        jinja2 = importlib.import_module("jinja2")
    except ImportError:
        raise MissingExtra("jinja2", "report") from None
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["shown"] = shown
    environment.filters["data_uri"] = _data_uri
    environment.tests["numeric"] = lambda cell: isinstance(cell, int | float) and not isinstance(cell, bool)
    return environment


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
