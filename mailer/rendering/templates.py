"""Where templates come from: a club's own folder first, then the shipped ones; sandboxed, strict, escaped by kind."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    FileSystemLoader,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
)
from jinja2 import TemplateError as JinjaError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailer.errors import TemplateError

_PACKAGE = Path(__file__).resolve().parent.parent
_ESCAPED = (".html", ".html.j2", ".xml", ".xml.j2", ".svg", ".svg.j2")
MAX_OUTPUT = 4_000_000


def shipped_folder() -> Path:
    """The templates that come with the program: inside the wheel, or beside the package in a checkout."""
    inside = _PACKAGE / "_templates"
    return inside if inside.is_dir() else _PACKAGE.parent / "templates"


class Templates:
    """Renders templates by name (`issue/digest.html.j2`), the club's `folder` before the shipped one.

    Everything a template sees must be plain data. HTML and XML are escaped, plain text and CSS are not.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folders = [path for path in (folder, shipped_folder()) if path is not None]
        loaders: list[BaseLoader] = [FileSystemLoader(path) for path in self.folders]
        self._environment = ImmutableSandboxedEnvironment(
            loader=ChoiceLoader(loaders),
            undefined=StrictUndefined,
            autoescape=lambda name: name is None or name.endswith(_ESCAPED),
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    def render(self, name: str, /, **context: Any) -> str:
        """The template's text. Raises TemplateError naming the file and line of a mistake in it."""
        try:
            output = self._environment.get_template(name).render(**context)
        except TemplateNotFound as error:
            raise TemplateError(f"there is no template {str(error)!r}", where=name) from None
        except TemplateSyntaxError as error:
            where = f"{error.filename or error.name or name}:{error.lineno}"
            raise TemplateError(f"mistake in a template: {error.message}", where=where) from None
        except (
            JinjaError,
            SecurityError,
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
        ) as error:
            raise TemplateError(f"a template cannot be filled in: {error}", where=self._where(error, name)) from None
        if len(output) > MAX_OUTPUT:
            raise TemplateError(f"a template makes more than {MAX_OUTPUT // 1_000_000} MB", where=name)
        return output

    def exists(self, name: str) -> bool:
        """Whether there is a template of this name."""
        return self.path(name) is not None

    def path(self, name: str) -> Path | None:
        """The file a name stands for, the club's before the shipped one."""
        return next((path for folder in self.folders if (path := folder / name).is_file()), None)

    def read(self, name: str) -> str:
        """The file as it is, not rendered. Raises TemplateError when there is none or it is not UTF-8."""
        path = self.path(name)
        if path is None:
            raise TemplateError(f"there is no file {name!r} among the templates", where=name)
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TemplateError(f"cannot be read: {error}", where=str(path)) from None

    def _where(self, error: BaseException, name: str) -> str:
        """The innermost place inside a template that an error went through."""
        folders = tuple(f"{folder}/" for folder in map(str, self.folders))
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if frame.filename.startswith(folders):
                return f"{frame.filename}:{frame.lineno}"
        return name
