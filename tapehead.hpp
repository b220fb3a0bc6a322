// The whole library in one include.
#pragma once

#include <tapehead/autograd/autograd.hpp>
#include <tapehead/data/data.hpp>
#include <tapehead/io/io.hpp>
#include <tapehead/layers/layers.hpp>
#include <tapehead/optim/optim.hpp>
#include <tapehead/study/study.hpp>
#include <tapehead/version.hpp>
