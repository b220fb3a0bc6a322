// Logs in TensorBoard's format: records of `Event` messages (tensorflow/core/util/event.proto and framework/summary.proto); see
// training_log.hpp.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>

#include <tapehead/autograd/check.hpp>
#include <tapehead/io/tfrecord.hpp>
#include <tapehead/study/training_log.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {
namespace {

// The numbers of the fields.
constexpr int event_wall_time = 1, event_step = 2, event_file_version = 3, event_summary = 5;
constexpr int summary_value = 1;
constexpr int value_tag = 1, value_simple_value = 2, value_histo = 5;
constexpr int histo_min = 1, histo_max = 2, histo_num = 3, histo_sum = 4, histo_sum_squares = 5, histo_bucket_limit = 6,
              histo_bucket = 7;

Real now() { return std::chrono::duration<Real>(std::chrono::system_clock::now().time_since_epoch()).count(); }

std::string host_name() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
    return name.data();
}

/// The record of an event with one value.
std::string record_of(Index step, const ProtoMessage& value) {
    ProtoMessage message;
    message.real(event_wall_time, now())
        .integer(event_step, step)
        .message(event_summary, ProtoMessage().message(summary_value, value));
    return tfrecord(message.bytes());
}

/// The upper ends of the buckets: 0, and from 1e-12 on growing by a tenth, both ways, as TensorFlow has them.
const std::vector<Real>& bucket_limits() {
    static const std::vector<Real> limits = [] {
        std::vector<Real> positive;
        for (Real x = 1e-12; x < 1e20; x *= 1.1) positive.push_back(x);
        positive.push_back(std::numeric_limits<Real>::max());
        std::vector<Real> all;
        for (auto x = positive.rbegin(); x != positive.rend(); ++x) all.push_back(-*x);
        all.push_back(0);
        all.insert(all.end(), positive.begin(), positive.end());
        return all;
    }();
    return limits;
}

/// A `HistogramProto`; of empty buckets only the one below each that is not.
ProtoMessage histogram_of(std::span<const Scalar> values) {
    const std::vector<Real>& limits = bucket_limits();
    std::vector<Real> counts(limits.size());
    Real least = 0, most = 0, number = 0, sum = 0, squares = 0;
    for (const Scalar element : values) {
        if (!std::isfinite(element)) continue;
        const auto x = static_cast<Real>(element);
        least = number > 0 ? std::min(least, x) : x;
        most = number > 0 ? std::max(most, x) : x;
        number += 1;
        sum += x;
        squares += x * x;
        // a bucket is from the limit below, which belongs to it, to its own
        const auto bucket = std::ranges::upper_bound(limits, x) - limits.begin();
        counts[std::min(static_cast<std::size_t>(bucket), limits.size() - 1)] += 1;
    }
    std::vector<Real> kept_limits, kept_counts;
    for (std::size_t i = 0; i < limits.size(); ++i) {
        if (counts[i] == 0 && (i + 1 == limits.size() || counts[i + 1] == 0)) continue;
        kept_limits.push_back(limits[i]);
        kept_counts.push_back(counts[i]);
    }
    if (number == 0) {  // TensorBoard wants a bucket
        kept_limits = {0};
        kept_counts = {0};
    }
    ProtoMessage message;
    message.real(histo_min, least).real(histo_max, most).real(histo_num, number).real(histo_sum, sum);
    message.real(histo_sum_squares, squares).reals(histo_bucket_limit, kept_limits).reals(histo_bucket, kept_counts);
    return message;
}

}  // namespace

TensorBoardLog::TensorBoardLog(const std::string& folder) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    std::error_code none;
    check<FileError>(std::filesystem::is_directory(folder, none),
                     "TensorBoardLog: expected a folder that can be made, got '{}': {}", folder,
                     failed ? failed.message() : "it is a file");
    const Real time = now();
    const std::string name = fmt::format("{}/events.out.tfevents.{:010.0f}.{}", folder, std::floor(time), host_name());
    std::string path = name;
    for (int n = 1; std::filesystem::exists(path, failed); ++n) path = fmt::format("{}.{}", name, n);
    file_.emplace(path, AppendFile::Existing::refused);
    ProtoMessage version;
    version.real(event_wall_time, time).bytes(event_file_version, "brain.Event:2");
    file_->append(tfrecord(version.bytes()));
}

void TensorBoardLog::scalar(const std::string& tag, Index step, Real value) {
    file_->append(record_of(step, ProtoMessage().bytes(value_tag, tag).single(value_simple_value, value)));
}

void TensorBoardLog::row(Index step, const LogValues& values) {
    for (const auto& [name, value] : values) scalar(name, step, value);
}

void TensorBoardLog::histogram(const std::string& tag, Index step, const Tensor& values) {
    file_->append(record_of(step, ProtoMessage().bytes(value_tag, tag).message(value_histo, histogram_of(values.values()))));
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
