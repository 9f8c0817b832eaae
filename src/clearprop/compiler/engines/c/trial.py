def disagreeing(printer, kernels, found):
    return set()
