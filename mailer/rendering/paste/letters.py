"""Traditional characters of the words this grammar knows, read as the simplified ones; and signs in other widths."""

from __future__ import annotations

_TRADITIONAL = (
    "報訊遞簡資週聞覽來轉處記編輯訂閱請掃碼群羣員會聯繫係諮詢點擊鏈連結詳網個無廣贊讚聲責權載禮號農曆閏頭條導讀"
    "內續圖單頁視頻識別長歡電話發郵間題協違約術業動態則節貳陸開關該領費參與價熱國線這裡裏預標籤監製審據過總寫評論時"
)
_SIMPLIFIED = (
    "报讯递简资周闻览来转处记编辑订阅请扫码群群员会联系系咨询点击链连结详网个无广赞赞声责权载礼号农历闰头条导读"
    "内续图单页视频识别长欢电话发邮间题协违约术业动态则节贰陆开关该领费参与价热国线这里里预标签监制审据过总写评论时"
)
# What stands for the comma behind numbers, for a colon, for brackets.
_TABLE = str.maketrans(_TRADITIONAL + "﹑丶﹕︰∶［］｛｝＜＞﹝﹞", _SIMPLIFIED + "、、：：：[]{}<>〔〕")


def fold(text: str) -> str:
    """The text with such characters exchanged one for one, so that every place in it stays the same."""
    return text.translate(_TABLE)
