// Optimizers, schedules, gradient clipping, averages of weights.
#pragma once

#include <tapehead/optim/adagrad.hpp>
#include <tapehead/optim/adam.hpp>
#include <tapehead/optim/average.hpp>
#include <tapehead/optim/clip.hpp>
#include <tapehead/optim/lion.hpp>
#include <tapehead/optim/muon.hpp>
#include <tapehead/optim/optimizer.hpp>
#include <tapehead/optim/parameters.hpp>
#include <tapehead/optim/rmsprop.hpp>
#include <tapehead/optim/schedule.hpp>
#include <tapehead/optim/sgd.hpp>
