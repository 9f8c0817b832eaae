"""日本語。"""

WORDS = {
    # 数式
    "case": "{condition} のとき {value}",
    "between_cases": "、",
    "otherwise": "それ以外は {value}",
    "else": "それ以外",
    "comma": "、",
    "and": "、",
    "latex": "\\usepackage{amsmath} が必要です。LuaLaTeX と luatexja などでコンパイルしてください",
    # 見出し
    "title": "{xs} が変わると {y} はどう変わるか",
    "forward": "順伝播：入力から {y} へ",
    "backward": "逆伝播：{y} から入力へ",
    "chain": "連鎖律",
    "saved": "何が節約できたか",
    # 値
    "value": "{name}（{value}）",
    "digest": "形状 {shape}、{low} から {high} まで、平均 {mean}",
    "all_equal": "形状 {shape}、すべて {value}",
    "zeros": "、{share} % が 0",
    "not_finite": "形状 {shape}、うち {n} 個は有限の数ではありません",
    "more": "ほか {n} 個",
    # 順伝播
    "given": "与えられた値：{values}。",
    "layer": "{layer}：{formula}",
    "said": "（{prose}）",
    "result": "；{value}",
    "folded": "……ここでは {n} 段を省略します。",
    # 逆伝播
    "rule": "各ノードは、上流から伝わってきた微分に自分の局所的な微分を掛け、"
    "その積を下流へ伝えます。"
    "ノードが知っている必要があるのは、自分の入力と出力だけです。出発点は {one} です。",
    "upstream": "上流からは {derivative} が伝わってきます。",
    "local": "局所的な微分は {local}。下流へ伝えるのは {downstream}。",
    "array": "下流へ伝えるのは {downstream}（{value}）。",
    "shapes": "形状：{shapes} → {shape}。",
    "prose": "下流へ伝えるのは {derivative}、すなわち「{prose}」です。ここで dout は {upstream} "
    "です（{value}）。",
    "unsaid": "下流へ伝えるのは {derivative}（{value}）。",
    "untrue": "（docstring の {formula} は、backward の結果と一致しません。）",
    "part": "これは {total} の一部です。",
    "stretched": "形状 {shape} の {x} は、順伝播で {big} に複製されています。そのため、"
    "複製それぞれの微分を足し合わせます。",
    "arrived": (
        "{x} は {n} か所で使われています。それぞれから戻ってきた微分を足し合わせます：{sum}。"
    ),
    "nothing": "{x} には微分が伝わりません。{x} をわずかに変えても {y} は変わりません。",
    # 連鎖律
    "means": "{x} がわずかに増えると、{y} はその {d} 倍だけ増えます。",
    "means_less": "{x} がわずかに増えると、{y} はその {d} 倍だけ減ります。",
    "means_zero": "{x} がわずかに変わっても、{y} は変わりません。",
    "undefined": "{node} はここでは値を持ちません。結果は NaN、つまり「数ではない」です。そ"
    "こから計算されるものもすべて NaN になり、微分は意味を持ちません。",
    "infinite": "結果はどんな数よりも大きい ∞ です。そこから計算される値も、微分も、ほとん"
    "ど意味を持ちません。",
    "left": "ここで 0 と示したところには、丸めにより最大 {left} が残っています。",
    "ways": "{y} から {x} までの経路は {n} 本あります。経路ごとに局所的な微分を掛け合わせ、"
    "それらの積を足し合わせます。",
    "ways_folded": "{y} から {x} までの経路は {n} 本あり、ここではそのうち {few} 本を書きます。"
    "逆伝播は経路を一本ずつたどるのではなく、合流するところで足し合わせます。",
    "through": "{x} への微分は {steps} の順に通ります。",
    "more_asked": "残り {n} 個の微分も同じように求まります。",
    # 何が節約できたか
    "reused": "{derivative} は一度だけ計算され、{xs} のために共有されました。",
    "reused_ways": "{derivative} は一度だけ計算され、{xs} への {n} 本の経路で使われました。",
    "reused_more": "ほかにも {n} 個の微分が、一度だけ計算されて何度も使われました。",
    "not_reused": "ここでは、二度使われた途中の微分はありません。",
    "way_by_way": "経路ごとに計算すると、局所的な微分を {many} 回掛けることになります。"
    "逆伝播では {few} 回で済みました。",
    "numerical": "一回の逆伝播で、入力に含まれる {n} 個の数すべてについての微分が求まりました。"
    "数値微分なら、順伝播が {m} 回（一つの数につき 2 回）必要です。",
    "numerical_one": "一回の逆伝播でこの微分が求まりました。数値微分なら順伝播が 2 回必要で、"
    "入力が一つ増えるごとにさらに 2 回かかります。",
}
