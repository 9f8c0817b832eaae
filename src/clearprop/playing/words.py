"""What the playing page says, in each language."""

LANGUAGES = {"en": "English", "zh": "简体中文", "ja": "日本語"}

_SAID = {
    "numbers_to_learn": ("{n} numbers to learn", "要学习 {n} 个数", "学習する数は {n} 個"),
    "learn": ("Learn", "学习", "学習"),
    "train": ("Train", "训练", "学習する"),
    "pause": ("Pause", "暂停", "一時停止"),
    "one_step": ("One step", "走一步", "1 ステップ"),
    "again": ("Start over", "重新开始", "最初から"),
    "rate": ("learning rate", "学习率", "学習率"),
    "pace": ("speed", "速度", "速さ"),
    "pace_all": ("as fast as it goes", "尽可能快", "できるだけ速く"),
    "pace_some": ("{n} a second", "每秒 {n} 步", "毎秒 {n} ステップ"),
    "steps": ("steps", "步", "ステップ"),
    "loss": ("loss", "损失", "損失"),
    "right": ("of {n} unseen right", "未见过的 {n} 个中答对", "未知の {n} 個中の正解"),
    "speed": ("steps a second", "步/秒", "ステップ/秒"),
    "curve": ("Loss by step", "每一步的损失", "ステップごとの損失"),
    "died_loss": (
        "It has died: the loss is no longer a number. The steps were too large for this network. "
        "Choose a smaller learning rate and start over.",
        "它死了：损失已经不是数。对这个网络来说步子太大了。请选小一些的学习率，重新开始。",
        "ネットワークが死にました。損失が数ではなくなっています。歩幅が大きすぎたのです。"
        "学習率を小さくして、最初からやり直してください。",
    ),
    "died_units": (
        "It has died: every unit of {layer} gives 0 for everything, so no derivative passes it, "
        "and what lies before it never changes again. Choose a smaller learning rate and start "
        "over.",
        "它死了：{layer} 的每个单元对什么都输出 0，导数传不过去，前面的层再也不会改变。"
        "请选小一些的学习率，重新开始。",
        "ネットワークが死にました。{layer} のどのユニットも常に 0 を出すため、微分が伝わらず、"
        "その手前はもう変わりません。学習率を小さくして、最初からやり直してください。",
    ),
    "inside": ("Inside, layer by layer", "逐层看里面", "層ごとに中を見る"),
    "inside_hint": (
        "For the last batch: how often which value comes (0 in the middle), among what each layer "
        "gives, its weights, and the derivatives that come back to them. One step shows both sides "
        "of it: the line is how it was before.",
        "对最近一批数据：每一层的输出、权重以及传回的导数中，各种值出现得多频繁（中间为 0）。"
        "走一步就能看到前后两边：线表示走之前的样子。",
        "直前のバッチについて、各層の出力、重み、戻ってくる微分の値の分布を示します（中央が 0）。"
        "1 ステップ進めると前後が見えます。線は進む前の様子です。",
    ),
    "when": (
        "After {n} steps. Loss of the batch: {loss}",
        "走了 {n} 步之后。这批数据的损失：{loss}",
        "{n} ステップ後。このバッチの損失：{loss}",
    ),
    "when_step": (
        "Step {n}. Loss of its batch: {before} → {after}",
        "第 {n} 步。这批数据的损失：{before} → {after}",
        "{n} ステップ目。このバッチの損失：{before} → {after}",
    ),
    "moved": ("{p} % moved", "变动 {p} %", "{p} % 動いた"),
    "layer": ("layer", "层", "層"),
    "activations": ("activations", "激活值", "活性"),
    "weights": ("weights", "权重", "重み"),
    "slopes": ("derivatives", "导数", "微分"),
    "silent": ("{n} of {m} silent", "{m} 个中 {n} 个沉默", "{m} 個中 {n} 個が沈黙"),
    "draw": ("Draw one", "画一个", "描いてみる"),
    "draw_here": (
        "draw here with mouse, finger or arrow keys (Shift lifts the pen, Escape clears)",
        "用鼠标、手指或方向键画（Shift 抬笔，Escape 清除）",
        "マウス、指、矢印キーで描く（Shift でペンを上げ、Escape で消す）",
    ),
    "clear": ("Clear", "清除", "消す"),
    "example": ("One from the test data", "取一个测试样本", "テストデータから一つ"),
    "example_seen": ("One from the data", "取一个样本", "データから一つ"),
    "answer": ("true answer: {t}", "正确答案：{t}", "正解：{t}"),
    "look_at": ("One sample", "一个样本", "一つのサンプル"),
    "sample": ("inputs: {x}", "输入：{x}", "入力：{x}"),
    "filter_and_map": (
        "Above, the filter; below, where it finds what it looks for",
        "上面是滤波器，下面是它找到目标的地方",
        "上がフィルター、下がそれの見つけた場所",
    ),
    "filters": ("What the filters look for", "滤波器在找什么", "フィルターが探すもの"),
    "filters_hint": (
        "Orange: what is bright here speaks for it, blue: against.",
        "橙色：这里亮就支持它；蓝色：就反对它。",
        "橙：ここが明るければ賛成、青：反対。",
    ),
    "filters_said": ("{n} units of {name}", "{name} 的 {n} 个单元", "{name} の {n} ユニット"),
    "filters_inputs": (
        "{name}: {n} filters, each with {m} inputs side by side",
        "{name}：{n} 个滤波器，每个有 {m} 个输入，并排画出",
        "{name}：{n} 個のフィルター、入力 {m} 個を並べて表示",
    ),
    "change": ("only what it has learned", "只看学到的变化", "学習した変化だけ"),
    "plane": ("The plane", "平面", "平面"),
    "plane_hint": (
        "Each point in the colour of the class that the network says; the line is the boundary of "
        "the decision. Touch a point, or move it with the arrow keys, to see it read below.",
        "平面上每一点的颜色是网络给出的类别，线是决策边界。点一下某个点，或用方向键移动它，"
        "下面就显示网络怎样读它。",
        "平面の各点を、ネットワークが答えるクラスの色で塗っています。線は決定境界です。"
        "点に触れるか矢印キーで動かすと、下に読み取りが出ます。",
    ),
    "drawn": (
        "The weights of the start are drawn here, with a seed, as those of the network were.",
        "起始权重由页面按种子随机生成，分布与网络的相同。",
        "最初の重みは、ネットワークのものと同じ分布で、種からこのページが引いたものです。",
    ),
    "language": ("Language", "语言", "言語"),
}

WORDS = {code: {key: said[i] for key, said in _SAID.items()} for i, code in enumerate(LANGUAGES)}
