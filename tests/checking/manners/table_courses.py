"""Course homework and blogs: what must be found in them, and what must not."""
import numpy as np
from manners import blogs, courses, right_blogs, right_courses
from stranger import Pair


def n(*shape): return np.random.randn(*shape)
def ints(k, *s): return np.random.randint(0, k, s)
P = lambda a, b: (lambda: Pair(a, b))
c = "o.%s o.d%s"

# name, what makes the layer, its inputs, the arguments at fault, the kinds of finding
FAULTS = [
    # dw is divided by the batch size, forward does not average
    ("affine_1_over_N", P(courses.affine_forward, courses.affine_backward), lambda: (n(5, 2, 3), n(6, 4), n(4)), "w", "factor"),
    # db1 lacks the 1/m of the cost (samples are columns)
    ("shallow_db1_no_mean", lambda: courses.ShallowModel(3, 4, 2), lambda: (n(3, 5), ints(2, 2, 5).astype(float)), "b1", "factor"),
    # the gradient goes back through Whh instead of Whh.T
    ("charrnn_Whh_not_transposed", lambda: courses.CharRNN(5, 4), lambda: ([0, 3, 1, 2], [3, 1, 2, 4]), "Whh Wxh bh", "transposed"),
    # the way through the variance (std) is forgotten
    ("bn_no_variance_path", lambda: courses.BatchNorm1d(n(3), n(3)), lambda: (n(6, 3),), "x", "dropped term"),
    # the padding is cut off at the far side only: dx is shifted by pad
    ("conv_pad_offset", P(courses.conv_forward_naive, courses.conv_backward_naive), lambda: (n(2, 2, 5, 4), n(3, 2, 3, 3), n(3)), "x", "wrong place"),
    # each of several equal maxima gets the whole derivative
    ("maxpool_ties", P(courses.max_pool_forward, courses.max_pool_backward), lambda: (ints(3, 2, 2, 4, 6).astype(float),), "x", "ties counted twice"),
    # backward lacks the division by keep_prob
    ("dropout_no_scale", lambda: courses.InvertedDropout(0.7, seed=3), lambda: (n(5, 4),), "A", "factor"),
    # dx lacks the 1/N of the loss
    ("softmax_loss_no_N", lambda: courses.softmax_loss, lambda: (n(5, 3), ints(3, 5)), "x", "factor"),
    # the right class gets -1 instead of minus the number of positive margins
    ("svm_hinge_count", lambda: courses.svm_loss, lambda: (n(5, 4) * 0.5, ints(4, 5)), "x", "not summed"),
    # the derivative of reg*W**2 is 2*reg*W, not reg*W
    ("l2_without_2", lambda: courses.TwoLayerNetReg(4, 5, 3), lambda: (n(6, 4), ints(3, 6)), "W1 W2", "dropped term"),
    # 1 - c**2 instead of 1 - tanh(c)**2
    ("lstm_tanh_of_c", P(courses.lstm_step_forward, courses.lstm_step_backward), lambda: (n(3, 4), n(3, 2), n(3, 2), n(4, 8), n(2, 8), n(8)), "Wh Wx b prev_c prev_h x", "wrong value used|dropped term"),
    # db is overwritten at each time step instead of added to
    ("rnn_db_last_step_only", P(courses.rnn_forward, courses.rnn_backward), lambda: (n(2, 4, 3), n(2, 5), n(3, 5), n(5, 5) * 0.5, n(5)), "b", "not summed"),
    # dW[x] += dout keeps only one of repeated indices
    ("embedding_plus_equals", P(courses.word_embedding_forward, courses.word_embedding_backward), lambda: (np.array([[0, 2, 2], [1, 0, 4]]), n(5, 3)), "W", "not summed"),
    # masked time steps are not masked in dx
    ("temporal_mask_missing", lambda: courses.temporal_softmax_loss, lambda: (n(2, 3, 4), ints(4, 2, 3), np.array([[1.0, 1, 0], [1, 0, 0]])), "x", "mask missing"),
    # the means of the backward pass are over the batch, not the features
    ("layernorm_axis0", P(courses.layernorm_forward, courses.layernorm_backward), lambda: (n(5, 4), n(4), n(4)), "x", "wrong axis"),
    # the slope is taken at the output instead of the input: sigmoid of sigmoid
    ("sigmoid_of_sigmoid", lambda: courses.Sigmoid(), lambda: (n(4, 3),), "x", "wrong value used"),
    # the sum runs over the whole batch instead of each row
    ("softmax_sum_all", lambda: courses.Softmax(), lambda: (n(4, 3),), "x", "wrong axis"),
    # dx is made with the weights after the update
    ("quanlianjie_updated_weights", lambda: courses.QuanLianJie(4, 3), lambda: (n(5, 4),), "x", "stale value"),
    # dZ = dA without a copy: dA itself is changed
    ("relu_writes_into_dA", P(courses.relu, courses.relu_backward), lambda: (n(4, 5),), "dout", "written in place"),
    # negative side has the slope 0.1, forward has 0.01
    ("leaky_slope_differs", P(courses.leaky_relu, courses.leaky_relu_prime), lambda: (n(5, 3),), "z", "factor"),
    # mean over all elements, but divided by the batch only
    ("mse_divided_by_batch", lambda: blogs.MSELoss(), lambda: (n(5, 3), n(5, 3)), "y_pred", "factor"),
    # the division by p(1-p) is missing: that is the derivative by the logits
    ("bce_as_if_sigmoid", lambda: blogs.BinaryCrossEntropy(), lambda: (np.random.rand(5, 2) * 0.8 + 0.1, ints(2, 5, 2).astype(float)), "p", "wrong value used|dropped term"),
    # dr is made with the new h instead of the previous one
    ("gru_reset_uses_new_h", lambda: blogs.GRUDanYuan(3, 4), lambda: (n(2, 3), n(2, 4)), "Ur Wr br h x", "wrong value used"),
    # col.T @ dout is reshaped without being transposed first
    ("conv_dW_not_transposed", lambda: blogs.Convolution(n(4, 2, 3, 2), n(4)), lambda: (n(2, 2, 5, 4),), "W", "wrong place"),
    # backward lacks the division by k*k
    ("avgpool_no_k2", lambda: blogs.AveragePooling(2), lambda: (n(2, 3, 4, 6),), "x", "factor"),
    # backward draws another mask
    ("dropout_new_mask", lambda: blogs.DropoutLayer(), lambda: (n(5, 4),), "x", "stochastic"),
    # negative side is out + 1, should be out + alpha
    ("elu_output_plus_one", lambda: blogs.ELU(), lambda: (n(4, 5),), "x", "wrong value used"),
    # dalpha also counts the positive inputs
    ("prelu_alpha_no_mask", lambda: blogs.PReLU(4), lambda: (n(5, 4),), "alpha", "mask missing"),
    # one half of the product rule is missing
    ("swish_drops_product_rule", P(blogs.swish, blogs.swish_deriv), lambda: (n(4, 3),), "x", "dropped term"),
    # dout is unflattened in another order of axes (NHWC)
    ("flatten_other_order", lambda: blogs.Flatten(), lambda: (n(2, 3, 4, 5),), "x", "wrong place"),
    # the skip connection has no derivative
    ("residual_skip_forgotten", lambda: blogs.ResidualBlock(4), lambda: (n(5, 4),), "x", "dropped term"),
    # the gate's derivative is dout*H, without - x
    ("highway_gate_lacks_minus_x", lambda: blogs.Highway(4), lambda: (n(5, 4),), "WT bT x", "dropped term"),
    # dgamma uses x instead of the normalised x
    ("bn_dgamma_with_x", P(blogs.batchnorm_forward, blogs.batchnorm_backward), lambda: (n(6, 3) + 1, n(3), n(3)), "gamma", "wrong value used"),
    # the norm is treated as a constant
    ("l2norm_no_projection", lambda: blogs.L2Normalize(), lambda: (n(4, 3),), "x", "dropped term"),
    # sign of the negative's derivative
    ("triplet_negative_sign", lambda: blogs.TripletLoss(), lambda: (n(5, 3), n(5, 3), n(5, 3)), "negative", "sign"),
    # Y - A instead of A - Y
    ("logreg_dw_sign", lambda: blogs.LogisticRegression(3), lambda: (n(3, 6), ints(2, 1, 6).astype(float)), "w", "sign"),
    # theta[0] is not in the penalty, but its gradient is
    ("regularised_bias", lambda: blogs.lr_cost_function, lambda: (n(4), np.c_[np.ones(7), n(7, 3)], ints(2, 7).astype(float)), "theta", "extra term"),
    # a negative drawn twice overwrites its gradient
    ("neg_sampling_overwrites", lambda: blogs.neg_sampling_loss_and_gradient, lambda: (n(4), 2, n(6, 4), np.array([0, 3, 3, 5])), "outside_vectors", "not summed"),
    # the context vectors are averaged, their gradient is not divided
    ("cbow_mean_forgotten", lambda: blogs.CBOWHidden(n(6, 3)), lambda: (np.array([[0, 2], [3, 2], [5, 5], [1, 4], [0, 1]]),), "W_in", "factor"),
    # dx of the backward direction is not turned round again
    ("birnn_not_rereversed", lambda: blogs.BiRNN(3, 4), lambda: (n(2, 3, 3),), "xs", "wrong place"),
    # dW is added to and never reset
    ("linear_accumulates", lambda: blogs.Linear(3, 4), lambda: (n(5, 3),), "W", "accumulates"),
    # dbias lacks the sums over height and width
    ("bias_not_summed", lambda: blogs.ChannelBias(n(3, 1, 1)), lambda: (n(2, 3, 4, 5),), "bias", "not summed"),
    # right @ W instead of right @ W.T
    ("bilinear_W_for_WT", lambda: blogs.Bilinear(4), lambda: (n(5, 4), n(5, 4)), "left", "transposed"),
    # divided by C*W instead of H*W
    ("gap_divides_by_channels", lambda: blogs.GlobalAvgPool(), lambda: (n(2, 3, 4, 5),), "feature_map", "factor"),
    # db sums the first N of N*T rows only
    ("timeaffine_db_first_rows", lambda: blogs.TimeAffine(n(3, 4), n(4)), lambda: (n(2, 5, 3),), "params[1]", "dropped term|wrong place"),
]

# name, what makes the layer, its inputs, and whether all of it can be compared
RIGHT = [
    ("affine_pair_nd", P(right_courses.fc_forward, right_courses.fc_backward), lambda: (n(3, 2, 3), n(6, 4), n(4)), True),
    ("deep_column_major", lambda: right_courses.DeepModel([3, 5, 4, 2]), lambda: (n(3, 6), ints(2, 2, 6).astype(float)), True),
    ("min_char_rnn", lambda: right_courses.MinCharRNN(5, 4), lambda: ([0, 1, 1, 4], [1, 1, 4, 2]), True),
    ("batchnorm_running", lambda: right_courses.BatchNormalization(n(3), n(3)), lambda: (n(6, 3),), True),
    ("conv_naive_stride2", P(right_courses.conv_forward_naive, right_courses.conv_backward_naive), lambda: (n(2, 2, 5, 5), n(3, 2, 3, 3), n(3)), True),
    ("maxpool_argmax", lambda: right_courses.MaxPool(2), lambda: (n(2, 3, 4, 6),), True),
    ("dropout_seeded", lambda: right_courses.Dropout(), lambda: (n(5, 4),), True),
    ("softmax_loss", lambda: right_courses.softmax_loss, lambda: (n(5, 3), ints(3, 5)), True),
    ("svm_loss", lambda: right_courses.svm_loss, lambda: (n(5, 4), ints(4, 5)), True),
    ("two_layer_net_reg", lambda: right_courses.TwoLayerNet(), lambda: (n(5, 4), ints(3, 5)), True),
    ("lstm_step", P(right_courses.lstm_step_forward, right_courses.lstm_step_backward), lambda: (n(3, 4), n(3, 2), n(3, 2), n(4, 8), n(2, 8), n(8)), True),
    ("rnn_pair", P(right_courses.rnn_forward, right_courses.rnn_backward), lambda: (n(2, 4, 3), n(2, 5), n(3, 5), n(5, 5) * 0.5, n(5)), True),
    ("embedding_add_at", P(right_courses.word_embedding_forward, right_courses.word_embedding_backward), lambda: (np.array([[0, 2, 2], [1, 0, 4]]), n(5, 3)), True),
    ("temporal_softmax", lambda: right_courses.temporal_softmax_loss, lambda: (n(2, 3, 4), ints(4, 2, 3), np.array([[1.0, 1, 0], [1, 0, 0]])), True),
    ("layernorm_pair", P(right_courses.layernorm_forward, right_courses.layernorm_backward), lambda: (n(5, 4), n(4), n(4)), True),
    ("relu_copies", lambda: right_courses.Relu(), lambda: (n(4, 5),), True),
    ("softmax_jacobian", lambda: right_courses.SoftmaxJacobian(), lambda: (n(4, 3),), True),
    ("ceng_updates", lambda: right_blogs.Ceng(4, 3), lambda: (n(5, 4),), True),
    ("softplus_stable_large", P(right_blogs.softplus, right_blogs.softplus_grad), lambda: (np.array([[-700.0, -30, -1], [0.5, 40, 900]]),), True),
    ("nielsen_network", lambda: right_blogs.Network([4, 5, 3]), lambda: (np.random.rand(4, 1), np.random.rand(3, 1)), True),
    ("half_mse", lambda: right_blogs.HalfMSE(), lambda: (n(5, 3), n(5, 3)), True),
    ("bce_clipped", lambda: right_blogs.BCE(), lambda: (np.random.rand(5, 2) * 0.9 + 0.05, ints(2, 5, 2).astype(float)), True),
    ("gru_cell_fused", lambda: right_blogs.GRUCell(3, 4), lambda: (n(2, 3), n(2, 4)), True),
    ("im2col_conv_pad_stride", lambda: right_blogs.Im2colConv(n(3, 2, 3, 3), n(3), 2, 1), lambda: (n(2, 2, 6, 5),), True),
    ("l1_kink_equal", lambda: right_blogs.L1Loss(), lambda: (np.array([[1.0, 2, -3], [0, 0.5, 1]]), np.array([[1.0, 0, 1], [0, 2, 1]])), True),
    ("hard_tanh_kink", P(right_blogs.hard_tanh, right_blogs.hard_tanh_prime), lambda: (np.array([-2.5, -0.3, 0, 0.7, 3.0]),), True),
    ("logsumexp_large", lambda: right_blogs.LogSumExp(), lambda: (n(4, 3) * 300 + 1000,), True),
    ("conv1d_float32_buffer", lambda: right_blogs.Conv1dFloat32(n(3)), lambda: (n(4, 8),), True),
    ("mul_integers", lambda: right_blogs.MulGate(), lambda: (np.array([[2.0, 3], [4, 5]]), np.array([[1, 2], [3, 4]])), True),
    ("cosine", lambda: right_blogs.CosineSimilarity(), lambda: (n(5, 3), n(5, 3)), True),
    ("triplet", lambda: right_blogs.TripletLoss(), lambda: (n(5, 3), n(5, 3), n(5, 3)), True),
    ("neg_sampling_add_at", lambda: right_blogs.neg_sampling, lambda: (n(4), 2, n(6, 4), np.array([0, 3, 3, 5])), True),
    ("list_of_layers", lambda: [right_blogs.Affine(n(6, 4), n(4)), right_blogs.Tanh(), right_blogs.Affine(n(4, 2), n(2))], lambda: (n(5, 2, 3),), True),
    ("highway_params_dict", lambda: right_blogs.HighwayBias(4), lambda: (n(5, 4),), True),
    ("bilinear_rect", lambda: right_blogs.Bilinear(3, 4), lambda: (n(5, 3), n(5, 4)), True),
    ("grad_accumulator", lambda: right_blogs.GradAccumulator(3, 4), lambda: (n(5, 3),), True),
    ("ng_cost_function", lambda: right_blogs.lr_cost, lambda: (n(4), np.c_[np.ones(7), n(7, 3)], ints(2, 7).astype(float)), True),
    ("inplace_softmax_ce", lambda: right_blogs.InPlaceSoftmaxCE(), lambda: (n(5, 3), ints(3, 5)), True),
]
