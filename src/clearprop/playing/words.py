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
        "For one batch: what each layer gives, its weights, and how large the derivatives are that "
        "come back to them; before the next step, and after it.",
        "对同一批数据：每一层的输出、权重，以及传回的导数有多大。走一步之后再看看。",
        "一つのバッチについて、各層の出力と重み、そこへ戻ってくる微分の大きさを示します。"
        "ステップのたびに変わります。",
    ),
    "layer": ("layer", "层", "層"),
    "activations": ("activations", "激活值", "活性"),
    "weights": ("weights", "权重", "重み"),
    "slopes": ("derivatives", "导数", "微分"),
    "silent": ("{n} of {m} silent", "{m} 个中 {n} 个沉默", "{m} 個中 {n} 個が沈黙"),
    "draw": ("Draw one", "画一个", "描いてみる"),
    "draw_here": ("draw here with mouse or finger", "用鼠标或手指画", "マウスか指で描く"),
    "clear": ("Clear", "清除", "消す"),
    "example": ("One from the test data", "取一个测试样本", "テストデータから一つ"),
    "answer": ("true answer: {t}", "正确答案：{t}", "正解：{t}"),
    "reads": ("What it reads, layer by layer", "它怎样逐层读出来", "層ごとの読み取り"),
    "look_at": ("One sample", "一个样本", "一つのサンプル"),
    "filters": ("What the first layer looks for", "第一层在找什么", "最初の層が探すもの"),
    "filters_hint": (
        "Orange: ink here speaks for it, blue: against.",
        "橙色：这里有笔迹就支持它；蓝色：就反对它。",
        "橙：ここに線があれば賛成、青：あれば反対。",
    ),
    "change": ("only what it has learned", "只看学到的变化", "学習した変化だけ"),
    "plane": ("The plane", "平面", "平面"),
    "plane_hint": (
        "Each point of the plane in the colour of the class that the network says, the points of "
        "the data on it. Where the colours meet is the boundary.",
        "平面上每一点的颜色是网络给出的类别，上面是数据点。颜色相接的地方就是边界。",
        "平面の各点を、ネットワークが答えるクラスの色で塗り、データの点を重ねています。"
        "色の境目が決定境界です。",
    ),
    "kept": ("", "", ""),
    "drawn": (
        "The weights of the start are drawn here, with a seed, as those of the network were.",
        "起始权重由页面按种子随机生成，分布与网络的相同。",
        "最初の重みは、ネットワークのものと同じ分布で、種からこのページが引いたものです。",
    ),
    "language": ("Language", "语言", "言語"),
}

WORDS = {code: {key: said[i] for key, said in _SAID.items()} for i, code in enumerate(LANGUAGES)}
