"""What a numbered text is when it is no digest: a contract, a notice of a meeting, source code."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailer.rendering.paste.lines import Line

_CONTRACT = re.compile(
    r"^(?:甲\s*方|乙\s*方|丙\s*方|出租方|承租方|委托方|受托方)(?:[（(][^）)]*[)）])?\s*[:：]|合同编号|违约责任|本(?:合同|协议)一式"
    r"|\b(?:hereinafter|witnesseth|whereas|the parties agree|governing law)\b",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    r"^\W*(?:[一二三四五六七八九十\d]{1,2}[、.．]\s*)?(?:会议|活动|集合|培训)?(?:时间|地点|议题|议程|主持人?|参会人员|参加人员|出席|缺席"
    r"|注意事项|联系方式)\s*[:：]",
)
_CODE = re.compile(
    r"^(?:import \w|from \w+ import|def \w+\(|class \w+[(:{]|#include|#!/|package \w+;?$|public (?:static|class)"
    r"|function \w*\(|(?:const|let|var) \w+ ?=|(?:if|for|while) .*[:{]$|return\b|print\(|echo |SELECT .* FROM |<\?php"
    r"|[{}]\);?$|[{}]$|\w+\(.*\);?$|\w+(?:\.\w+)* = .*[;)]$)"
)
_KINDS = (("a contract", _CONTRACT, 2), ("a notice of a meeting", _NOTICE, 2), ("source code", _CODE, 4))


def other_kind(lines: Sequence[Line], sources: int) -> str:
    """What the lines are instead of a digest, in words; "" where nothing speaks for it or sources are named."""
    texts = [line.text for line in lines if line.text]
    for words, pattern, least in _KINDS:
        told = sum(pattern.search(text) is not None for text in texts)
        if told >= least and told * 8 >= len(texts) and sources * 2 < told:
            return words
    return ""
