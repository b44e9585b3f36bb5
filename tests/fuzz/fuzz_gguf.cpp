// Any bytes as a GGUF file: opening must end in a checkpoint or an error, and what was opened must be usable.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "inference/model/checkpoint.h"
#include "inference/model/memory_plan.h"
#include "inference/text/chat_template.h"
#include "inference/text/tokenizer.h"

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
    for (const TensorInfo& tensor : checkpoint.allTensors()) {
        require(tensor.bytes == static_cast<uint64_t>(tensor.rows) * tensor.rowBytes());
        require(tensor.offset + tensor.bytes <= checkpoint.fileBytes());
        std::vector<std::byte> row(tensor.rowBytes());
        require(static_cast<bool>(checkpoint.readRows(tensor, tensor.rows - 1, 1, row.data())));
        std::vector<float> values(static_cast<size_t>(tensor.columns));
        dequantizeRow(tensor.type, row.data(), tensor.columns, values.data());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const int file = memfd_create("gguf", MFD_CLOEXEC);
    require(file >= 0 && write(file, data, size) == static_cast<ssize_t>(size));
    const std::string path = "/proc/self/fd/" + std::to_string(file);
    auto model = Checkpoint::open(path);
    if (model) {
        useTensors(**model);
        useTokenizer(**model);
    } else {
        require(model.error().message().find(path) != std::string::npos);
        auto vocabulary = Checkpoint::openVocabulary(path);
        if (vocabulary) useTokenizer(**vocabulary);
    }
    close(file);
    return 0;
}
