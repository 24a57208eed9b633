"""Pasted digests: text or HTML from anywhere -> an Issue and a report of every repair."""

from mailer.rendering.paste.digest import read
from mailer.rendering.paste.making import Defaults, Reading
from mailer.rendering.paste.report import Repair

__all__ = ["Defaults", "Reading", "Repair", "read"]
