"""How the second catalogue is kept: see `strangers_elementwise` and `strangers_others`."""

FAULTS = []


def h(kinds, arguments):
    """Enter a faulty layer with the kinds of a right diagnosis and the arguments at fault."""

    def enter(cls):
        kinds_of = kinds if isinstance(kinds, tuple) else (kinds,)
        FAULTS.append((cls, kinds_of, set(arguments.split())))
        return cls

    return enter
