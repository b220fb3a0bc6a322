// Logs as comma-separated values; see training_log.hpp.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>

#include <tapehead/autograd/check.hpp>
#include <tapehead/io/atomic_file.hpp>
#include <tapehead/study/training_log.hpp>

namespace tapehead::inline TAPEHEAD_SCALAR::study {
namespace {

/// A field, in quotes where it needs them.
std::string field(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + "\"";
}

std::string line_of(std::vector<std::string> fields) {
    for (std::string& text : fields) text = field(text);
    return fmt::format("{}\n", fmt::join(fields, ","));
}

/// The fields of the first line, or none if it has no end.
std::vector<std::string> first_line(std::string_view text) {
    std::vector<std::string> fields(1);
    bool is_quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (is_quoted && c == '"' && text.substr(i + 1).starts_with('"')) fields.back() += text[++i];
        else if (c == '"') is_quoted = !is_quoted;
        else if (!is_quoted && c == ',') fields.emplace_back();
        else if (!is_quoted && c == '\n') return fields;
        else if (is_quoted || c != '\r') fields.back() += c;
    }
    return {};
}

/// Whether a line is a row of a later step than `last_step`.
bool is_later(std::string_view line, Index last_step) {
    Index step = 0;
    return std::from_chars(line.data(), line.data() + line.size(), step).ec == std::errc() && step > last_step;
}

/// The length of the first line, whose fields may have line ends inside quotes.
std::size_t header_length(std::string_view text) {
    bool is_quoted = false;
    std::size_t length = 0;
    while (length < text.size() && (is_quoted || text[length] != '\n')) is_quoted ^= text[length++] == '"';
    return length + 1;
}

/// How much of a text is whole lines, without those at its end that are of later steps.
std::size_t kept_length(std::string_view text, Index last_step) {
    const std::size_t header = header_length(text);
    std::size_t end = text.rfind('\n') + 1;
    while (end > header) {
        const std::size_t begin = text.rfind('\n', end - 2) + 1;
        if (!is_later(text.substr(begin, end - begin), last_step)) break;
        end = begin;
    }
    return end;
}

}  // namespace

CsvLog::CsvLog(const std::string& path, const CsvLogOptions& options) {
    std::error_code failed;
    if (options.append && std::filesystem::exists(path, failed)) {
        const std::string text = read_file(path);
        columns_ = first_line(text);
        is_resumed_ = !columns_.empty();
        const std::size_t kept = is_resumed_ ? kept_length(text, options.last_step) : 0;
        if (kept < text.size()) std::filesystem::resize_file(path, kept, failed);
        check<FileError>(!failed, "CsvLog: expected a file that can be written, got '{}': {}", path, failed.message());
    }
    file_.emplace(path, options.append ? AppendFile::Existing::kept : AppendFile::Existing::replaced);
}

void CsvLog::row(Index step, const LogValues& values) {
    std::vector<std::string> columns{"step"}, fields{fmt::format("{}", step)};
    for (const auto& [name, value] : values) {
        check<ValueError>(std::ranges::find(columns, name) == columns.end(), "CsvLog: expected each name once, got '{}' twice",
                          name);
        columns.push_back(name);
        fields.push_back(fmt::format("{}", value));
    }
    if (columns_.empty()) {
        file_->append(line_of(columns) + line_of(fields));
        columns_ = columns;
        return;
    }
    check<FileError>(!is_resumed_ || columns == columns_, "CsvLog: expected the columns {} in '{}', got {}",
                     fmt::join(columns, ","), file_->path(), fmt::join(columns_, ","));
    check<ValueError>(columns == columns_, "CsvLog: expected the columns {}, got {}", fmt::join(columns_, ","),
                      fmt::join(columns, ","));
    file_->append(line_of(fields));
    is_resumed_ = false;
}

}  // namespace tapehead::inline TAPEHEAD_SCALAR::study
