"""Transformers, graphs and science: what must be found in them, and what must not."""
import numpy as np
from manners import right_science, science, transformers
from stranger import Pair


def n(*shape): return np.random.randn(*shape)
def ints(k, *s): return np.random.randint(0, k, s)
def u(*s): return np.random.rand(*s) * .8 + .1
P = lambda a, b: (lambda: Pair(a, b))
ADJ = np.array([[0, 1, 0, 0], [1, 0, 1, 1], [0, 1, 0, 0], [1, 0, 0, 0.]])
EDGES = np.array([[0, 1], [1, 2], [2, 0], [3, 1], [1, 3]])
LISTS = ((1, 2), (0,), (0, 1, 3), (2, 0))

# name, what makes the layer, its inputs, the arguments at fault, the kinds of finding
FAULTS = [
    # dk lacks the scale 1/sqrt(d)
    ("sdpa_dk_unscaled", lambda: transformers.ScaledDotProduct(), lambda: (n(2, 3, 5), n(2, 4, 5), n(2, 4, 3)), "k", "factor"),
    # the way through the keys is missing in dx
    ("selfattention_no_key_path", lambda: transformers.SelfAttention(4), lambda: (n(2, 3, 4),), "x", "dropped term"),
    # heads and time are not exchanged on the way back
    ("multihead_no_transpose", lambda: transformers.MultiHead(6, 2), lambda: (n(2, 3, 6),), "x", "wrong place"),
    # the mask of backward is the transposed one
    ("causal_mask_transposed", lambda: transformers.CausalSoftmax(), lambda: (n(2, 4, 4),), "scores", "dropped term|mask inverted"),
    # the weight is missing within the mean
    ("rmsnorm_weight_in_mean", lambda: transformers.RMSNorm(n(4)), lambda: (n(3, 5, 4),), "x", "dropped term"),
    # rotates forwards again instead of back
    ("rotary_same_direction", lambda: transformers.Rotary(4), lambda: (n(2, 3, 4),), "x", "transposed|sign"),
    # the derivative of a*sigmoid(a) lacks its first term
    ("swiglu_silu_slope", lambda: transformers.SwiGLU(3, 4), lambda: (n(5, 3),), "w1 x", "dropped term"),
    # the 3 of the derivative of x**3 is missing
    ("gelu_three_missing", P(transformers.gelu, transformers.gelu_grad), lambda: (n(4, 3),), "x", "factor"),
    # one row too far
    ("positions_off_by_one", lambda: transformers.LearnedPositions(7, 3), lambda: (n(2, 4, 3),), "table", "wrong place"),
    # only the decoder's part of the tied weights
    ("tied_weights_decoder_only", lambda: transformers.TiedAutoencoder(4, 3), lambda: (u(5, 4), u(5, 4)), "W", "dropped term"),
    # A instead of A.T (A is not symmetric)
    ("gcn_A_not_transposed", lambda: transformers.GCNLayer(ADJ, 3, 2), lambda: (n(4, 3),), "H", "transposed"),
    # the slope of the leaky relu is missing
    ("gat_leaky_slope", lambda: transformers.GATHead(EDGES, 3, 2), lambda: (n(4, 3),), "W a_dst a_src x", "factor"),
    # divided by the number of the neighbour's neighbours
    ("sage_degree_of_neighbour", lambda: transformers.NeighbourMean(LISTS), lambda: (n(4, 3),), "feats", "wrong value used"),
    # 2 x A is right for symmetric A only
    ("quadratic_symmetric", lambda: transformers.QuadraticForm(n(4, 4)), lambda: (n(5, 4),), "x", "dropped term"),
    # inv(W) instead of inv(W).T
    ("logdet_no_transpose", lambda: transformers.LogAbsDet(), lambda: (n(4, 4),), "W", "transposed"),
    # inv is not transposed on both sides
    ("inverse_no_transposes", lambda: transformers.Inverse(), lambda: (n(3, 3) + 2 * np.eye(3),), "A", "transposed"),
    # the minus is missing
    ("solve_sign", lambda: transformers.LinearSolve(), lambda: (n(4, 4) + 2 * np.eye(4), n(4)), "A", "sign"),
    # x1 has no derivative through the scale
    ("coupling_scale_path", lambda: transformers.AffineCoupling(3), lambda: (n(5, 6),), "x", "dropped term"),
    # the division by sigma is missing
    ("mdn_mu_sigma", lambda: transformers.MixtureDensityLoss(), lambda: (n(5, 3), n(5, 3), n(5, 3) * 0.3, n(5)), "mu", "dropped term"),
    # x of the next time step instead of this one
    ("oscillator_wrong_step", lambda: transformers.Oscillator(1.3), lambda: (n(3),), "k", "wrong value used"),
    # the identity within the midpoint is forgotten
    ("midpoint_inner_identity", lambda: transformers.MidpointStep(3), lambda: (n(4, 3),), "x", "dropped term"),
    # y[t] instead of y[t-1]
    ("smoothing_y_of_same_step", lambda: transformers.ExponentialSmoothing(0.3), lambda: (n(5, 2),), "alpha", "wrong value used"),
    # the gradient of the taps is mirrored
    ("fir_taps_mirrored", lambda: science.FIRFilter(n(3)), lambda: (n(7),), "taps", "wrong place"),
    # the spectrum of the kernel is not conjugated
    ("fft_no_conjugate", lambda: science.CircularConv(n(3)), lambda: (n(2, 8),), "x", "transposed"),
    # rolls in the direction of forward instead of back
    ("upwind_roll_not_back", lambda: science.Upwind(), lambda: (n(2, 6),), "u", "wrong place"),
    # the coefficients' derivatives are in ascending order
    ("horner_order", lambda: science.Horner(n(4)), lambda: (n(6),), "coef", "wrong place"),
    # the weights of the two neighbours are exchanged
    ("table_weights_swapped", lambda: science.LookupTable(n(5)), lambda: (np.random.rand(7) * 0.98 + 0.01,), "values", "wrong value used|dropped term"),
    # log_rate instead of exp(log_rate)
    ("poisson_no_exp", lambda: science.PoissonLoss(), lambda: (n(6), ints(4, 6).astype(float)), "log_rate", "wrong value used"),
    # the sum runs over later events instead of earlier ones
    ("cox_cumsum_direction", lambda: science.CoxLoss(), lambda: (n(6), np.array([1.0, 0, 1, 1, 0, 1])), "risk", "wrong place"),
    # the negative item is missing in the user's gradient
    ("bpr_user_negative", lambda: science.BPR(4, 5, 3), lambda: (np.array([0, 1, 1, 3]), np.array([0, 2, 4, 4]), np.array([1, 3, 0, 2])), "U", "wrong value used"),
    # the mean of the two directions is missing: twice too large
    ("clip_half_missing", lambda: science.CLIPLoss(), lambda: (n(5, 3), n(5, 3)), "img logit_scale txt", "factor"),
    # the second encoding overwrites what the first one kept
    ("siamese_cache_overwritten", lambda: science.SiameseDistance(3, 4), lambda: (n(5, 3), n(5, 3)), "W a", "wrong value used|zero"),
    # summed over batch and features instead of batch and time
    ("layernorm_gain_axes", lambda: science.SequenceLayerNorm(n(4), n(4)), lambda: (n(2, 4, 4),), "gain", "wrong axis"),
    # the means are divided by N instead of N*H*W
    ("bn2d_divides_by_N", lambda: science.BatchNorm2d(3), lambda: (n(2, 3, 3, 5),), "x", "factor"),
    # the slope of the sigmoid is missing
    ("se_gate_without_slope", lambda: science.SqueezeExcite(4, 3), lambda: (n(3, 4, 2, 3),), "W1 W2 x", "dropped term"),
    # the gates g and i are in another order in backward
    ("lstm_gate_order", lambda: science.LSTM(n(3, 8), n(2, 8), n(8)), lambda: (n(4, 3), n(4, 2), n(4, 2)), "h_prev params[0] params[1] params[2] x", "wrong place|swapped"),
    # c[t] instead of c[t-1]
    ("qrnn_same_step_c", lambda: science.ForgetPooling(), lambda: (n(4, 2, 3), u(4, 2, 3)), "f", "wrong value used|dropped term"),
    # the slope of tanh is missing
    ("bahdanau_tanh_slope", lambda: science.AdditiveAttention(3, 2, 4), lambda: (n(4, 3), n(4, 5, 2)), "Wk Wq keys query", "dropped term"),
    # the slope is worked out once and never again
    ("gradient_kept_for_ever", lambda: science.CachedGradient(), lambda: (n(4, 3),), "None x", "stale value"),
    # the gradient is clipped to [-1, 1]
    ("cell_clipped", lambda: science.RecurrentCell(3, 4), lambda: (n(8, 3), n(8, 4)), "Wxh", "clipped"),
    # the two derivatives are handed back in the wrong order
    ("matmul_swapped", P(science.matmul_forward, science.matmul_backward), lambda: (n(3, 3), n(3, 3)), "a b", "swapped"),
    # weight decay is in the gradient, not in forward
    ("weight_decay_in_backward", lambda: science.DecayedLinear(3, 4), lambda: (n(5, 3),), "W", "extra term"),
    # divided by all samples instead of those that count
    ("ignore_index_count", lambda: science.IgnoreIndexCE(), lambda: (n(5, 3), np.array([0, -1, 2, 1, -1])), "logits", "factor"),
    # the softmax has only the diagonal of its Jacobian: the sum is missing
    ("softargmax_no_normaliser", lambda: science.SoftArgmax(), lambda: (n(3, 2, 4),), "heat", "dropped term"),
    # gradb is the mean, not the sum
    ("torch_gradb_mean", lambda: science.TorchLinear(3, 4), lambda: (n(5, 3),), "b", "factor"),
    # the bias goes up the gradient instead of down
    ("scratch_w0_sign", lambda: science.ScratchDense(4, 3), lambda: (n(5, 3),), "w0", "sign"),
    # the gate is missing in the kernel's gradient
    ("gated_kernel_without_gate", lambda: science.GatedResidual(4), lambda: (n(5, 4),), "kernel", "factor"),
]

# name, what makes the layer, its inputs, and whether all of it can be compared
RIGHT = [
    ("attention", lambda: right_science.Attention(), lambda: (n(2, 3, 5), n(2, 4, 5), n(2, 4, 3)), True),
    ("causal_mha_fused", lambda: right_science.MultiHeadSelfAttention(4, 2), lambda: (n(2, 3, 4),), True),
    ("masked_softmax_inf", lambda: right_science.MaskedSoftmax(), lambda: (n(2, 4, 4),), True),
    ("rms_dataclass", lambda: right_science.RMS(n(4)), lambda: (n(3, 5, 4),), True),
    ("rope_complex", lambda: right_science.RoPE(), lambda: (n(2, 3, 4),), True),
    ("gated_mlp_call", lambda: right_science.GatedMLP(3, 4), lambda: (n(5, 3),), True),
    ("gelu_erf", lambda: right_science.ExactGELU(), lambda: (n(4, 3),), True),
    ("positions", lambda: right_science.PositionTable(7, 3), lambda: (n(2, 4, 3),), True),
    ("tied_ae", lambda: right_science.TiedAE(4, 3), lambda: (n(5, 4),), True),
    ("graph_conv_elu", lambda: right_science.GraphConv(ADJ, 3, 2), lambda: (n(4, 3),), True),
    ("edge_softmax", lambda: right_science.EdgeSoftmaxSum(EDGES[:, 0], EDGES[:, 1], 4), lambda: (n(5), n(4, 2)), True),
    ("mean_neighbours", lambda: right_science.MeanNeighbours([list(l) for l in LISTS]), lambda: (n(4, 3),), True),
    ("squash", P(right_science.squash_fwd, right_science.squash_bwd), lambda: (n(4, 3),), True),
    ("sparsemax", lambda: right_science.SparseMax(), lambda: (n(4, 5) * 0.7,), True),
    ("quadratic", lambda: right_science.Quadratic(n(4, 4)), lambda: (n(5, 4),), True),
    ("logdet", lambda: right_science.LogDet(), lambda: (n(4, 4),), True),
    ("inverse", lambda: right_science.MatInverse(), lambda: (n(3, 3) + 2 * np.eye(3),), True),
    ("solve", lambda: right_science.Solve(), lambda: (n(4, 4) + 2 * np.eye(4), n(4)), True),
    ("coupling_dict", lambda: right_science.Coupling(3), lambda: (n(5, 6),), True),
    ("mdn", lambda: right_science.MDN(), lambda: (n(5, 3), n(5, 3), n(5, 3) * 0.3, n(5)), True),
    ("leapfrog", lambda: right_science.Leapfrog(1.3), lambda: (n(3),), True),
    ("heun", lambda: right_science.Heun(3), lambda: (n(4, 3),), True),
    ("ema_rho", lambda: right_science.EMA(0.4), lambda: (n(5, 2),), True),
    ("convolve_full", lambda: right_science.FullConvolve(n(3)), lambda: (n(7),), True),
    ("fft_conv", lambda: right_science.FFTConv(n(3)), lambda: (n(2, 8),), True),
    ("diffusion_self_adjoint", lambda: right_science.Diffusion(), lambda: (n(2, 6),), True),
    ("polynomial", lambda: right_science.Polynomial(n(4)), lambda: (n(6),), True),
    ("interpolator_bincount", lambda: right_science.Interpolator(n(5)), lambda: (np.random.rand(7) * 0.98 + 0.01,), True),
    ("poisson", lambda: right_science.PoissonNLL(), lambda: (n(6), ints(4, 6)), True),
    ("cox_matrix", lambda: right_science.CoxPH(), lambda: (n(6), np.array([1.0, 0, 1, 1, 0, 1])), True),
    ("bpr_list", lambda: right_science.BPRModel(4, 5, 3), lambda: (np.array([0, 1, 1, 3]), np.array([0, 2, 4, 4]), np.array([1, 3, 0, 2])), True),
    ("infonce", lambda: right_science.InfoNCE(), lambda: (n(5, 3), n(5, 3)), True),
    ("twin_stack", lambda: right_science.Twin(3, 4), lambda: (n(5, 3), n(5, 3)), True),
    ("bn_nhwc", lambda: right_science.BN2d(3), lambda: (n(2, 3, 4, 3),), True),
    ("se", lambda: right_science.SE(4, 3), lambda: (n(3, 4, 2, 3),), True),
    ("lstm_two_outputs", lambda: right_science.LSTMCell(n(3, 8), n(2, 8), n(8)), lambda: (n(4, 3), n(4, 2), n(4, 2)), True),
    ("fo_pooling", lambda: right_science.FoPooling(), lambda: (n(4, 2, 3), u(4, 2, 3)), True),
    ("bahdanau", lambda: right_science.Bahdanau(3, 2, 4), lambda: (n(4, 3), n(4, 5, 2)), True),
    ("torch_style", lambda: right_science.TorchStyle(3, 4), lambda: (n(5, 3),), True),
    ("hse_dense_updates", lambda: right_science.HseDense(3, 4), lambda: (n(5, 3),), True),
    ("softsign_passes", lambda: right_science.PassLayer(3), lambda: (np.array([[-2.0, 0, 1000000.0], [0.5, -0.001, 3]]),), True),
    ("ce_ignore", lambda: right_science.CEIgnore(), lambda: (n(5, 3), np.array([0, -1, 2, 1, -1])), True),
    ("float32_weights", lambda: right_science.Float32Weights(3, 4), lambda: (n(5, 3),), True),
    ("property_grads", lambda: right_science.PropertyGrads(4), lambda: (n(5, 4),), True),
    ("buffered", lambda: right_science.Buffered(), lambda: (n(4, 3),), True),
    ("median", lambda: right_science.Median(), lambda: (n(4, 5),), True),
]
