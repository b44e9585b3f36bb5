// Any bytes as an answer of a Hub about a repository, as its list of files, and as header fields; the first
// byte chooses.
#include <cstdint>
#include <string_view>

#include "models/hub/answers.h"
#include "models/hub/headers.h"
#include "tests/fuzz/memory_file.h"

namespace {

using namespace edgechat::models::hub;
using edgechat::fuzz::require;

void useInfo(std::string_view text) {
    const auto info = readRepositoryInfo(text, "org/name");
    if (!info) return require(info.error().message().find("org/name") != std::string::npos);
    require(info->commit.size() == 40 && isSafePath(info->id) && info->parameters >= 0);
}

void useTree(std::string_view text) {
    const auto files = readTree(text, "org/name");
    if (!files) return require(files.error().message().find("org/name") != std::string::npos);
    require(files->size() <= kMostFiles);
    for (const RepositoryFile& file : *files) {
        require(file.bytes >= 0 && file.bytes <= kMostFileBytes && file.gitBlob.size() == 40);
        require(file.sha256.empty() || file.sha256.size() == 64);
        require(isSafePath(file.path) && file.path.front() != '/' &&
                ('/' + file.path + '/').find("/../") == std::string::npos);
    }
}

void useHeader(std::string_view field) {
    if (const auto range = readContentRange(field))
        require(range->first >= 0 && range->last >= range->first &&
                range->total.value_or(INT64_MAX) > range->last);
    require(bareEtag(field).size() <= field.size());
    if (const auto next = nextPage(field)) require(field.find(*next) != std::string_view::npos);
    for (const auto& seconds : {secondsToWait(field, ""), secondsToWait("", field)})
        require(seconds.value_or(0) >= 0 && seconds.value_or(0) <= 86400);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (data[0] == 'i')
        useInfo(text);
    else if (data[0] == 't')
        useTree(text);
    else
        useHeader(text);
    return 0;
}
