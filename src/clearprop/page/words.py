"""The words of a page: in English, 简体中文 and 日本語.

What stands in braces is filled in by the script. Sentences that `explain` has too, remarks on
operations and layers, and the prose of the tables are taken from there.
"""

from clearprop.explaining.language import language

_SHARED = ("means", "means_less", "means_zero", "nothing", "all_equal", "digest", "zeros")

LANGUAGE_NAMES = {"en": "English", "zh": "简体中文", "ja": "日本語"}

EN = {
    # controls
    "title": "How {y} comes from {xs}",
    "comma": ", ",
    "back": "Back",
    "next": "Next",
    "first": "To the start",
    "last": "To the end",
    "play": "Play",
    "pause": "Pause",
    "step": "Step",
    "step_of": "Step {i} of {n}",
    "slider": "Steps of both passes",
    "depth": "Shown",
    "language": "Language",
    "zoom_in": "Larger",
    "zoom_out": "Smaller",
    "zoom_fit": "Fit",
    "open": "Open {node}",
    "close": "Close {node}",
    "picture": "The graph",
    "said": "What happens in this step",
    "legend_value": "→ value",
    "legend_derivative": "← derivative of {y}",
    "all_steps": "All steps",
    "keys": "Keys: ← and → go one step, Home and End to the start and the end, space plays, "
    "Tab goes from node to node, Enter to the step of a node, o opens a layer, c closes it. "
    "Point at anything to see its whole value.",
    "level_network": "Network",
    "level_layers": "Layers",
    "level_primitives": "Single operations",
    "level_chosen": "As asked for",
    "level_opened": "{node} opened",
    # phases
    "phase_start": "Start",
    "phase_forward": "Forward",
    "phase_seed": "Backward",
    "phase_backward": "Backward",
    "phase_sum": "Backward",
    "phase_end": "End",
    # titles of steps
    "title_start": "what is given",
    "title_node": "{node}   {said}",
    "title_fold": "{node}",
    "title_seed": "{d}",
    "title_sum": "sum   {said}",
    "title_end": "all derivatives",
    "title_no_backward": "no backward pass",
    # values
    "value": "value",
    "derivative": "derivative",
    "share": "its part on this way",
    "not_yet": "not computed yet",
    "none": "there is none",
    "empty": "shape {shape}, empty",
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
    "forward": "The node {node} computes:",
    "forward_layer": "The layer {node} computes:",
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
    "to": "To {x}",
    "to_part": "To {x}, a part of {total}",
    "card_means": "If {x} grows a little, {u} grows {local} times as much, and {y} grows {up} "
    "times as much as {u}: {down} times as much as {x}.",
    "means_same": "If {x} grows a little, {y} grows by just as much.",
    "head_upstream": "upstream",
    "head_local": "local",
    "head_downstream": "downstream",
    "downstream": "Downstream goes",
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
    "more": "And {n} more.",
}

ZH = {
    "title": "{y} 如何由 {xs} 算出",
    "comma": "、",
    "back": "后退",
    "next": "前进",
    "first": "回到开头",
    "last": "跳到结尾",
    "play": "播放",
    "pause": "暂停",
    "step": "步骤",
    "step_of": "第 {i} 步，共 {n} 步",
    "slider": "正向与反向的全部步骤",
    "depth": "显示",
    "language": "语言",
    "zoom_in": "放大",
    "zoom_out": "缩小",
    "zoom_fit": "适合宽度",
    "open": "打开 {node}",
    "close": "收起 {node}",
    "picture": "计算图",
    "said": "这一步发生了什么",
    "legend_value": "→ 值",
    "legend_derivative": "← {y} 的导数",
    "all_steps": "全部步骤",
    "keys": "按键：← 和 → 走一步，Home 和 End 到开头和结尾，空格键播放，Tab 依次到各个节点，"
    "Enter 跳到该节点的步骤，o 打开一层，c 收起。指向任何地方可以看到完整的数值。",
    "level_network": "网络",
    "level_layers": "层",
    "level_primitives": "单个运算",
    "level_chosen": "按要求打开",
    "level_opened": "打开 {node}",
    "phase_start": "开始",
    "phase_forward": "正向",
    "phase_seed": "反向",
    "phase_backward": "反向",
    "phase_sum": "反向",
    "phase_end": "结束",
    "title_start": "已知的值",
    "title_sum": "求和   {said}",
    "title_end": "全部导数",
    "title_no_backward": "没有反向传播",
    "value": "值",
    "derivative": "导数",
    "share": "这条路径上的一份",
    "not_yet": "尚未计算",
    "none": "没有",
    "empty": "形状 {shape}，空",
    "not_finite": "形状 {shape}，其中 {n} 个数不是有限数",
    "start": "这幅图表示 {y} 如何由 {xs} 算出。",
    "start_forward": "正向传播从左到右，一次一个节点。每个节点用传入的值算出一个新值，"
    "写在传出的箭头上方。",
    "start_backward": "然后反向传播从右到左求出导数，写在箭头下方。对某个值的导数说明 {y} "
    "在多大程度上取决于它：只有这个值增加微小的量时，{y} 增加该量的多少倍。",
    "notation": "{y} 对 {x} 的导数写作 {d}。",
    "start_only": "这里没有反向传播，最后一步说明原因。",
    "forward": "节点 {node} 计算：",
    "forward_layer": "层 {node} 计算：",
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
    "to": "传给 {x}",
    "to_part": "传给 {x}，是 {total} 的一部分",
    "card_means": "{x} 增加微小的量时，{u} 增加该量的 {local} 倍，而 {y} 增加 {u} 增量的 {up} 倍："
    "合起来是 {x} 增量的 {down} 倍。",
    "means_same": "{x} 增加多少，{y} 就增加多少。",
    "head_upstream": "上游",
    "head_local": "局部",
    "head_downstream": "下游",
    "downstream": "传给下游的是",
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
    "more": "另外还有 {n} 个。",
}

JA = {
    "title": "{xs} から {y} を計算する",
    "comma": "、",
    "back": "戻る",
    "next": "進む",
    "first": "最初へ",
    "last": "最後へ",
    "play": "再生",
    "pause": "一時停止",
    "step": "ステップ",
    "step_of": "{n} ステップ中 {i}",
    "slider": "順伝播と逆伝播の全ステップ",
    "depth": "表示",
    "language": "言語",
    "zoom_in": "大きく",
    "zoom_out": "小さく",
    "zoom_fit": "幅に合わせる",
    "open": "{node} を開く",
    "close": "{node} を閉じる",
    "picture": "計算グラフ",
    "said": "このステップで起こること",
    "legend_value": "→ 値",
    "legend_derivative": "← {y} の微分",
    "all_steps": "全ステップ",
    "keys": "キー：← と → で 1 ステップ、Home と End で最初と最後、スペースで再生、"
    "Tab でノードを順に、Enter でそのノードのステップへ、o で層を開き、c で閉じます。"
    "指し示すと値の全体が見えます。",
    "level_network": "ネットワーク",
    "level_layers": "層",
    "level_primitives": "個々の演算",
    "level_chosen": "指定どおり",
    "level_opened": "{node} を開く",
    "phase_start": "開始",
    "phase_forward": "順伝播",
    "phase_seed": "逆伝播",
    "phase_backward": "逆伝播",
    "phase_sum": "逆伝播",
    "phase_end": "終了",
    "title_start": "与えられた値",
    "title_sum": "和   {said}",
    "title_end": "すべての微分",
    "title_no_backward": "逆伝播はありません",
    "value": "値",
    "derivative": "微分",
    "share": "この経路の分",
    "not_yet": "まだ計算されていません",
    "none": "ありません",
    "empty": "形状 {shape}、空",
    "not_finite": "形状 {shape}、うち {n} 個は有限の数ではありません",
    "start": "この図は {xs} から {y} を計算する様子を表しています。",
    "start_forward": "順伝播は左から右へ、ノードを一つずつ進みます。各ノードは入ってきた値から"
    "新しい値を計算し、それは出ていく矢印の上に書かれます。",
    "start_backward": "続いて逆伝播が右から左へ進み、微分を求めます。微分は矢印の下に書かれます。"
    "ある値による微分は、{y} がその値にどれだけ左右されるかを表します。その値だけがわずかに増えた"
    "とき、{y} がその何倍増えるか、ということです。",
    "notation": "{x} による {y} の微分は {d} と書きます。",
    "start_only": "ここには逆伝播がありません。理由は最後のステップにあります。",
    "forward": "ノード {node} の計算：",
    "forward_layer": "層 {node} の計算：",
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
    "to": "{x} へ",
    "to_part": "{x} へ（{total} の一部）",
    "card_means": "{x} がわずかに増えると {u} はその {local} 倍だけ増え、{y} は {u} の増分の {up} "
    "倍だけ増えます。合わせて {x} の増分の {down} 倍です。",
    "means_same": "{x} がわずかに増えると、{y} も同じだけ増えます。",
    "head_upstream": "上流",
    "head_local": "局所",
    "head_downstream": "下流",
    "downstream": "下流へ伝えるのは",
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
    "more": "ほか {n} 個。",
}

WORDS = {
    code: EN | own | {key: language(code).words[key] for key in _SHARED}
    for code, own in {"en": EN, "zh": ZH, "ja": JA}.items()
}
