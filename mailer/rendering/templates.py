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
        size, pieces = 0, []
        try:
            for piece in self._environment.get_template(name).generate(**context):
                pieces.append(piece)
                size += len(piece)
                if size > MAX_OUTPUT:
                    raise TemplateError(f"a template makes more than {MAX_OUTPUT // 1_000_000} MB", where=name)
        except TemplateNotFound as error:
            raise TemplateError(f"there is no template {str(error)!r}", where=self._where(error, name)) from None
        except TemplateSyntaxError as error:
            where = f"{error.filename or error.name or name}:{error.lineno}"
            raise TemplateError(f"mistake in a template: {_clause(error)}", where=where) from None
        except UnicodeDecodeError:
            raise TemplateError("not UTF-8", where=str(self.path(name) or name)) from None
        except RecursionError:
            raise TemplateError("a template includes itself", where=self._where(None, name)) from None
        except TemplateError:
            raise
        except Exception as error:  # whatever a template does to its data is a mistake of the template's
            why = _clause(error) or type(error).__name__
            raise TemplateError(f"a template cannot be filled in: {why}", where=self._where(error, name)) from None
        return "".join(pieces)

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

    def _where(self, error: BaseException | None, name: str) -> str:
        """The innermost place inside a template that an error went through."""
        folders = tuple(f"{folder}/" for folder in map(str, self.folders))
        for frame in reversed(traceback.extract_tb(error.__traceback__ if error else None)):
            if frame.filename.startswith(folders):
                return f"{frame.filename}:{frame.lineno}"
        return str(self.path(name) or name)


def _clause(error: BaseException) -> str:
    """What a library says, in one line and without its full stop."""
    return " ".join(str(error).split()).rstrip(".")
