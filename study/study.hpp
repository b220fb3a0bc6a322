// The tape opened: recorded, captured, profiled, drawn; figures of numbers; logs of training.
#pragma once

#include <tapehead/study/anomaly.hpp>
#include <tapehead/study/attention_capture.hpp>
#include <tapehead/study/axis.hpp>
#include <tapehead/study/charts.hpp>
#include <tapehead/study/gradient_flow.hpp>
#include <tapehead/study/heat_map.hpp>
#include <tapehead/study/numbers.hpp>
#include <tapehead/study/page.hpp>
#include <tapehead/study/profiler.hpp>
#include <tapehead/study/recorder.hpp>
#include <tapehead/study/tape.hpp>
#include <tapehead/study/terminal.hpp>
#include <tapehead/study/timeline.hpp>
#include <tapehead/study/training_log.hpp>
