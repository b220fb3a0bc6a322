// Training on several processes, and so on several machines: an umbrella of its own, since it needs MPI.
#pragma once

#include <tapehead/distributed/communicator.hpp>
#include <tapehead/distributed/data_parallel.hpp>
#include <tapehead/distributed/sequence_parallel.hpp>
#include <tapehead/distributed/sharding.hpp>
