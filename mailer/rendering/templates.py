"""Where templates come from: a club's own folder first, then the shipped ones; sandboxed, strict, escaped by kind."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    FileSystemLoader,
    StrictUndefined,
    Template,
    TemplateNotFound,
    TemplateSyntaxError,
    nodes,
)
from jinja2 import TemplateError as JinjaError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from mailer.errors import TemplateError
from mailer.sentence import Sentence

_PACKAGE = Path(__file__).resolve().parent.parent
_COUNTED = "counted"
_ESCAPED = (".html", ".html.j2", ".xml", ".xml.j2", ".svg", ".svg.j2")
MAX_OUTPUT = 4_000_000
MAX_STEPS = 500_000  # turns of loops, calls and includes; a hundred items take some thousand
MAX_PRODUCT = 1_000_000


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
        self._environment = _Environment(
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
        self._environment.begin()
        try:
            for piece in self._environment.get_template(name).generate(**context):
                pieces.append(piece)
                size += len(piece)
                if size > MAX_OUTPUT:
                    most = MAX_OUTPUT // 1_000_000
                    raise TemplateError(Sentence("a template makes more than %(most)s MB", most=most), where=name)
        except TemplateNotFound as error:
            what = Sentence("there is no template '%(name)s'", name=error)
            raise TemplateError(what, where=self._where(error, name)) from None
        except TemplateSyntaxError as error:
            where = f"{error.filename or error.name or name}:{error.lineno}"
            what = Sentence("mistake in a template: %(why)s", why=_clause(error))
            raise TemplateError(what, where=where) from None
        except UnicodeDecodeError:
            raise TemplateError(Sentence("not UTF-8; save it so"), where=self._not_utf8(name)) from None
        except RecursionError:
            raise TemplateError(Sentence("a template includes itself"), where=self._where(None, name)) from None
        except TemplateError:
            raise
        except Exception as error:  # whatever a template does to its data is a mistake of the template's
            why = _clause(error) or type(error).__name__
            what = Sentence("a template cannot be filled in: %(why)s", why=why)
            raise TemplateError(what, where=self._where(error, name)) from None
        return "".join(pieces)

    def compile_all(self, prefix: str) -> None:
        """Compile the templates whose names begin so, before somebody waits for one; mistakes are told at their use."""
        for name in self._environment.list_templates(filter_func=lambda name: name.startswith(prefix)):
            self._environment.begin()
            with suppress(JinjaError, UnicodeDecodeError):
                self._environment.get_template(name)

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
            raise TemplateError(Sentence("there is no file '%(name)s' among the templates", name=name), where=name)
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TemplateError(Sentence("cannot be read: %(why)s", why=error), where=str(path)) from None

    def _not_utf8(self, name: str) -> str:
        """The file that cannot be decoded: the template itself or one beside it that it takes in."""
        for folder in self.folders:
            for path in sorted((folder / name).parent.glob("*")):
                with suppress(OSError):
                    if path.is_file() and _is_text(path) and not _decodes(path.read_bytes()):
                        return str(path)
        return str(self.path(name) or name)

    def _where(self, error: BaseException | None, name: str) -> str:
        """The innermost place inside a template that an error went through."""
        folders = tuple(f"{folder}/" for folder in map(str, self.folders))
        for frame in reversed(traceback.extract_tb(error.__traceback__ if error else None)):
            if frame.filename.startswith(folders):
                return f"{frame.filename}:{frame.lineno}"
        return str(self.path(name) or name)


class _Environment(ImmutableSandboxedEnvironment):
    """A sandbox that also ends: what a template does is counted, and operators make nothing huge."""

    intercepted_binops = frozenset(("*", "**"))

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._here = threading.local()
        self.filters[_COUNTED] = self._counted

    def begin(self) -> None:
        """Start counting anew, for the template rendered next in this thread."""
        self._here.steps = 0

    def _step(self) -> None:
        self._here.steps += 1
        if self._here.steps > MAX_STEPS:
            raise OverflowError(f"it takes over {MAX_STEPS:,} steps and may never end; look at its loops")

    def _counted(self, turns: Iterable[Any]) -> Iterator[Any]:
        for turn in turns:
            self._step()
            yield turn

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Counting().visit(super()._parse(source, name, filename))
        return tree

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Most of what a template asks for is in dictionaries, where looking for a method first takes far longer."""
        if type(obj) is dict and attribute in obj and not hasattr(dict, attribute):
            return obj[attribute]
        return super().getattr(obj, attribute)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        self._step()
        return super().call(context, obj, *args, **kwargs)

    def _load_template(self, name: str, globals: Any) -> Template:
        self._step()
        return super()._load_template(name, globals)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**":
            huge = isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > MAX_PRODUCT
        else:
            sizes = [value if isinstance(value, int) else len(value) for value in (left, right) if _is_sized(value)]
            huge = len(sizes) == 2 and (hasattr(left, "__len__") or hasattr(right, "__len__"))
            huge = huge and sizes[0] * sizes[1] > MAX_PRODUCT
        if huge:
            raise OverflowError(f"a value with over {MAX_PRODUCT:,} characters or digits")
        return super().call_binop(context, operator, left, right)


class _Counting(NodeTransformer):
    """Sends what every loop runs over through the counting filter."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, _COUNTED, [], [], None, None, lineno=node.lineno)
        return node


def _is_text(path: Path) -> bool:
    return path.suffix in (".j2", ".css", ".html", ".txt", ".xml", ".svg")


def _decodes(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_sized(value: Any) -> bool:
    return isinstance(value, int) or hasattr(value, "__len__")


def _clause(error: BaseException) -> str:
    """What a library says, in one line and without its full stop."""
    return " ".join(str(error).split()).rstrip(".")
