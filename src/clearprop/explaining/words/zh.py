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
    "prose": "传给下游：{derivative}，即“{prose}”，其中 dout 是 {upstream}（{value}）。",
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

REMARKS = {
    "np.add": "加法把上游的导数原样传下去：两个局部导数都是 1。",
    "np.subtract": "减数得到的导数要变号。",
    "np.multiply": "乘法中，对一个因数的局部导数就是另一个因数。",
    "np.divide": "除法中，对分母的导数是负的：分母越大，结果越小。",
    "np.negative": "只改变符号。",
    "np.power": "指数降下来成为系数，幂次减一。",
    "np.square": "指数 2 降下来成为系数。",
    "np.exp": "指数函数的导数就是它自己，所以可以直接使用输出。",
    "np.log": "对数的导数是输入的倒数。",
    "np.sqrt": "输入越接近 0，曲线越陡。",
    "np.tanh": "只需要输出：输出接近 ±1 时，几乎没有导数通过。",
    "np.maximum": "只有较大的一方让导数通过，就像开关一样。",
    "np.where": "条件成立处导数传给一方，其余处传给另一方。",
    "np.sum": "求和把导数原样传给每一个加数。",
    "np.mean": "平均是总和除以个数，它的导数也要除以个数。",
    "np.max": "正向只有最大的元素通过，所以只有它得到导数。",
    "np.matmul": "转置是唯一能使形状对应的排法：导数的形状与被求导的量相同。",
    "np.reshape": "只改变了排列，所以把导数按原来的形状排回去。",
    "np.transpose": "只改变了排列，所以把导数转置回去。",
    "clearprop.getitem": "被取出的元素得到导数，其余元素得到 0。",
}

LAYERS = {
    "AddLayer": "加法把导数原样传下去，所以不必保存数值，只需记住形状。",
    "MulLayer": "两个因数交换位置，所以 `forward` 必须把两者都保存下来。",
    "Affine": "转置是唯一能使形状对应的排法：`dW` 必须与 `W` 形状相同。"
    "偏置在正向传播时被加到批中的每一行，"
    "所以它的导数是对各行求和。",
    "Relu": "在恰好等于 0 处，导数取 0。`mask` 记住正向传播时哪些元素被截断，"
    "反向传播时导数也正是在这些元素处被截断。",
    "Sigmoid": "链式法则的四步（÷、+、exp、×）合并成一步，所以只需保存输出。",
    "Softmax": "每个得分都会影响所有的概率，因为它们共用同一个分母。",
    "SoftmaxWithLoss": (
        "两步合起来，恰好是输出的概率与正确答案之差。除以 N 是因为损失对整批取平均。"
    ),
    "Embedding": "`W` 的每一行得到所有用到它之处的导数之和，没有用到的行得到 0。"
    "类别编号没有导数，所以 `backward` 什么也不返回。",
    "Gelu": "这是乘积的求导法则，因为 `out` 的两个因数里都有 `x`。",
    "Huber": "拉力随距离增大，到 `delta` 为止，此后不再增大。",
    "MeanSquaredError": "偏离两倍，拉力也是两倍。",
    "SigmoidWithLoss": "与 softmax 一样，两步合起来，恰好是输出的概率与正确答案之差。",
    "Tanh": "只需保存输出；输出接近 ±1 之处，导数几乎传不过去。",
}
