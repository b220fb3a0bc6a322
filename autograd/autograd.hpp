// Tensors, gradients and all operations.
#pragma once

#include <tapehead/autograd/backward_steps.hpp>
#include <tapehead/autograd/checkpoint.hpp>
#include <tapehead/autograd/function.hpp>
#include <tapehead/autograd/functional.hpp>
#include <tapehead/autograd/gradcheck.hpp>
#include <tapehead/autograd/observer.hpp>
#include <tapehead/autograd/ops/arithmetic.hpp>
#include <tapehead/autograd/ops/attention.hpp>
#include <tapehead/autograd/ops/create.hpp>
#include <tapehead/autograd/ops/cross_entropy.hpp>
#include <tapehead/autograd/ops/dropout.hpp>
#include <tapehead/autograd/ops/indexing.hpp>
#include <tapehead/autograd/ops/losses.hpp>
#include <tapehead/autograd/ops/matmul.hpp>
#include <tapehead/autograd/ops/normalization.hpp>
#include <tapehead/autograd/ops/pointwise.hpp>
#include <tapehead/autograd/ops/reduce.hpp>
#include <tapehead/autograd/ops/rotary.hpp>
#include <tapehead/autograd/ops/shaping.hpp>
#include <tapehead/autograd/ops/softmax.hpp>
#include <tapehead/autograd/sweep.hpp>
#include <tapehead/autograd/tape.hpp>
#include <tapehead/autograd/threads.hpp>
