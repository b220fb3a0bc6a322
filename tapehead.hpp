// The whole library in one include.
#pragma once

#include <tapehead/autograd/autograd.hpp>
