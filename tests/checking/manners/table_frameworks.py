"""Small frameworks and scripts of research: what must be found in them, and what must not."""
import numpy as np
from manners import frameworks, research, right_frameworks
from stranger import Pair


def n(*shape): return np.random.randn(*shape)
def ints(k, *s): return np.random.randint(0, k, s)
def u(*s): return np.random.rand(*s) * .8 + .1
P = lambda a, b: (lambda: Pair(a, b))
L = ";".join

# name, what makes the layer, its inputs, the arguments at fault, the kinds of finding
FAULTS = [
    # the gradient of the weight is transposed (square matrix)
    ("dense_square_transposed", lambda: frameworks.Dense(4, 4), lambda: (n(6, 4),), "weight", "transposed"),
    # b was broadcast over the rows; its gradient is not summed over them
    ("mul_broadcast_not_summed", lambda: frameworks.Mul(), lambda: (n(4, 3), n(3)), "b", "not summed"),
    # -a/b instead of -a/b**2
    ("div_b_not_squared", lambda: frameworks.Div(), lambda: (n(4, 3), n(4, 3) + 3), "b", "wrong value used|dropped term"),
    # n*x**n instead of n*x**(n-1)
    ("pow_exponent", lambda: frameworks.Pow(3), lambda: (n(4, 3),), "x", "wrong value used"),
    # the kernel is mirrored for dx
    ("depthwise_mirrored", lambda: frameworks.DepthwiseConv2D(n(3, 2, 4)), lambda: (n(2, 5, 6, 4),), "x", "wrong place|wrong value used"),
    # dx is added at i instead of i*dilation
    ("dilated_offset", lambda: frameworks.DilatedConv1D(2, 3, 3, 2), lambda: (n(2, 2, 7),), "x", "wrong place"),
    # overlapping windows overwrite dvol instead of adding
    ("conv3d_overwrites", lambda: frameworks.Conv3D(n(2, 2, 2)), lambda: (n(2, 3, 4, 3),), "vol", "not summed"),
    # the kernel's gradient is mirrored
    ("deconv_dW_mirrored", lambda: frameworks.ConvTranspose1d(n(2, 3, 3)), lambda: (n(2, 2, 4),), "weight", "wrong place"),
    # the sign of x is missing (absolute value)
    ("lppool_no_sign", lambda: frameworks.LPPool1d(), lambda: (n(3, 8),), "x", "dropped term"),
    # divided by L/out instead of the length of each window
    ("adaptive_constant_bin", lambda: frameworks.AdaptiveAvgPool1d(3), lambda: (n(2, 3, 7),), "x", "factor"),
    # takes one of the four copies instead of their sum
    ("upsample_picks_one", lambda: frameworks.UpsampleNearest(), lambda: (n(2, 3, 3, 4),), "x", "not summed"),
    # the two factors r are swapped on the way back
    ("pixelshuffle_r_swapped", lambda: frameworks.PixelShuffle(), lambda: (n(2, 8, 2, 3),), "x", "wrong place"),
    # the means of backward are per channel instead of per group
    ("groupnorm_per_channel", lambda: frameworks.GroupNorm(2, 4), lambda: (n(2, 4, 3, 3),), "x", "no known pattern"),
    # eps is added outside of the square root
    ("instancenorm_eps_place", lambda: frameworks.InstanceNorm(), lambda: (n(2, 3, 3, 4) * 0.4,), "x", "precision lost|wrong value used"),
    # the norm is treated as a constant
    ("weightnorm_no_projection", lambda: frameworks.WeightNormLinear(n(3, 4), n(3)), lambda: (n(5, 4),), "v", "dropped term"),
    # sigma is treated as a constant
    ("spectral_sigma_constant", lambda: frameworks.SpectralNormLinear(n(4, 3)), lambda: (n(5, 4),), "W", "dropped term"),
    # the derivative of (1-pt)**gamma is missing
    ("focal_modulator_dropped", lambda: frameworks.FocalLoss(), lambda: (u(6), ints(2, 6)), "p", "dropped term"),
    # the observed transitions are counted to-from instead of from-to
    ("crf_transition_counts_transposed", lambda: frameworks.LinearChainCRF(3), lambda: (n(5, 3), np.array([0, 2, 2, 1, 0])), "transitions", "transposed|wrong place"),
    # pairs beyond the margin are pushed, too
    ("contrastive_mask_missing", lambda: frameworks.ContrastiveLoss(), lambda: (n(8, 2), n(8, 2), np.array([1, 0, 0, 0, 1.0, 0, 0, 0])), "x1 x2", "mask missing"),
    # the 1/2 of exp(log_var/2) is missing
    ("reparam_half_missing", lambda: frameworks.Reparameterize(3), lambda: (n(4, 3), n(4, 3)), "log_var", "factor"),
    # the -1/2 of the derivative is missing
    ("kl_minus_one_missing", lambda: research.KLDivergence(), lambda: (n(4, 3), n(4, 3)), "log_var", "dropped term"),
    # raw rewards instead of the normalised advantages
    ("reinforce_raw_rewards", lambda: research.ReinforceLoss(), lambda: (n(6, 3), ints(3, 6), n(6) * 2 + 1), "logits", "wrong value used"),
    # outside, sign instead of delta*sign
    ("huber_delta_missing", lambda: research.HuberLoss(), lambda: (n(8), n(8)), "prediction", "factor"),
    # the two sides of the kink are swapped
    ("pinball_sides_swapped", lambda: research.PinballLoss(0.3), lambda: (n(8), n(8)), "yhat", "mask inverted"),
    # the derivative is clipped to [-1, 1]
    ("nll_clipped", lambda: research.GaussianNLL(), lambda: (n(6), u(6), n(6)), "sigma", "clipped"),
    # hard labels instead of the smoothed target
    ("smoothing_hard_labels", lambda: research.SmoothedCrossEntropy(), lambda: (n(5, 4), ints(4, 5)), "logits", "wrong value used"),
    # the mean of each class instead of the sum
    ("center_mean_per_class", lambda: research.CenterLoss(n(3, 2)), lambda: (n(7, 2), np.array([0, 1, 1, 2, 2, 2, 1])), "centers", "not summed|factor"),
    # the weight f(x) is missing for C
    ("glove_weight_missing", lambda: research.GloVe(5, 3), lambda: (np.array([0, 1, 3, 4]), np.array([1, 2, 0, 0]), np.array([2.0, 5, 1, 30])), "C", "dropped term"),
    # the term of the squares is missing
    ("fm_square_term", lambda: research.FactorizationMachine(4, 2), lambda: (n(5, 4),), "V", "dropped term"),
    # r**2/s**2 instead of r**2/s**3
    ("rbf_sigma_squared", lambda: research.RBFLayer(n(3, 2), u(3) + 0.5), lambda: (n(5, 2),), "s", "wrong value used|dropped term"),
    # the softmax of the gate has only the diagonal of its Jacobian
    ("moe_gate_diagonal", lambda: research.MixtureOfExperts(3, 2, 4), lambda: (n(5, 3),), "Wg x", "dropped term"),
    # the maxima are looked for along the units instead of the pieces
    ("maxout_axis", lambda: research.Maxout(3), lambda: (n(5, 6),), "x", "wrong place|wrong axis"),
    # the two halves are swapped
    ("glu_halves_swapped", lambda: research.GLU(), lambda: (n(4, 6),), "x", "wrong place"),
    # cumsum forwards instead of backwards
    ("cumsum_not_reversed", lambda: research.CumSum(), lambda: (n(3, 5),), "x", "wrong place"),
    # the sum from here on lacks the element itself
    ("cumprod_exclusive", P(research.cumprod, research.cumprod_backward), lambda: (u(3, 4) + 0.3,), "x", "dropped term"),
    # the division by the count is missing
    ("segmentmean_count", lambda: research.SegmentMean(4), lambda: (n(6, 2), np.array([0, 0, 1, 3, 3, 3])), "values", "dropped term"),
    # log probabilities instead of probabilities
    ("logsoftmax_no_exp", lambda: research.LogSoftmax(), lambda: (n(4, 3),), "x", "wrong value used"),
    # the indices are sorted, the values not: wrong elements
    ("kmax_order", lambda: research.KMaxPooling(3), lambda: (n(3, 6),), "x", "wrong place"),
    # the two parts are swapped
    ("concat_swapped", lambda: research.Concat(), lambda: (n(4, 3), n(4, 3)), "left right", "swapped"),
    # 2/n instead of 2/(n-1)
    ("variance_n", lambda: research.UnbiasedVariance(), lambda: (n(5, 3),), "x", "factor"),
    # states of an earlier forward are used: the list is never cleared
    ("elman_states_never_cleared", lambda: research.ElmanSequence(2, 3), lambda: (n(4, 2, 2),), "U W x", "stale value"),
    # forward subtracts in its input
    ("center_in_place", lambda: research.Center(), lambda: (n(5, 3) + 1,), "x", "written in place"),
    # the derivative is rounded to float16
    ("half_precision", lambda: research.HalfPrecisionTanh(), lambda: (n(5, 3),), "x", "wrong dtype"),
    # dx is an integer array, fractions are cut off
    ("integer_buffer", lambda: research.CountingGate(), lambda: (n(5, 3) * 2,), "x", "integer"),
    # the output peephole sees the new cell, its gradient uses the old one
    ("peephole_old_cell", lambda: research.PeepholeLSTMCell(3), lambda: (n(4, 3), n(4, 3)), "p_o", "wrong value used"),
    # what is above the upper bound passes
    ("clamp_upper_bound", lambda: research.Clamp(), lambda: (n(6, 4) * 1.5,), "x", "mask missing"),
    # the division by tau is missing
    ("temperature_missing", lambda: research.TemperatureSoftmax(), lambda: (n(4, 3),), "x", "factor"),
    # the left neighbours get nothing: the last line hits the same elements as the one before
    ("tv_last_line_copied", lambda: research.TVRegularizer(), lambda: (n(2, 4, 5),), "img", "dropped term|wrong place"),
]

# name, what makes the layer, its inputs, and whether all of it can be compared
RIGHT = [
    ("linear_slots_tensor", lambda: right_frameworks.LinearT(3, 4), lambda: (n(5, 3),), True),
    ("broadcast_mul", lambda: right_frameworks.BroadcastMul(), lambda: (n(4, 3), n(3)), True),
    ("broadcast_div", lambda: right_frameworks.BroadcastDiv(), lambda: (n(4, 3), n(4, 1) + 4), True),
    ("sqrt_guarded", lambda: right_frameworks.SquareRoot(), lambda: (u(4, 3) * 5,), True),
    ("separable_conv", lambda: right_frameworks.SeparableConv2D(2, 3, 4), lambda: (n(2, 4, 5, 3),), True),
    ("causal_conv_theta", lambda: right_frameworks.CausalConv(2, 3, 3, 2), lambda: (n(2, 7, 2),), True),
    ("conv3d", lambda: right_frameworks.Conv3dFFTFree(n(2, 2, 2)), lambda: (n(2, 3, 4, 3),), True),
    ("deconv1d", lambda: right_frameworks.Deconv1d(n(2, 3, 4)), lambda: (n(2, 2, 3),), True),
    ("pnorm_pool", lambda: right_frameworks.PNormPool(), lambda: (n(3, 2, 4),), True),
    ("adaptive_pool_matrix", lambda: right_frameworks.AdaptivePool(3), lambda: (n(2, 7),), True),
    ("bilinear_upsample", lambda: right_frameworks.Bilinear2x(), lambda: (n(2, 3, 5),), True),
    ("space_to_depth", lambda: right_frameworks.SpaceToDepth(), lambda: (n(2, 3, 4, 6),), True),
    ("groupnorm", lambda: right_frameworks.GroupNormalization(2, 4), lambda: (n(2, 4, 3, 3),), True),
    ("instnorm_eps_outside", lambda: right_frameworks.InstNorm(), lambda: (n(2, 3, 3, 4),), True),
    ("weightnorm_dict", lambda: right_frameworks.WNLinear(4, 3), lambda: (n(5, 4),), True),
    ("spectral_constant_uv", lambda: right_frameworks.SNLinear(n(4, 3)), lambda: (n(5, 4),), True),
    ("focal_logits", lambda: right_frameworks.FocalLogits(), lambda: (n(8), ints(2, 8)), True),
    ("soft_dice", lambda: right_frameworks.SoftDice(), lambda: (u(3, 4, 2), ints(2, 3, 4, 2).astype(float)), True),
    ("crf", lambda: right_frameworks.CRF(3), lambda: (n(5, 3), np.array([0, 2, 2, 1, 0])), True),
    ("contrastive", lambda: right_frameworks.Contrastive(), lambda: (n(6, 2), n(6, 2), np.array([1, 0, 0, 1, 0, 0])), True),
    ("sample_normal_kept_noise", lambda: right_frameworks.SampleNormal(), lambda: (n(4, 3), n(4, 3)), True),
    ("kl_mean", lambda: right_frameworks.KL(), lambda: (n(4, 3), n(4, 3)), True),
    ("policy_gradient", lambda: right_frameworks.PolicyGradient(), lambda: (n(6, 3), ints(3, 6), n(6)), True),
    ("glove_nested_dicts", lambda: right_frameworks.GloveModel(5, 3), lambda: (np.array([0, 1, 1, 4]), np.array([1, 2, 2, 0]), np.array([2.0, 5, 1, 30])), True),
    ("fm", lambda: right_frameworks.FM(4, 2), lambda: (n(5, 4),), True),
    ("gaussian_kernel", lambda: right_frameworks.GaussianKernelLayer(n(3, 2), u(3)), lambda: (n(5, 2),), True),
    ("sparse_moe_argmax", lambda: right_frameworks.SparseMoE(3, 2, 3), lambda: (n(11, 3),), True),
    ("maxout_units", lambda: right_frameworks.MaxoutUnits(3, 2, 3), lambda: (n(5, 3),), True),
    ("gated_tanh", lambda: right_frameworks.GatedTanh(), lambda: (n(4, 6),), True),
    ("cumsum_reversed", lambda: right_frameworks.Cumsum(), lambda: (n(3, 5),), True),
    ("cumprod_with_zero", P(right_frameworks.cumprod_safe, right_frameworks.cumprod_safe_backward), lambda: (np.array([[1.0, 0, 2, -1], [0.5, 3, 0, 0]]),), True),
    ("scatter_mean", lambda: right_frameworks.ScatterMean(4), lambda: (n(6, 2), np.array([0, 0, 1, 3, 3, 3])), True),
    ("logsoft", lambda: right_frameworks.LogSoft(), lambda: (n(4, 3),), True),
    ("sort", lambda: right_frameworks.Sort(), lambda: (n(3, 5),), True),
    ("join_list_input", lambda: right_frameworks.Join(), lambda: ([n(3, 2), n(3, 4)],), True),
    ("var_ddof1", lambda: right_frameworks.Var1(), lambda: (n(5, 3),), True),
    ("smooth_l1_both", lambda: right_frameworks.SmoothL1(), lambda: (n(8), n(8)), True),
    ("label_smoothing", lambda: right_frameworks.LabelSmoothing(), lambda: (n(5, 4), ints(4, 5)), True),
    ("peephole_stacked", lambda: right_frameworks.Peephole(3), lambda: (n(4, 3), n(4, 3)), True),
    ("rnn_time_major", lambda: right_frameworks.RNNTimeMajor(2, 3), lambda: (n(4, 2, 2),), True),
]
