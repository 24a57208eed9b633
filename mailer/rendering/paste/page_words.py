"""The words of a page around a digest: counters, imprint, farewell, weather, and who put it up when."""

from __future__ import annotations

import re

WHERE = re.compile(r"\S{1,16}(?: [>›»] \S{1,16})+")  # where a page or note is kept: `Notes > Work`
FOOT = re.compile(
    r"^\W*(?:(?:未完)?待续|阅读(?=\s*(?:\d|[原全]文))|(?:分享|收藏)(?=\W|$|[到给至])|点[个一]?[“「]?在看|在看(?=\W|$|\d)|(?<![【\[])点赞(?=\W|$|\d)|赞(?:\s|$|\d)|喜欢此内容|阅读原文|继续滑动|预览时标签|微信扫一扫|关注该公众号"
    r"|(?:go deeper|(?:read|see|learn) (?:more|on|the (?:full|whole) (?:story|article|post))|(?:the )?full story"
    r"|(?:keep|continue) reading|(?:点击)?(?:阅读|查看)(?:全文|原文|详情|更多))"
    r"(?:\s*[(（]\d+ ?(?:min|分钟)[^()（）]*[)）])?\W*$"
    r"|(?:was this|did (?:a friend|someone|somebody)) .{0,30}(?:forward|shared?)"
    r"|(?:forwarded|sent) (?:to you|this) by a friend"
    r"|forwarded(?: many times)?\W*$|(?:已?多次转发|已?转发(?:多次)?)\W*$"
    r"|(?:today['’]s|this) (?:\w+ )?(?:newsletter|issue|edition|brief).{0,40}\d+[- ]min(?:ute)?s?[- ]read\W*$"
    r"|(?:全文|本文|本期)?[共约]?\d+字[,，|｜ ]*.{0,6}(?:阅读|读完).{0,4}\d+分钟\W*$"
    r"|(?:飞书|腾讯|钉钉|金山|石墨|在线|WPS)云?(?:文档|表格|笔记)\W*$|(?:最[近后](?:修改|编辑)|更新于|编辑于)"
    r"|关注我们|长按(?=\W|$|识别|二维码|[下上]|扫|关注|复制)|点击上方|点击蓝字|点击关注|(?:设为|加|记得)?星标|收录于|文章已于"
    r"|(?:今[日天]|本期|全文)完|(?:完|(?:the )?end)(?=\W*$)|未经授权|转载(?=\W|$|[请须自本])|版权(?=\W|$|所有|归|声明)"
    r"|copyright|©"
    r"|[(（]c[)）] 20\d\d|免责声明|[\u3400-\u9fff]{0,4}(?:声明|承诺)\s*[:：]"
    r"|(?:声明|责任?编辑|责编|编辑部?|校对|排版)(?=\W|$)"
    r"|[(（]?[^\s，,。：:]{2,16}(?:出品|编制|编发|(?<=[办室部处会社组网局])(?:整理|汇编))[)）]?\W*$"
    r"|(?:整理|作者|撰文|出品|策划|采写|编译)\s*[|｜丨:：/]|(?:转自|转载自?|风险提示|温馨提示|特别提示|以上(?:信息|内容))\s*[:：]"
    r"|以上(?:信息|内容|消息|资讯|新闻|来源)|以上(?:就)?是(?:今天|今日|本期|全部)|(?:投资|股市|理财|市场)有风险|更多内容|(?:主编|监制)(?=\W|$)|【?(?:微语|金句|心语|寄语|[每今]日一[语句言])】?|祝(?:大家|各位|您)|祝[^融\s]{2,10}[！!～~]\W*$|顺祝|此致|敬礼"
    r"|审核(?=\W|$)|上期回顾|往期(?=\W|$|回顾|精|推荐|文章|内容)|本文(?:来自|来源|部分|首发|由)|部分图片|(?:图片|素材)(?:来源|来自)(?:于)?网络|更多精彩|收起(?:全文|$)"
    r"|(?:together|in partnership|presented|brought to you) (?:with|by)\b"
    r"|(?:cheers|best(?: wishes| regards)?|(?:kind |warm )?regards|yours(?: \w+)?|sincerely"
    r"|until (?:tomorrow|next \w+))\W*$|made with \W{1,4} by\b"
    r"|(?:today['’]s )?(?:quote|word|thought|joke)(?: of the (?:day|week)\b|\W*$)"
    r"|\S{0,16}聊天记录\W*$|(?:(?:监测|检索|搜索)?关键词|标签|keywords?|tags?)\s*[:：]"
    r"|首页\s*[>»›/]|home\s*(?:[>»›]|/(?= ))|(?:您?(?:当前|现在)的?)位置\s*[:：]|[上下]一[篇条期页](?=\W|$)"
    r"|(?:相关|参考)链接\s*[:：]?$|展开全文|转发\s*\d|(?:提交|汇报|整理|供稿|撰稿|审稿|发布)(?:人|者|时间)\s*[:：]"
    r"|(?:(?:managing |chief |duty )?editors?(?:-in-chief)?|proofread(?:er|ing))\s*[:：]"
    r"|links?\s*[:：]?$|(?:share|forward) (?:this|it)\b|love .{2,40}\? share"
    r"|edited by|compiled by|unsubscribe|view (?:in|this)"
    r"|manage (?:your )?pref|you (?:get|are receiving|received) this|do not reply"
    r"|(?:[抄呈]?报|[抄报呈]?送|印发)\s*[:：]|发\s*[:：]\s*各|投票\s*[:：]|(?:感谢|谢谢)(?:您|你|大家)?的?(?:收听|收看|聆听|倾听|阅读|观看|关注)"
    r"|thank(?:s| you)\W*$"
    r"|退订|取消订阅|(?:广告|廣告|推广|赞助商?|sponsor(?:ed)?(?: by)?|advertisement|ad)\s*[:：|｜】\]]"
    r"|(?:本期)?(?:编辑|视觉|统筹|主笔|值班|编排|设计)\s*[:：|｜/]"
    r"|this (?:mail|e-?mail|message|newsletter|update (?:is|will be))|thank(?:s| you) for (?:being|reading|subscribing)"
    r"|that['’]s (?:it|all|the \w+)(?: for|[.!])|follow (?:me|us|for more)\b"
    r"|skip to (?:main |the )?(?:content|navigation)\W*$"
    r"|(?:menu|search|log ?in|sign ?in|my account|close|advertisement)\W*$"
    r"|(?:(?:share|tweet|e-?mail|print|post|pin|copy link|facebook|twitter|x|linkedin|whatsapp|reddit|save|comments?"
    r"|listen|gift|bookmark)\b[\s|·•,/]*){2,}$"
    r"|(?:(?:home|news|opinion|jobs|sports?|business|world|about(?: us)?|contact(?: us)?|videos?|politics|markets|tech"
    r"|more|events|blog|shop|culture|lifestyle|weather|podcasts?|newsletters?|log ?in|sign ?(?:in|up)|subscribe|search"
    r"|archives?)\b[\s|·•>/]*){3,}$"
    r"|(?:(?:privacy|cookie) (?:policy|notice|settings)|terms of (?:use|service)|enter your e-?mail"
    r"|(?:related|most (?:read|popular)|recommended|trending|read next|you (?:may|might) also like)(?: \w+)?\s*(?::|$))"
    r"|(?:(?:首页|登[录陆]|注册|搜索|打印|收藏|纠错|评论|字号|大|中|小|分享|微信|微博|QQ空间|朋友圈|返回顶部|客户端|举报|复制链接)"
    r"[\s|｜/·:：]*){2,}$|字号\s*[:：]|(?:打开|下载|进入)\S{0,8}(?:APP|客户端)|分享到\s*[:：]"
    r"|[—–-]*\s*以上[为是].{2,10}(?:动态|资讯|消息|新闻|内容|部分|快讯)\W*$"
    r"|(?:整理|制作|码字)不易|今天(?:的新闻)?就(?:先)?(?:到|说到|讲到)这(?:里|儿)?(?=\W|$)|点个赞"
    r"|(?:没了|就这些|就这么多|今天没了)(?=\W|$)|一键三连|(?:联系|通讯|通信|邮寄)?地址\s*[:：]|求(?:点赞|关注|转发)"
    r"|举报\W*$|收到请回复|来都来了|以下文章来源于|(?:查看|加载)更多\W*$"
    r"|(?:全部)?标[记為为]+(?:全部)?已读\W*$|mark (?:all )?as read\W*$"
    r"|(?:\d+ )?(?:likes?|repl(?:y|ies)|reactions?|comments?|views?)(?: \d+)?(?: last reply.*)?\W*$"
    r"|\S+\.(?:csv|tsv|xlsx?|docx?|pptx?|pdf|txt|md|eml)$|[(（\[【][^()（）]*\d{1,2}:\d{2}[^()（）]*[)）\]】]$"
    r"|\d+ (?:points?|comments?|views?|likes?|shares?)\b.*\bago\b"
    r"|(?:[\U0001f300-\U0001faff\u2600-\u27bf]\ufe0f?\s*\d+\s*){1,8}$"
    r"|\[(?:语音|图片|视频|表情|动画表情|voice|audio|image|video|sticker)\]"
    r"|(?:全部|所有)?(?:未读|收件箱|unread|inbox|all)\s*[(（]\d+[)）]$|(?:消息|信息|messages).{0,24}(?:端到端|end-to-end)"
    r"|(?:今[日天]|本期)\s*共?\s*\d{1,2}\s*条\W+约?\s*\d+\s*分钟|to (?:leave|unsubscribe from|stop) (?:this|the|our)\b"
    r"|(?:条数|数量|总数|字数|共计|阅读量|浏览量?)\s*[:：]\s*\d+"
    r"|read(?:ing)? time\b.{0,16}$"
    r"|\d{1,2}[ -]min(?:ute)?s?[ -]read\W*$|标记为不相关|flag as irrelevant|(?:查看|显示)?更多结果\W*$"
    r"|您(?:会)?收到(?:此|这封)(?:电子)?邮件"
    r"|(?:you can )?(?:reach|contact) us\b|to be added\b|to (?:advertise|submit|contribute)\b|write to (?:us|the)\b"
    r"|(?:(?:分享|收藏|点赞|在看|写留言|赞|评论|转发)\s*){2,}$"
    r"|(?:资讯|信息|内容|本期)整理\s*[:：|｜]|转[发贴貼載载]\s*[请請][註注]明"
    r"|(?:相关|延伸|推荐|拓展)(?:阅读|链接|新闻|报道)\s*[:：]"
    r"|enjoy (?:the|your) (?:weekend|day|week|holidays?)\b|(?:we(?:['’]| a)re )?back (?:on|next) \w+day\b"
    r"|(?:我们)?明[早天晚日](?:[早晚]上)?\s*(?:\d{1,2}\s*[点:：]\d{0,2})?\W*(?:再?见|不见不散)\W*$|不见不散\W*$|晚安[，,！!。～~]*(?:好梦|大家|各位)?\W*$"
    r"|have a (?:great|good|nice|lovely) (?:day|weekend|week)|sent from|发自我的|--\s*$)",
    re.IGNORECASE,
)
FOOT_ANYWHERE = re.compile(
    r"转评赞|欢迎(?:大家|您|你)?(?:转发|点赞|关注|分享)"
    r"|留言[啦吧区區]|评论区|关注.{0,20}(?:视频号|服务号|订阅号)"
    r"|不[愿願想欲]再收到|请勿(?:直接)?回复|请勿外[传发]|仅供内部|do not reply"
    r"|unsubscribe|退订|取消订阅|侵权|含有?保密信息|all rights reserved"
    r"|refer .{0,20}friends?\b|扫描二维码关注|关注.{0,20}公众号|点击上方|点击蓝字|长按识别",
    re.I,
)
CLOSING = re.compile(
    r"\W*(?:(?:推荐|相关|延伸|往期|更多)(?:阅读|文章|内容|推荐|回顾|资讯)|联系(?:我们|方式)|关于(?:我们|本[刊报会号])|商务合作|投稿(?:方式|邮箱)?$"
    r"|加入我们|关注我们|读者福利|(?:about|contact) (?:us|this)|(?:further|related) reading|get in touch)",
    re.IGNORECASE,
)
TAGS = re.compile(r"(?:#[^\s#]{1,20}\s+)+#[^\s#]{1,20}")
TAG = re.compile(r"#[^\s#\d][^\s#]{0,19}")
ALMANAC = re.compile(
    r"\W*(?:(?:尾号)?限行\s*[:：]|(?:今[日天]|明[日天])?天气(?:预报)?\s*[:：]|(?:今日|黄历)?[宜忌]\s*[:：]|冲\S{1,3}煞|空气(?:质量)?[优良轻中重])|.*\d{1,2}\s*(?:℃|°C?|度)?\s*[~～/—–-]\s*-?\d{1,2}\s*(?:℃|°)"
)
BYLINE = re.compile(r"by (?:[A-Z][\w.'’-]+ ){1,2}[A-Z][\w'’-]+\s*(?:[•·|,–-].{0,40})?$", re.IGNORECASE)
DATELINE = re.compile(
    r"\W*(?:published|posted|updated) (?:on |at )?(?=[a-z]{3,9}\.? \d|\d{1,2} |20\d\d)"
    r"|\W*(?:(?:提交|发布|发送|发表|更新|published|updated)(?:时间|日期)?|日期|时间|date)\s*[:：|｜]|原创\s|.*\s(?:发表于\S+|发布于\s*[\u3400-\u9fff]{2,6})$"
    r"|20\d\d[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:\s+\d{1,2}:\d{2}(?::\d{2})?)?\s*[|｜]?\s*(?:文章)?(?:来源|作者|编辑|阅读|浏览)\s*[:：]",
    re.IGNORECASE,
)
WEATHER = re.compile(
    r"(?<![\s,，|｜·])[\s,，|｜·]*(?:[\u4e00-\u9fff]{1,6}\s*)?-?\d{1,2}\s*(?:℃|°C?|度)?\s*[~～/—–-]\s*-?\d{1,2}\s*(?:℃|°C?)[^\w]*$"
)
