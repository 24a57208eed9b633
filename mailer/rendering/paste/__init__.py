"""Pasted digests: text or HTML from anywhere -> an Issue and a report of every repair."""

from mailer.rendering.paste.digest import Defaults, Reading, read
from mailer.rendering.paste.report import Repair

__all__ = ["Defaults", "Reading", "Repair", "read"]
