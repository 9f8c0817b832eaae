"""`clearprop train`: train a network, and leave a run folder."""

import re
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter
from cyclopts.validators import Number

from clearprop.cli.complaints import complain
from clearprop.cli.form_options import FormOptions
from clearprop.cli.language import read_settings
from clearprop.cli.networks import as_taken, kind_of, own_network
from clearprop.cli.options import count_option, flag_option, seed_option
from clearprop.cli.own_data import read_again, read_anew
from clearprop.cli.running import run_training, steps_in_epoch
from clearprop.cli.settings import settings_of
from clearprop.errors import ConfigError
from clearprop.speech import retold


def train(
    data: Annotated[
        Path | None,
        Parameter(
            help="What to learn from: a table (.csv, .tsv, .npy, .npz, .parquet), a folder with a "
            "subfolder of pictures for each class, or one with four IDX files, named as those of "
            "MNIST (train-images-idx3-ubyte and so on, .gz or not). [default: MNIST]"
        ),
    ] = None,
    *,
    form: FormOptions | None = None,
    network: Annotated[
        str | None,
        Parameter(
            help="two-layer (fully connected), conv or deep-conv (convolutions, for images), or "
            "one of your own, FILE.py:FUNCTION, which gives a clearprop.Network, given a generator "
            "of random numbers. [default: two-layer]"
        ),
    ] = None,
    hidden: Annotated[
        tuple[int, ...] | None,
        count_option(
            "Neurons in the hidden layers, the first layer first: `--hidden 100 50`. [default: 50; "
            "conv: 100]",
            consume_multiple=1,
            negative="",
        ),
    ] = None,
    activation: Annotated[
        str | None,
        Parameter(
            help="What follows each hidden layer: relu, sigmoid, tanh, leaky-relu, elu, gelu or "
            "softplus. [default: relu]"
        ),
    ] = None,
    init: Annotated[
        float | str | None,
        Parameter(
            help="Spread of the first random weights: he (suits relu), xavier (suits sigmoid), or "
            "a standard deviation such as 0.01. [default: he]"
        ),
    ] = None,
    batch_norm: Annotated[
        bool, flag_option("Normalise what comes to each activation over the batch.")
    ] = False,
    dropout: Annotated[
        float | None,
        Parameter(
            help="Share of the hidden neurons that is left out at random in each step. [default: "
            "0; deep-conv: 0.5]"
        ),
    ] = None,
    batch: Annotated[
        int | None,
        count_option("Images or rows in each step. [default: 100, and a tenth of small data]"),
    ] = None,
    rate: Annotated[
        float | None,
        Parameter(
            help="Learning rate: how far each step goes. [default: sgd 0.1; momentum, nesterov and "
            "adagrad 0.01; others 0.001]"
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        Parameter(
            help="sgd, momentum, nesterov, adagrad, rmsprop, adam or adamw. [default: sgd; adam "
            "for convolutions and networks, tables and pictures of your own]"
        ),
    ] = None,
    schedule: Annotated[
        str | None,
        Parameter(
            help="How the rate changes: constant; cosine (down to 0), step (a tenth after each "
            "third), exponential (down to a hundredth), or warmup (up at first, then cosine). "
            "[default: constant; conv and deep-conv: cosine]"
        ),
    ] = None,
    weight_decay: Annotated[
        float | None,
        Parameter(
            help="How strongly weights are pulled towards 0. [default: 0; adamw: 0.01]",
            validator=Number(gte=0),
        ),
    ] = None,
    epochs: Annotated[
        int | None, count_option("Train for so many passes through the data.")
    ] = None,
    iterations: Annotated[
        int | None,
        count_option(
            "Train for so many steps. [default: 10000; own tables and pictures, 100 epochs at most]"
        ),
    ] = None,
    validation: Annotated[
        float | None,
        Parameter(
            help="Share of the training data to hold out, such as 0.1: the best network is chosen "
            "by it, and the test data are asked at the end only."
        ),
    ] = None,
    patience: Annotated[
        int | None,
        count_option(
            "Stop when so many epochs in a row were no better on the test data, or on those held "
            "out by `--validation`."
        ),
    ] = None,
    seed: Annotated[
        int | None,
        seed_option(
            "Draws first weights and batches; the same seed gives the same run. [default: 0]"
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        Parameter(help="Where to leave the run. [default: the next free of runs/1, runs/2, …]"),
    ] = None,
    overwrite: Annotated[
        bool, flag_option("Let the run take the place of an earlier one in that folder.")
    ] = False,
    resume: Annotated[
        Path | None,
        Parameter(
            help="Go on with a run that was stopped or killed, by its folder. With `--epochs` or "
            "`--iterations`, which count what was done before, it can be made longer."
        ),
    ] = None,
    save_every: Annotated[
        float | None,
        Parameter(
            help="Seconds that a killed run can lose at most. [default: 30]", validator=Number(gt=0)
        ),
    ] = None,
    no_compile: Annotated[
        bool,
        flag_option(
            "Run the layers as they are written, instead of the program compiled from them: "
            "slower, with the same result but for rounding."
        ),
    ] = False,
    engine: Annotated[
        str | None,
        Parameter(
            help="What runs the steps: numpy; c, for kernels made by a C compiler, or numpy if "
            "there is none (auto says the same); jax, for GPUs and several devices; or javascript, "
            "as on a page, in Node. [default: numpy]"
        ),
    ] = None,
    devices: Annotated[
        int | None, count_option("With `--engine jax`, how many devices share each batch.")
    ] = None,
    coordinator: Annotated[
        str | None,
        Parameter(
            help="Compute together with other processes, perhaps on other machines: the address "
            "HOST:PORT of the first of them. Each is given the same command, but for `--process`."
        ),
    ] = None,
    process: Annotated[
        int | None,
        Parameter(help="Which of the processes this is: 0 for the first, which leaves the run."),
    ] = None,
    processes: Annotated[int | None, count_option("How many processes there are.")] = None,
    quiet: Annotated[
        bool, flag_option("Print nothing but the folder of the run.", alias="-q")
    ] = False,
) -> int:
    """Train a network on handwritten digits, or on a table or pictures of your own.

    Without options this is the classic first network: 784 pixels in, 50 hidden neurons, 10 digits
    out; 10,000 steps with 100 images each. It learns to read about 97 of 100 digits it has never
    seen. Some other things to try:

        clearprop train --hidden 100 50 --epochs 20
        clearprop train --activation sigmoid --init xavier --rate 0.5
        clearprop train --seed 1 --folder runs/second-try
        clearprop train --resume runs/1 --epochs 30
        clearprop train houses.csv --target price
        clearprop train animals/            (animals/cat/1.jpg, animals/dog/1.jpg, …)
        clearprop train --network conv --epochs 3
        clearprop train --network my_net.py:make --optimizer momentum --schedule cosine

    The run folder holds `weights.safetensors` (what was learned, and all that is needed to go on),
    `best.safetensors` (what was learned when the test score was best), `config.json` (all
    settings), `history.jsonl` (loss of each step, accuracies of each epoch), `signals.jsonl`
    (activations and derivatives of the layers over time), and at the end `curves.png` and
    `report.html`, a page that shows it all. Ctrl-C stops early; whatever ends a run, what was
    learned is kept (a kill loses the last seconds, see `--save-every`), and `--resume` goes on to
    the same weights as if it had not been stopped. How a table became numbers is kept, too, and
    `clearprop predict RUN new.csv` does the same.
    """
    if (coordinator, process, processes) != (None, None, None):
        from clearprop.training import join

        join(coordinator, process, processes)
    from clearprop.compiler.engines import usable
    from clearprop.datasets.formed import Formed
    from clearprop.training import RunConfig, RunFolder

    if no_compile and engine not in (None, "numpy"):
        raise ConfigError(
            f"--engine {engine} runs the compiled program, and --no-compile asks for none; leave "
            "one of them out"
        )
    if engine is not None:
        engine, note = usable(engine)
        if note:
            complain(note)
    settings = {
        "activation": activation,
        "init": init,
        "batch_norm": batch_norm or None,
        "dropout": dropout,
        "batch": batch,
        "rate": rate,
        "optimizer": optimizer,
        "schedule": schedule,
        "weight_decay": weight_decay,
        "validation": validation,
        "patience": patience,
        "seed": seed,
        "save_every": save_every,
        "engine": engine,
        "devices": devices,
    }
    settings = {name: value for name, value in settings.items() if value is not None}
    if init == 0 and hidden != ():
        complain(
            "with --init 0 all neurons of a layer start alike, are moved alike and stay "
            "alike, so that little is learned; --init he makes them different"
        )
    formed = (form or FormOptions()).given()
    if epochs is not None and iterations is not None:
        raise ConfigError("--epochs and --iterations both say how long to train; give one of them")
    if resume is not None:
        others = {"hidden": hidden, "folder": folder}
        others |= {"overwrite": overwrite or None, "no_compile": no_compile or None}
        given = [*settings, *formed, *(name for name, value in others.items() if value is not None)]
        if given:
            option = f"--{given[0].replace('_', '-')}"
            raise ConfigError(
                f"--resume goes on with the settings of the run, so {option} cannot be given; "
                "--epochs and --iterations can"
            )
        with own_network(network) as make:
            run = RunFolder(resume, make)
            config = read_settings(run)
            dataset = read_again(run, config, data)
            return run_training(
                config, dataset, run, epochs, iterations, make=make, resume=True, quiet=quiet
            )
    if validation is not None and not 0 < validation < 1:
        raise ConfigError(f"--validation is a share between 0 and 1, such as 0.1, not {validation}")
    kind = kind_of(network)
    with own_network(network if kind == "own" else None) as make:
        dataset = read_anew(data, {**formed, "seed": seed or 0}, kind)
        if not quiet and isinstance(dataset, Formed):
            head, *notes = map(retold, re.split(r"\n +", str(dataset)))
            print("\n  ".join([head, *notes]))
        if make is not None:
            dataset = as_taken(make(np.random.default_rng(0)), dataset)
        settings["data"] = None if data is None else str(data.resolve())
        settings = settings_of(kind, dataset, hidden or (), settings)
        config = RunConfig(compile=not no_compile, **settings)
        if isinstance(dataset, Formed) and epochs is iterations is None:
            iterations = min(10_000, 100 * steps_in_epoch(config, dataset))
        run = None if folder is None else RunFolder(folder, make)
        return run_training(
            config, dataset, run, epochs, iterations, make=make, overwrite=overwrite, quiet=quiet
        )
