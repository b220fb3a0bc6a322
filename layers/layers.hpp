// All layers.
#pragma once

#include <tapehead/layers/activations.hpp>
#include <tapehead/layers/attention.hpp>
#include <tapehead/layers/dropout.hpp>
#include <tapehead/layers/embedding.hpp>
#include <tapehead/layers/feed_forward.hpp>
#include <tapehead/layers/generate.hpp>
#include <tapehead/layers/gradcheck.hpp>
#include <tapehead/layers/init.hpp>
#include <tapehead/layers/kv_cache.hpp>
#include <tapehead/layers/linear.hpp>
#include <tapehead/layers/module.hpp>
#include <tapehead/layers/normalization.hpp>
#include <tapehead/layers/positional.hpp>
#include <tapehead/layers/sequential.hpp>
#include <tapehead/layers/transformer.hpp>
