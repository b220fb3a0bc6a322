// Files: what is read and written.
#pragma once

#include <tapehead/io/append_file.hpp>
#include <tapehead/io/atomic_file.hpp>
#include <tapehead/io/checkpoint.hpp>
#include <tapehead/io/half.hpp>
#include <tapehead/io/mapped_file.hpp>
#include <tapehead/io/npy.hpp>
#include <tapehead/io/safetensors.hpp>
#include <tapehead/io/torch.hpp>
