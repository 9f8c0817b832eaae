"""The words of a page: in English, 简体中文 and 日本語.

What stands in braces is filled in by the script. Sentences that `explain` has too, remarks on
operations and layers, and the prose of the tables are taken from there.
"""

from clearprop.explaining.language import language

_SHARED = (
    "comma",
    "undefined",
    "infinite",
    "kink",
    "left",
    "means",
    "means_less",
    "means_zero",
    "nothing",
    "all_equal",
    "digest",
    "zeros",
)

LANGUAGE_NAMES = {"en": "English", "zh": "简体中文", "ja": "日本語"}

_SHORT = {
    # controls
    "title": ("How {y} comes from {xs}", "{y} 如何由 {xs} 算出", "{xs} から {y} を計算する"),
    "back": ("Back", "后退", "戻る"),
    "next": ("Next", "前进", "進む"),
    "first": ("To the start", "回到开头", "最初へ"),
    "last": ("To the end", "跳到结尾", "最後へ"),
    "play": ("Play", "播放", "再生"),
    "pause": ("Pause", "暂停", "一時停止"),
    "step": ("Step", "步骤", "ステップ"),
    "step_of": ("Step {i} of {n}", "第 {i} 步，共 {n} 步", "{n} ステップ中 {i}"),
    "slider": ("Steps of both passes", "正向与反向的全部步骤", "順伝播と逆伝播の全ステップ"),
    "depth": ("Shown", "显示", "表示"),
    "language": ("Language", "语言", "言語"),
    "zoom_in": ("Larger", "放大", "大きく"),
    "zoom_out": ("Smaller", "缩小", "小さく"),
    "zoom_fit": ("Fit", "适合宽度", "幅に合わせる"),
    "open": ("Open {node}", "打开 {node}", "{node} を開く"),
    "close": ("Close {node}", "收起 {node}", "{node} を閉じる"),
    "picture": ("The graph", "计算图", "計算グラフ"),
    "said": ("What happens in this step", "这一步发生了什么", "このステップで起こること"),
    "legend_value": ("→ value", "→ 值", "→ 値"),
    "legend_derivative": ("← derivative of {y}", "← {y} 的导数", "← {y} の微分"),
    "all_steps": ("All steps", "全部步骤", "全ステップ"),
    "level_network": ("Network", "网络", "ネットワーク"),
    "level_layers": ("Layers", "层", "層"),
    "level_primitives": ("Single operations", "单个运算", "個々の演算"),
    "level_chosen": ("As asked for", "按要求打开", "指定どおり"),
    "level_opened": ("{node} opened", "打开 {node}", "{node} を開く"),
    # what can be changed
    "change_numbers": (
        "Change a number: type, or drag it by its name. Everything follows.",
        "改一个数：直接输入，或按住名字左右拖动，其余一切随之改变。",
        "数を変えてみましょう。入力するか、名前を左右にドラッグすると、すべてが連動します。",
    ),
    "start_over": ("Start over", "恢复原样", "元に戻す"),
    "downhill": ("One step downhill", "下降一步", "一歩下る"),
    "rate": ("step size", "步长", "歩幅"),
    "ask_first": ("Ask me first", "先让我猜", "先に質問する"),
    "predict": ("your prediction", "你的预测", "あなたの予想"),
    "predict_title": (
        "{node}: what does it send back?",
        "{node}：传回来的是多少？",
        "{node}：何が送り返されますか？",
    ),
    "predict_right": ("Right.", "对。", "正解です。"),
    "predict_wrong": (
        "Not yet: it is upstream times local, {up} × {local}.",
        "还不对：是上游乘以局部，{up} × {local}。",
        "まだです。上流と局所の積、{up} × {local} です。",
    ),
    "predict_show": ("Show me", "给我看答案", "答えを見る"),
    "cannot_change": (
        "The numbers of this page cannot be changed: {why}",
        "这个页面里的数不能改：{why}",
        "このページの数は変えられません：{why}",
    ),
    "place": ("place", "位置", "場所"),
    "this_way": ("Along this way alone: ", "只看这条路径：", "この経路だけで見ると："),
    # the steps of a softmax
    "softmax_shift": (
        "Softmax, shift: each row is shifted so that its largest score is 0. The probabilities "
        "stay the same, and no exp overflows.",
        "Softmax 之平移：每一行都平移，使最大的得分为 0。概率不变，而 exp 不会溢出。",
        "Softmax の「ずらし」：各行を、最大のスコアが 0 になるようにずらします。"
        "確率は変わらず、exp があふれません。",
    ),
    "softmax_exp": (
        "Softmax, exponentiate: scores of any sign become positive numbers, larger ones far "
        "larger.",
        "Softmax 之取指数：任何符号的得分都变成正数，大的变得大得多。",
        "Softmax の「指数」：どんな符号のスコアも正の数になり、大きいものはずっと大きくなります。",
    ),
    "softmax_sum": (
        "Softmax, normalise: the sum of each row, by which its numbers are divided.",
        "Softmax 之归一：每一行的总和，该行的数都要除以它。",
        "Softmax の「正規化」：各行の総和です。行の数はこれで割られます。",
    ),
    "softmax_share": (
        "Softmax, normalise: each number by the sum of its row: the probabilities.",
        "Softmax 之归一：每个数除以所在行的总和，得到概率。",
        "Softmax の「正規化」：各数を行の総和で割ると、確率になります。",
    ),
    "softmax_log": (
        "Softmax, normalise: dividing by the sum is, after the logarithm, subtracting its "
        "logarithm; so no probability can be rounded to 0.",
        "Softmax 之归一：取对数后，除以总和就是减去它的对数，这样概率不会被舍入成 0。",
        "Softmax の「正規化」：対数をとると、総和で割ることはその対数を引くことになり、"
        "確率が 0 に丸められることがありません。",
    ),
    "softmax_pick": (
        "Loss, pick the right class: of each row only the element of the true class counts.",
        "损失之挑出正确类别：每一行只有正确类别的那个元素算数。",
        "損失の「正解を選ぶ」：各行のうち、正解クラスの要素だけが使われます。",
    ),
    "softmax_exp_back": (
        "What goes back here is y / N, the probabilities: the derivative of exp is exp itself, "
        "here divided by the sum of its row.",
        "从这里传回去的是 y / N，即概率：exp 的导数就是 exp 自己，在这里除以所在行的总和。",
        "ここから戻るのは y / N、つまり確率です。exp の微分は exp 自身で、ここでは行の総和で割られ"
        "ています。",
    ),
    "softmax_pick_back": (
        "What goes back here is −t / N: only the element of the true class was picked, so only it "
        "gets a derivative. With y / N, which comes through exp, it will make (y − t) / N; the N "
        "comes from the mean over the samples.",
        "从这里传回去的是 −t / N：只挑出了正确类别的元素，所以只有它得到导数。与经过 exp 传来的 "
        "y / N 相加，就成为 (y − t) / N；N 来自对样本取平均。",
        "ここから戻るのは −t / N です。選ばれたのは正解クラスの要素だけなので、微分もそこにだけ"
        "伝わります。exp を通ってくる y / N と合わせて (y − t) / N になります。N はサンプルの平均"
        "から来ます。",
    ),
    # phases
    "phase_start": ("Start", "开始", "開始"),
    "phase_forward": ("Forward", "正向", "順伝播"),
    "phase_seed": ("Backward", "反向", "逆伝播"),
    "phase_backward": ("Backward", "反向", "逆伝播"),
    "phase_sum": ("Backward", "反向", "逆伝播"),
    "phase_end": ("End", "结束", "終了"),
    # titles of steps
    "title_start": ("what is given", "已知的值", "与えられた値"),
    "title_node": ("{node}   {said}",) * 3,
    "title_fold": ("{node}",) * 3,
    "title_seed": ("{d}",) * 3,
    "title_sum": ("sum   {said}", "求和   {said}", "和   {said}"),
    "title_end": ("all derivatives", "全部导数", "すべての微分"),
    "title_no_backward": ("no backward pass", "没有反向传播", "逆伝播はありません"),
    # in the picture
    "in_mean": ("mean {x}", "均值 {x}", "平均 {x}"),
    "in_zeros": ("{x} zeros", "{x} 为零", "{x} がゼロ"),
    "in_true": ("{x} true", "{x} 为真", "{x} が真"),
    "in_all": ("all {x}", "全为 {x}", "すべて {x}"),
    "in_infinite": ("{x} infinite", "{x} 个无穷", "無限 {x} 個"),
    "in_empty": ("empty", "空", "空"),
    "in_fold": ("{x} more nodes", "另有 {x} 个节点", "ほか {x} 個のノード"),
    # values
    "value": ("value", "值", "値"),
    "derivative": ("derivative", "导数", "微分"),
    "share": ("its part on this way", "这条路径上的一份", "この経路の分"),
    "not_yet": ("not computed yet", "尚未计算", "まだ計算されていません"),
    "none": ("there is none", "没有", "ありません"),
    "empty": ("shape {shape}, empty", "形状 {shape}，空", "形状 {shape}、空"),
    # the forward pass
    "forward": ("The node {node} computes:", "节点 {node} 计算：", "ノード {node} の計算："),
    "forward_layer": ("The layer {node} computes:", "层 {node} 计算：", "層 {node} の計算："),
    # the backward pass
    "to": ("To {x}", "传给 {x}", "{x} へ"),
    "head_upstream": ("upstream", "上游", "上流"),
    "head_local": ("local", "局部", "局所"),
    "head_downstream": ("downstream", "下游", "下流"),
    "downstream": ("Downstream goes", "传给下游的是", "下流へ伝えるのは"),
    # the end
    "more": ("And {n} more.", "另外还有 {n} 个。", "ほか {n} 個。"),
}
"""What is short, in English, 简体中文 and 日本語."""

_EN = {
    "keys": "Keys: ← and → go one step, Home and End to the start and the end, space plays, "
    "Tab goes from node to node, Enter to the step of a node, o opens a layer, c closes it. "
    "Point at anything to see its whole value.",
    # values
    "not_finite": "shape {shape}, {n} not finite",
    # the forward pass
    "start": "The picture shows how {y} is computed from {xs}.",
    "start_forward": "The forward pass goes from left to right, one node at a time. Each node "
    "computes a value from what comes in; it stands above the arrow that goes out.",
    "start_backward": "Then the backward pass goes from right to left and finds the derivatives; "
    "they stand below the arrows. The derivative by a value tells how strongly {y} depends on it: "
    "how many times as much {y} grows when that value alone grows a little.",
    "notation": "The derivative of {y} by {x} is written {d}.",
    "start_only": "There is no backward pass here; the last step says why.",
    "called": "This value has no name of its own; here it is called {x}.",
    "forward_first": "Its result stands above the arrow now.",
    "forward_fold": "{node} compute here; there is no room to show them one by one.",
    # the backward pass
    "seed": "Now the way back begins, at {y} itself: {d}. When {y} grows, {y} grows by just as "
    "much.",
    "seed_next": "From here every node sends derivatives back along the arrows that came in.",
    "seed_given": "Now the way back begins, at {y}, with given derivatives. {l} stands for the sum "
    "of these outputs, each multiplied by the derivative that it starts with.",
    "upstream": "To {node} comes, from upstream (from the right):",
    "rule": "The node multiplies this by its own local derivative, once for each of its inputs, "
    "and sends the products on downstream (to the left). The local derivative tells how strongly "
    "the node's own result depends on that input. No node needs to know the rest of the graph.",
    "rule_arrays": "From this the node computes, for each of its inputs, what goes on downstream "
    "(to the left). For that it needs to know nothing but its own inputs and its own result.",
    "nothing_sent": "{node} sends nothing on: small changes of its inputs do not change its "
    "result.",
    "backward_fold": "{node} pass their derivatives on here, each in the same way.",
    "to_part": "To {x}, a part of {total}",
    "card_means": "If {x} grows a little, {u} grows {local} times as much, and {y} grows {up} "
    "times as much as {u}: {down} times as much as {x}.",
    "means_same": "If {x} grows a little, {y} grows by just as much.",
    "in_words": "in words: {prose}; dout is {upstream}",
    "shapes": "Shapes: {factors} → {shape}",
    "stretched": "{x} with shape {small} was copied to {big}, so the derivatives of its copies are "
    "summed.",
    "sum": "{x} is used in {n} places. From each of them a derivative has come back; they are "
    "added:",
    "sum_folded": "{x} is used in many places, some of them folded away. The derivatives that come "
    "back from all of them are added:",
    "sum_why": "A change of {x} reaches {y} on each of these ways, and the effects add up.",
    # the end
    "end": "Both passes are done. One backward pass has found the derivatives of {y} by all inputs "
    "at once:",
    "no_backward": "A backward pass starts from a single number, and {y} has shape {shape}. Call "
    "backward(dout) on it with the derivative that arrives there, and make this page again.",
    "chain": "Multiplied along the way back:",
    "check": "Try it: with {x} = {to} instead of {from}, {y} is {after} instead of "
    "{before}. {x} has changed by {dx}, and {y} by {dy} {sign} {d} · {dx}.",
}

_ZH = {
    "keys": "按键：← 和 → 走一步，Home 和 End 到开头和结尾，空格键播放，Tab 依次到各个节点，"
    "Enter 跳到该节点的步骤，o 打开一层，c 收起。指向任何地方可以看到完整的数值。",
    "not_finite": "形状 {shape}，其中 {n} 个数不是有限数",
    "start": "这幅图表示 {y} 如何由 {xs} 算出。",
    "start_forward": "正向传播从左到右，一次一个节点。每个节点用传入的值算出一个新值，"
    "写在传出的箭头上方。",
    "start_backward": "然后反向传播从右到左求出导数，写在箭头下方。对某个值的导数说明 {y} "
    "在多大程度上取决于它：只有这个值增加微小的量时，{y} 增加该量的多少倍。",
    "notation": "{y} 对 {x} 的导数写作 {d}。",
    "start_only": "这里没有反向传播，最后一步说明原因。",
    "called": "这个值自己没有名字，这里叫它 {x}。",
    "forward_first": "结果现在写在箭头上方。",
    "forward_fold": "{node} 在这里计算，图中放不下，不逐个显示。",
    "seed": "现在开始往回走，起点是 {y} 自己：{d}。{y} 增加多少，{y} 就增加多少。",
    "seed_next": "从这里起，每个节点沿着传入的箭头把导数送回去。",
    "seed_given": "现在开始往回走，起点是 {y}，导数已经给定。{l} 表示这些输出各自乘以起点导数后的"
    "总和。",
    "upstream": "从上游（右边）传到 {node} 的是：",
    "rule": "节点对自己的每个输入，把它乘以自己的局部导数，再把乘积传给下游（左边）。"
    "局部导数说明节点自己的结果在多大程度上取决于这个输入。节点不需要知道图的其余部分。",
    "rule_arrays": "节点由此为自己的每个输入算出传给下游（左边）的导数，"
    "只需要知道自己的输入和自己的结果。",
    "nothing_sent": "{node} 不再往下传：输入的微小变化不改变它的结果。",
    "backward_fold": "{node} 在这里以同样的方式传递导数。",
    "to_part": "传给 {x}，是 {total} 的一部分",
    "card_means": "{x} 增加微小的量时，{u} 增加该量的 {local} 倍，而 {y} 增加 {u} 增量的 {up} 倍："
    "合起来是 {x} 增量的 {down} 倍。",
    "means_same": "{x} 增加多少，{y} 就增加多少。",
    "in_words": "用文字说：{prose}；其中 dout 是 {upstream}",
    "shapes": "形状：{factors} → {shape}",
    "stretched": "{x} 的形状是 {small}，正向传播时被复制成 {big}，所以要把各份副本的导数加起来。",
    "sum": "{x} 用在了 {n} 个地方，每个地方都传回了一个导数，把它们相加：",
    "sum_folded": "{x} 用在了许多地方，有些被折叠起来。从各处传回的导数相加：",
    "sum_why": "{x} 的变化沿每条路径影响 {y}，这些影响加在一起。",
    "end": "两次传播都完成了。一次反向传播就同时求出了 {y} 对所有输入的导数：",
    "no_backward": "反向传播从一个数开始，而 {y} 的形状是 {shape}。请对它调用 backward(dout)，"
    "给出传到那里的导数，再重新生成这个页面。",
    "chain": "沿着往回的路径相乘：",
    "check": "试一试：把 {x} 从 {from} 改为 {to}，{y} 就从 {before} 变为 {after}。{x} 变化了 {dx}，"
    "{y} 变化了 {dy} {sign} {d} · {dx}。",
}

_JA = {
    "keys": "キー：← と → で 1 ステップ、Home と End で最初と最後、スペースで再生、"
    "Tab でノードを順に、Enter でそのノードのステップへ、o で層を開き、c で閉じます。"
    "指し示すと値の全体が見えます。",
    "not_finite": "形状 {shape}、うち {n} 個は有限の数ではありません",
    "start": "この図は {xs} から {y} を計算する様子を表しています。",
    "start_forward": "順伝播は左から右へ、ノードを一つずつ進みます。各ノードは入ってきた値から"
    "新しい値を計算し、それは出ていく矢印の上に書かれます。",
    "start_backward": "続いて逆伝播が右から左へ進み、微分を求めます。微分は矢印の下に書かれます。"
    "ある値による微分は、{y} がその値にどれだけ左右されるかを表します。その値だけがわずかに増えた"
    "とき、{y} がその何倍増えるか、ということです。",
    "notation": "{x} による {y} の微分は {d} と書きます。",
    "start_only": "ここには逆伝播がありません。理由は最後のステップにあります。",
    "called": "この値には名前がないので、ここでは {x} と呼びます。",
    "forward_first": "結果が矢印の上に書かれました。",
    "forward_fold": "{node} がここで計算します。図に収まらないため、一つずつは示しません。",
    "seed": "ここから戻ります。出発点は {y} 自身です：{d}。"
    "{y} が増えれば、{y} は同じだけ増えます。",
    "seed_next": "ここからは、各ノードが入ってきた矢印に沿って微分を送り返します。",
    "seed_given": "ここから戻ります。出発点は {y} で、微分は与えられています。{l} は、これらの"
    "出力に出発点の微分を掛けて足し合わせたものを表します。",
    "upstream": "上流（右）から {node} に伝わってくるのは：",
    "rule": "ノードは入力ごとに、これに自分の局所的な微分を掛け、その積を下流（左）へ伝えます。"
    "局所的な微分は、ノード自身の結果がその入力にどれだけ左右されるかを表します。"
    "グラフのほかの部分を知る必要はありません。",
    "rule_arrays": "ノードはこれをもとに、入力ごとに下流（左）へ伝える微分を計算します。"
    "必要なのは、自分の入力と自分の結果だけです。",
    "nothing_sent": "{node} は何も伝えません。入力をわずかに変えても結果は変わりません。",
    "backward_fold": "{node} も、ここで同じように微分を伝えます。",
    "to_part": "{x} へ（{total} の一部）",
    "card_means": "{x} がわずかに増えると {u} はその {local} 倍だけ増え、{y} は {u} の増分の {up} "
    "倍だけ増えます。合わせて {x} の増分の {down} 倍です。",
    "means_same": "{x} がわずかに増えると、{y} も同じだけ増えます。",
    "in_words": "言葉で言えば：{prose}。dout は {upstream} です",
    "shapes": "形状：{factors} → {shape}",
    "stretched": "形状 {small} の {x} は、順伝播で {big} に複製されています。そのため、"
    "複製それぞれの微分を足し合わせます。",
    "sum": "{x} は {n} か所で使われています。それぞれから微分が戻ってきたので、足し合わせます：",
    "sum_folded": "{x} は多くの場所で使われ、一部は畳まれています。すべてから戻ってきた微分を"
    "足し合わせます：",
    "sum_why": "{x} の変化はそれぞれの経路で {y} に届き、その影響は足し合わされます。",
    "end": "二つの伝播が終わりました。一度の逆伝播で、すべての入力による {y} の微分が"
    "求まりました：",
    "no_backward": "逆伝播は一つの数から始まりますが、{y} の形状は {shape} です。そこに届く微分を"
    "与えて backward(dout) を呼び、このページを作り直してください。",
    "chain": "戻る道に沿って掛け合わせると：",
    "check": "試してみましょう。{x} を {from} から {to} に変えると、{y} は {before} から {after} に"
    "なります。{x} の変化は {dx}、{y} の変化は {dy} {sign} {d} · {dx} です。",
}

WORDS = {
    code: {key: said[i] for key, said in _SHORT.items()}
    | sentences
    | {key: language(code).words[key] for key in _SHARED}
    for i, (code, sentences) in enumerate({"en": _EN, "zh": _ZH, "ja": _JA}.items())
}
