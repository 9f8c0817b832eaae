"""The computational graph: NumPy code that records itself, differentiates and opens up."""

from clearprop.graph.functional import grad, value_and_grad
from clearprop.graph.graph import Graph, graph
from clearprop.graph.jacobians import hessian, jacobian, jvp
from clearprop.graph.layer_call import call
from clearprop.graph.memory import reuse
from clearprop.graph.variable import Parameter, Variable

__all__ = [
    "Graph",
    "Parameter",
    "Variable",
    "call",
    "grad",
    "graph",
    "hessian",
    "jacobian",
    "jvp",
    "value_and_grad",
]

reuse()
