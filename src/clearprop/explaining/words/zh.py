"""简体中文。"""

WORDS = {
    # 公式
    "case": "当 {condition} 时为 {value}",
    "between_cases": "，",
    "otherwise": "否则为 {value}",
    "else": "其他",
    "comma": "、",
    "and": " 和 ",
    "latex": "需要 \\usepackage{amsmath}；中文请用 XeLaTeX 或 LuaLaTeX 与 ctex 宏包编译",
    # 标题
    "title": "{y} 如何随 {xs} 变化",
    "forward": "正向传播：从输入到 {y}",
    "backward": "反向传播：从 {y} 回到输入",
    "chain": "链式法则",
    "saved": "省下了什么",
    # 数值
    "value": "{name}（{value}）",
    "digest": "形状 {shape}，从 {low} 到 {high}，平均 {mean}",
    "all_equal": "形状 {shape}，全为 {value}",
    "zeros": "，{share} % 为 0",
    "not_finite": "形状 {shape}，其中 {n} 个数不是有限数",
    "more": "另外 {n} 个",
    # 正向传播
    "given": "已知：{values}。",
    "layer": "{layer}：{formula}",
    "said": "（{prose}）",
    "result": "；{value}",
    "folded": "……此处省略 {n} 步。",
    # 反向传播
    "rule": "每个节点把上游传来的导数乘以自己的局部导数，再把乘积传给下游。"
    "节点只需要知道自己的输入和输出。"
    "起点是 {one}。",
    "upstream": "上游传来 {derivative}。",
    "local": "局部导数：{local}；传给下游：{downstream}。",
    "array": "传给下游：{downstream}（{value}）。",
    "shapes": "形状：{shapes} → {shape}。",
    "prose": "传给下游：{derivative}（{value}），即“{prose}”，其中 dout 是 {upstream}。",
    "unsaid": "传给下游：{derivative}（{value}）。",
    "untrue": "（文档中写的 {formula} 与 backward 给出的结果不符。）",
    "part": "这是 {total} 的一部分。",
    "stretched": "{x} 的形状是 {shape}，正向传播时被复制成 {big}，所以要把各份副本的导数加起来。",
    "arrived": "{x} 用在了 {n} 个地方，从各处传回的导数要相加：{sum}。",
    "nothing": "没有导数传到 {x}：{x} 的微小变化不会改变 {y}。",
    # 链式法则
    "means": "{x} 增加微小的量时，{y} 增加该量的 {d} 倍。",
    "means_less": "{x} 增加微小的量时，{y} 减少该量的 {d} 倍。",
    "means_zero": "{x} 变化微小的量时，{y} 不变。",
    "means_kink": "{node} 在这里有折点，所以 {x} 的微小变化如何影响 {y} 取决于变化的方向；"
    "{d} 是所取的斜率。",
    "undefined": "{node} 在这里没有值：结果是 NaN，意思是“不是数”。由它算出的一切也是 NaN，"
    "导数没有意义。",
    "infinite": "结果大过任何数：∞。由它算出的值说明不了什么，导数也一样。",
    "kink": "{node} 在这里有一个折点：两侧的斜率不同，因此没有导数。这里取了其中之一，"
    "或两者之间的一个，下文以此为准。",
    "left": "这里显示为 0 的地方，舍入留下了不超过 {left} 的数。",
    "ways": "从 {y} 到 {x} 有 {n} 条路径。沿每条路径把局部导数相乘，再把各个乘积相加。",
    "ways_folded": "从 {y} 到 {x} 有 {n} 条路径，这里只写出 {few} 条。反向传播并不逐条计算，"
    "而是在路径汇合处相加。",
    "through": "到 {x} 的导数依次经过 {steps}。",
    "more_asked": "另外 {n} 个导数的求法相同。",
    # 省下了什么
    "reused": "{derivative} 只计算一次，却供 {xs} 共同使用。",
    "reused_ways": "{derivative} 只计算一次，却用在通往 {xs} 的 {n} 条路径上。",
    "reused_more": "还有 {n} 个导数只计算一次而多次使用。",
    "not_reused": "这里没有哪个中间导数需要用两次。",
    "way_by_way": "若逐条路径计算，需要乘 {many} 次局部导数；反向传播只乘了 {few} 次。",
    "numerical": "一次反向传播就得到对输入中全部 {n} 个数的导数。"
    "若用数值微分，则需要 {m} 次正向传播：每个数两次。",
    "numerical_one": "一次反向传播就得到这个导数。"
    "若用数值微分，则需要 2 次正向传播，而且每多一个输入就要多 2 次。",
}
