"""Models that travel: PyTorch's weights, and ONNX."""

from clearprop.interop.onnx_model import to_onnx as to_onnx
from clearprop.interop.pytorch import load_state_dict as load_state_dict
from clearprop.interop.pytorch import save_state_dict as save_state_dict
from clearprop.interop.pytorch import state_dict as state_dict
