// Any bytes as a GGUF file, or with kNextPart between them as the two files of a split model: opening must
// end in a checkpoint or an error, and what was opened must be usable.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <vector>

#include "inference/model/checkpoint.h"
#include "inference/model/memory_plan.h"
#include "inference/text/chat_template.h"
#include "inference/text/tokenizer.h"
#include "tests/fuzz/gguf_input.h"

namespace {

using namespace edgechat::inference;

void require(bool condition) {
    if (!condition) std::abort();
}

void useTokenizer(const Checkpoint& checkpoint) {
    auto tokenizer = makeTokenizer(checkpoint);
    if (!tokenizer) return require(!tokenizer.error().message().empty());
    auto chosen = ChatTemplate::choose(checkpoint.chatTemplate(), **tokenizer);
    require(static_cast<bool>(chosen));
    const std::vector<ChatMessage> messages = {{"user", "hello <|im_end|> \xff\xe2\x82 1 "}};
    if (const auto segments = chosen->render(messages, true); segments) {
        for (int id : (*tokenizer)->encodeSegments(*segments))
            require(id >= 0 && id < (*tokenizer)->vocabulary());
    }
    for (int id : (*tokenizer)->encode(messages[0].content, SpecialTokens::asText)) {
        (*tokenizer)->tokenBytes(id);
    }
    (*tokenizer)->decode({0, 1, 2, (*tokenizer)->vocabulary(), -1}, true);
}

void useTensors(const Checkpoint& checkpoint) {
    const ModelConfig& config = checkpoint.config();
    require(config.layers > 0 && config.heads % config.kvHeads == 0 && config.headSize % 2 == 0);
    require(planMemory(checkpoint, config.context, KvKind::int8).total() > 0);
    const auto readLastRow = [&](const TensorInfo& tensor) {
        require(tensor.bytes == static_cast<uint64_t>(tensor.rows) * tensor.rowBytes());
        require(tensor.bytes <= checkpoint.fileBytes());
        std::vector<std::byte> row(tensor.rowBytes());
        const auto read = checkpoint.readRows(tensor, tensor.rows - 1, 1, row.data());
        if (!read) return require(read.error().found.find("a NaN") != std::string::npos);
        std::vector<float> values(static_cast<size_t>(tensor.columns));
        dequantizeRow(tensor, row.data(), values.data());
    };
    for (const TensorInfo& tensor : checkpoint.allTensors()) readLastRow(tensor);
    forEachTensor(checkpoint.tensors(), readLastRow);
}

void useModel(const std::string& path) {
    auto model = Checkpoint::open(path);
    if (model) {
        useTensors(**model);
        useTokenizer(**model);
        return;
    }
    require(!model.error().file.empty());
    auto vocabulary = Checkpoint::openVocabulary(path);
    if (vocabulary) useTokenizer(**vocabulary);
}

// A folder for the parts, made once for the process and removed at its end.
class PartsFolder {
  public:
    PartsFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "edgechat-fuzz-XXXXXX").string();
        require(mkdtemp(pattern.data()) != nullptr);
        m_path = pattern;
    }
    ~PartsFolder() {
        std::error_code error;
        std::filesystem::remove_all(m_path, error);
    }

    std::string write(const char* name, std::string_view bytes) const {
        std::ofstream file(m_path / name, std::ios::binary | std::ios::trunc);
        file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        require(file.good());
        return (m_path / name).string();
    }

  private:
    std::filesystem::path m_path;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (const size_t cut = bytes.find(edgechat::testing::kNextPart); cut != std::string_view::npos) {
        static const PartsFolder folder;
        folder.write("m-00002-of-00002.gguf", bytes.substr(cut + edgechat::testing::kNextPart.size()));
        useModel(folder.write("m-00001-of-00002.gguf", bytes.substr(0, cut)));
        return 0;
    }
    const int file = memfd_create("gguf", MFD_CLOEXEC);
    require(file >= 0 && write(file, data, size) == static_cast<ssize_t>(size));
    useModel("/proc/self/fd/" + std::to_string(file));
    close(file);
    return 0;
}
