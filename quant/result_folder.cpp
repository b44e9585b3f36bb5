#include "quant/result_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "inference/model/json_file.h"
#include "quant/output/output_file.h"
#include "quant/report_file.h"

namespace edgechat::quant {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

Error cannotMake(const fs::path& folder, const std::string& found) {
    return Error{ErrorCode::badInput,          "cannot make the folder", folder.string(), "", found,
                 "a place that can be written"};
}

Error cannotRemove(const fs::path& path, const std::error_code& error) {
    return Error{ErrorCode::badInput,         "cannot remove", path.string(), "", error.message(),
                 "a file that can be removed"};
}

/// Whether the path still names the open folder: who held it may have renamed or removed it.
bool names(const fs::path& path, int descriptor) {
    struct stat named = {}, opened = {};
    return ::stat(path.c_str(), &named) == 0 && ::fstat(descriptor, &opened) == 0 &&
           named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

}  // namespace

fs::path partialPath(const fs::path& output) {
    return fs::path(output) += ".partial";
}

fs::path workPath(const fs::path& output) {
    return partialPath(output) / "work";
}

fs::path journalPath(const fs::path& output) {
    return workPath(output) / "journal.json";
}

Result<void> markFinished(const fs::path& folder, const Finished& finished) {
    const json about = {
        {"format", 1}, {"identity", finished.identity}, {"quantization", toJson(finished.report)}};
    if (Result<void> saved = writeWholeFile(folder / kReportName,
                                            about.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
        !saved)
        return saved;
    return syncFolder(folder);
}

std::optional<Finished> readFinished(const fs::path& folder) {
    const fs::path file = folder / kReportName;
    const Result<std::string> text =
        inference::readSmallFile(file, kMostReportBytes, "cannot read", "the report of a quantization");
    if (!text) return std::nullopt;
    Result<std::optional<QuantizationReport>> report = parseReport(*text, file.string());
    if (!report || !*report) return std::nullopt;
    const json about = json::parse(*text, nullptr, false);
    const auto identity = about.find("identity");
    if (identity == about.end() || !identity->is_object()) return std::nullopt;
    Finished finished{{}, std::move(**report)};
    for (const auto& [name, value] : identity->items()) {
        if (!value.is_string()) return std::nullopt;
        finished.identity[name] = value.get<std::string>();
    }
    return finished;
}

std::vector<fs::path> weightsFiles(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        if (entry->path().extension() == ".safetensors") files.push_back(entry->path());
    }
    return files;
}

uint64_t weightsBytes(const fs::path& folder) {
    uint64_t bytes = 0;
    for (const fs::path& file : weightsFiles(folder)) {
        std::error_code error;
        const uint64_t size = fs::file_size(file, error);
        if (!error) bytes += size;
    }
    return bytes;
}

PartialFolder::PartialFolder(fs::path output, int descriptor)
    : m_output(std::move(output)), m_path(partialPath(m_output)), m_descriptor(descriptor) {}

PartialFolder::PartialFolder(PartialFolder&& other) noexcept {
    *this = std::move(other);
}

PartialFolder& PartialFolder::operator=(PartialFolder&& other) noexcept {
    std::swap(m_output, other.m_output);
    std::swap(m_path, other.m_path);
    std::swap(m_descriptor, other.m_descriptor);
    return *this;
}

PartialFolder::~PartialFolder() {
    if (m_descriptor < 0) return;
    // Before the lock is free, so that the folder is nobody's new one.
    if (names(m_path, m_descriptor)) ::rmdir(m_path.c_str());
    ::close(m_descriptor);
}

Result<PartialFolder> PartialFolder::take(const fs::path& output) {
    const fs::path path = partialPath(output);
    for (;;) {
        std::error_code error;
        fs::create_directories(path, error);
        if (error) return cannotMake(path, error.message());
        const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (descriptor < 0 && errno == ENOENT) continue;
        if (descriptor < 0) return cannotMake(path, std::strerror(errno));
        const bool locked = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
        // Some network file systems have no locks for folders. There nothing can be told.
        if (!locked && errno == EWOULDBLOCK) {
            ::close(descriptor);
            return Error{ErrorCode::badInput,
                         "cannot quantize to",
                         output.string(),
                         "",
                         "another program at work in " + path.string(),
                         "to be the only one: wait for it, or stop it"};
        }
        if (names(path, descriptor)) return PartialFolder(output, descriptor);
        ::close(descriptor);
    }
}

bool PartialFolder::empty() const {
    std::error_code error;
    return fs::is_empty(m_path, error);
}

Result<void> PartialFolder::clear() const {
    std::error_code error;
    // As long as the mark stands, nothing asks for the journal.
    for (const fs::path& file : {journalPath(m_output), m_path / kReportName}) {
        if (!fs::remove(file, error) && error) return cannotRemove(file, error);
    }
    std::vector<fs::path> rest;
    for (fs::directory_iterator entry(m_path, error), end; !error && entry != end; entry.increment(error))
        rest.push_back(entry->path());
    for (const fs::path& path : rest) {
        fs::remove_all(path, error);
        if (error) return cannotRemove(path, error);
    }
    return {};
}

Result<void> PartialFolder::publish() {
    std::error_code error;
    fs::remove_all(workPath(m_output), error);
    if (error) return cannotRemove(workPath(m_output), error);
    fs::rename(m_path, m_output, error);  // onto an empty folder too
    if (error) {
        return Error{ErrorCode::badInput, "cannot name the finished folder",
                     m_output.string(),   "",
                     error.message(),     "a name that is free"};
    }
    // All there is to lose is the new name, and a resume gives it again.
    const fs::path parent = m_output.parent_path();
    (void)syncFolder(parent.empty() ? "." : parent);
    return {};
}

}  // namespace edgechat::quant
