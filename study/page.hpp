// A tape as JSON, and as a page to explore it in a browser.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <tapehead/study/tape.hpp>
#include <tapehead/study/timeline.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {

/// What the positions of an attention layer stand for.
struct AttentionLabels {
    std::vector<std::string> queries, keys;  ///< one for each position, or none
};

/// What a page shows beside the tape, and how much of it.
struct PageOptions {
    std::string title = "Tapehead";  ///< of the page
    /// How many numbers the page may hold in all, about 8 bytes each: larger tensors are summed up.
    Index max_numbers = 300'000;
    Index sequence = 0;  ///< which of the batch attention is shown for
    /// The labels of an attention layer by its scope, such as the tokens of the sequence; used where their number fits.
    std::function<AttentionLabels(const std::string& scope)> labels = {};
    std::vector<Snapshot> snapshots = {};  ///< of training: Timeline::snapshots()
};

/// The tape in the format that docs/tape.schema.json describes: entries, scopes, and what was recorded of values, gradients, times,
/// attention and training. Throws IndexError for a sequence outside the batch.
std::string to_json(const Tape& tape, const PageOptions& options = {});

/// Writes one file that needs nothing else: the graph from inputs to result by layer, values and gradients as heat maps, attention
/// step by step and head by head, forward and back. Throws as to_json, and FileError; a file that was there is replaced as a whole.
void write_html(const Tape& tape, const std::string& path, const PageOptions& options = {});

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
