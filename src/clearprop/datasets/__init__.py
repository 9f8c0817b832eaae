"""Data to learn from: MNIST out of the box, and tables, pictures and IDX files of your own.

    load_mnist       MNIST in the book's form: ((x_train, t_train), (x_test, t_test))
    mnist_dataset    MNIST in the form that training wants: a `Dataset`
    read_table       a table in a file → a `Dataset` with one column as target
    read_pictures    a folder with a subfolder of pictures for each class → a `Dataset`
    Dataset          inputs and labels, for training and for testing
    read_idx         an IDX file, plain or gzipped → an array
    write_idx        an array → an IDX file

Nothing is read until one of them is called, and nothing is ever fetched from a network.
"""

from clearprop.datasets.dataset import Dataset
from clearprop.datasets.idx import read_idx, write_idx
from clearprop.datasets.mnist import load_mnist, mnist_dataset
from clearprop.datasets.pictures import read_pictures
from clearprop.datasets.table import read_table

__all__ = [
    "Dataset",
    "load_mnist",
    "mnist_dataset",
    "read_idx",
    "read_pictures",
    "read_table",
    "write_idx",
]
