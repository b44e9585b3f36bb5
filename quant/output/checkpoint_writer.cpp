#include "quant/output/checkpoint_writer.h"

#include <algorithm>
#include <set>

#include "quant/output/output_config.h"
#include "quant/output/output_file.h"
#include "quant/output/output_names.h"
#include "quant/output/output_plan.h"
#include "quant/output/output_tensors.h"
#include "quant/output/output_tokenizer.h"

namespace edgechat::quant {

using inference::Checkpoint;
using inference::TensorInfo;

namespace {

namespace fs = std::filesystem;

constexpr const char* kWhat = "cannot write the model";
constexpr const char* kConfig = "config.json";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr int64_t kChunkElements = 1 << 18;  // of an embedding that is being converted

// "model.safetensors", or "model-00001-of-00002.safetensors" with any digits
bool isWeightsFile(const std::string& name) {
    std::string form = name;
    for (char& character : form) {
        if (character >= '0' && character <= '9') character = '0';
    }
    return form == "model.safetensors" || form == "model-00000-of-00000.safetensors";
}

// Takes away what makes the folder a model, and what is of another plan: a reader would prefer a
// model.safetensors to shards.
Result<void> clearFolder(const fs::path& folder, const OutputPlan& plan) {
    std::vector<fs::path> stale = {folder / kConfig, folder / kIndex, folder / "quant_config.json"};
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        const bool planned = std::any_of(plan.files.begin(), plan.files.end(),
                                         [&name](const PlannedFile& file) { return file.name == name; });
        if (isWeightsFile(name) && !planned) stale.push_back(entry->path());
    }
    for (const fs::path& path : stale) {
        if (Result<void> removed = removeFile(path); !removed) return removed;
    }
    return {};
}

Error wrongLayer(int index, std::string found, std::string expected) {
    return Error{ErrorCode::internal, kWhat, "", "layer " + std::to_string(index), std::move(found),
                 std::move(expected)};
}

struct Plan {
    OutputNames names;
    OutputPlan output;
};

Result<Plan> makePlan(const Checkpoint& source, const OutputForm& form, uint64_t shardBytes) {
    Result<OutputNames> names = outputNames(source, form);
    if (!names) return names.error();
    OutputPlan output = planOutput(source.config(), *names, shardBytes);
    return Plan{std::move(*names), std::move(output)};
}

}  // namespace

struct CheckpointWriter::State {
    const Checkpoint& source;
    fs::path folder;
    OutputNames names;
    OutputPlan plan;
    nlohmann::ordered_json config;
    std::vector<std::string> copied = {};          // tokenizer files of a folder source
    std::vector<std::vector<RowPlace>> rows = {};  // by module
    std::vector<std::unique_ptr<OutputFile>> files = {};
    bool resumed = true;
    std::set<size_t> touched = {};  // files written to since the last sync()

    Result<void> openFiles() {
        for (const PlannedFile& planned : plan.files) {
            Result<std::unique_ptr<OutputFile>> file =
                OutputFile::open(folder / planned.name, planned.header, planned.bytes);
            if (!file) return file.error();
            resumed = resumed && (*file)->kept();
            files.push_back(std::move(*file));
        }
        return syncFolder(folder);
    }

    Result<void> write(const std::string& name, const std::vector<std::byte>& bytes) {
        const PlannedTensor* tensor = plan.find(name);
        if (!tensor || tensor->bytes() != bytes.size()) {
            return Error{ErrorCode::internal,
                         kWhat,
                         "",
                         "tensor " + name,
                         std::to_string(bytes.size()) + " bytes",
                         tensor ? std::to_string(tensor->bytes()) : "no such tensor"};
        }
        touched.insert(tensor->file);
        return files[tensor->file]->write(tensor->offset, bytes.data(), bytes.size());
    }

    Result<void> writeVector(const std::string& name, const std::vector<float>& values) {
        const Result<std::vector<std::byte>> bytes = halfBytes(values.data(), values.size(), name);
        if (!bytes) return bytes.error();
        return write(name, *bytes);
    }

    Result<void> writeNorm(const std::string& module, const OutputNorm& norm) {
        if (Result<void> written = writeVector(module + ".weight", norm.weight); !written) return written;
        return names.normBias ? writeVector(module + ".bias", norm.bias) : Result<void>();
    }

    Result<void> writeModule(int index, size_t place, const OutputLayer& layer) {
        const OutputModule& module = names.modules[place];
        const std::string name = names.layer(index) + module.name;
        std::vector<const OutputMatrix*> parts;
        std::vector<const OutputLinear*> linears;
        for (const LinearRole role : module.roles) {
            const auto found = layer.linears.find(role);
            if (found == layer.linears.end())
                return wrongLayer(index, std::string("no ") + linearRoleName(role), "all linears");
            linears.push_back(&found->second);
            parts.push_back(&found->second.weight);
        }
        const Result<std::vector<TensorBytes>> tensors = moduleTensors(module, parts, rows[place], name);
        if (!tensors) return tensors.error();
        for (const TensorBytes& tensor : *tensors) {
            if (Result<void> written = write(name + tensor.suffix, tensor.bytes); !written) return written;
        }
        return writeBias(index, place, linears, name + ".bias");
    }

    // Zeros where a part has no bias and others have.
    Result<void> writeBias(int index, size_t place, const std::vector<const OutputLinear*>& linears,
                           const std::string& name) {
        if (!names.modules[place].bias) {
            const bool none = std::all_of(linears.begin(), linears.end(),
                                          [](const OutputLinear* linear) { return linear->bias.empty(); });
            return none ? Result<void>() : wrongLayer(index, "a bias in " + name, "none, as in the source");
        }
        std::vector<float> bias;
        for (const RowPlace& from : rows[place]) {
            const std::vector<float>& values = linears[from.part]->bias;
            if (!values.empty() && static_cast<size_t>(from.row) >= values.size())
                return wrongLayer(index, std::to_string(values.size()) + " elements in " + name, "one a row");
            bias.push_back(values.empty() ? 0.0f : values[static_cast<size_t>(from.row)]);
        }
        return writeVector(name, bias);
    }

    Result<void> writeActivationScale(int index, const std::vector<float>& scale) {
        if (names.activationScale.empty()) {
            return scale.empty() ? Result<void>()
                                 : wrongLayer(index, "an activation scale",
                                              "none: only a Falcon in 4 bits has a place for it");
        }
        const std::vector<float> ones(static_cast<size_t>(source.config().ffn), 1.0f);
        return writeVector(names.layer(index) + names.activationScale, scale.empty() ? ones : scale);
    }

    // A matrix that stays what it is, a few rows at a time.
    Result<void> copyMatrix(const TensorInfo& matrix, const std::string& name, uint64_t total, uint64_t& done,
                            const WriteProgress& progress) {
        const PlannedTensor& tensor = *plan.find(name);
        touched.insert(tensor.file);
        const int64_t chunk = std::max<int64_t>(1, kChunkElements / matrix.columns);
        std::vector<std::byte> stored;
        std::vector<float> values;
        for (int64_t row = 0; row < matrix.rows; row += chunk) {
            const int64_t count = std::min(chunk, matrix.rows - row);
            stored.resize(static_cast<uint64_t>(count) * matrix.rowBytes());
            values.resize(static_cast<size_t>(count * matrix.columns));
            if (Result<void> read = source.readRows(matrix, row, count, stored.data()); !read) return read;
            for (int64_t i = 0; i < count; ++i) {
                dequantizeRow(matrix, stored.data() + static_cast<uint64_t>(i) * matrix.rowBytes(),
                              values.data() + i * matrix.columns);
            }
            const auto first = static_cast<uint64_t>(row * matrix.columns);
            const Result<std::vector<std::byte>> bytes = halfBytes(values.data(), values.size(), name, first);
            if (!bytes) return bytes.error();
            if (Result<void> written =
                    files[tensor.file]->write(tensor.offset + 2 * first, bytes->data(), bytes->size());
                !written)
                return written;
            done += bytes->size();
            if (progress && !progress(done, total)) {
                return Error{ErrorCode::interrupted, kWhat, "", "", "a stop", "to go on later"};
            }
        }
        return {};
    }

    /// Of the matrix of a part; 0: it has none.
    uint64_t copiedBytes(RestPart part) const {
        if (part == RestPart::embedding) return plan.find(names.embedding + ".weight")->bytes();
        const bool copied = part == RestPart::head && source.tensors().head;
        return copied ? plan.find(names.head + ".weight")->bytes() : 0;
    }

    Result<void> writeRestPart(RestPart part, uint64_t total, uint64_t& done, const WriteProgress& progress) {
        const inference::ModelTensors& tensors = source.tensors();
        switch (part) {
            case RestPart::embedding:
                return copyMatrix(tensors.embedding, names.embedding + ".weight", total, done, progress);
            case RestPart::norm:
                return copyOutputNorm();
            case RestPart::head:
                if (!tensors.head) return {};
                return copyMatrix(tensors.head->weight, names.head + ".weight", total, done, progress);
        }
        return {};
    }

    Result<void> copyOutputNorm() {
        const inference::NormTensors& tensors = source.tensors().outputNorm;
        OutputNorm norm;
        for (const auto& [info, values] : {std::pair(&tensors.weight, &norm.weight),
                                           std::pair(tensors.bias ? &*tensors.bias : nullptr, &norm.bias)}) {
            if (!info) continue;
            Result<std::vector<float>> read = source.readVector(*info);
            if (!read) return read.error();
            *values = std::move(*read);
        }
        return writeNorm(names.outputNorm, norm);
    }

    Result<void> sync() {
        for (const size_t file : touched) {
            if (Result<void> synced = files[file]->sync(); !synced) return synced;
        }
        touched.clear();
        return {};
    }
};

Result<uint64_t> outputBytes(const Checkpoint& source, const OutputForm& form, uint64_t shardBytes) {
    const Result<Plan> plan = makePlan(source, form, shardBytes);
    if (!plan) return plan.error();
    return plan->output.bytes();
}

const char* restPartName(RestPart part) {
    return part == RestPart::embedding ? "embedding" : part == RestPart::norm ? "norm" : "head";
}

CheckpointWriter::CheckpointWriter(std::unique_ptr<State> state) : m_state(std::move(state)) {}
CheckpointWriter::~CheckpointWriter() = default;

Result<std::unique_ptr<CheckpointWriter>> CheckpointWriter::create(const Checkpoint& source,
                                                                   const fs::path& folder,
                                                                   const OutputForm& form,
                                                                   uint64_t shardBytes) {
    Result<Plan> plan = makePlan(source, form, shardBytes);
    if (!plan) return plan.error();
    Result<nlohmann::ordered_json> config = outputConfig(source, plan->names);
    if (!config) return config.error();
    if (source.tokenizer()) {
        if (const auto files = tokenizerFiles(source); !files) return files.error();
    }
    std::error_code error;
    if (fs::equivalent(source.path(), folder, error)) {
        return Error{ErrorCode::badInput,        kWhat,           folder.string(), "",
                     "the folder of the source", "another folder"};
    }
    if (Result<void> made = makeFolder(folder); !made) return made.error();
    if (Result<void> cleared = clearFolder(folder, plan->output); !cleared) return cleared.error();
    std::unique_ptr<State> state(new State{.source = source,
                                           .folder = folder,
                                           .names = std::move(plan->names),
                                           .plan = std::move(plan->output),
                                           .config = std::move(*config)});
    if (!source.tokenizer()) state->copied = filesToCopy(source.path());
    for (const OutputModule& module : state->names.modules)
        state->rows.push_back(moduleRows(source.config(), module));
    if (Result<void> opened = state->openFiles(); !opened) return opened.error();
    return std::unique_ptr<CheckpointWriter>(new CheckpointWriter(std::move(state)));
}

uint64_t CheckpointWriter::outputBytes() const {
    return m_state->plan.bytes();
}

bool CheckpointWriter::resumed() const {
    return m_state->resumed;
}

Result<void> CheckpointWriter::writeLayer(int index, const OutputLayer& layer) {
    State& state = *m_state;
    const OutputNames& names = state.names;
    if (index < 0 || index >= state.source.config().layers)
        return wrongLayer(index, "no such layer", std::to_string(state.source.config().layers) + " layers");
    if (layer.mlpNorm.has_value() == names.mlpNorm.empty())
        return wrongLayer(index, layer.mlpNorm ? "an MLP norm" : "no MLP norm", "the norms of the source");
    const std::string prefix = names.layer(index);
    if (Result<void> written = state.writeNorm(prefix + names.attentionNorm, layer.attentionNorm); !written)
        return written;
    if (layer.mlpNorm) {
        if (Result<void> written = state.writeNorm(prefix + names.mlpNorm, *layer.mlpNorm); !written)
            return written;
    }
    for (size_t module = 0; module < names.modules.size(); ++module) {
        if (Result<void> written = state.writeModule(index, module, layer); !written) return written;
    }
    if (Result<void> written = state.writeActivationScale(index, layer.activationScale); !written)
        return written;
    return state.sync();
}

Result<void> CheckpointWriter::writeRest(const WriteProgress& progress) {
    State& state = *m_state;
    uint64_t done = 0, total = 0;
    for (const RestPart part : kRestParts) total += state.copiedBytes(part);
    for (const RestPart part : kRestParts) {
        if (Result<void> written = state.writeRestPart(part, total, done, progress); !written) return written;
    }
    return state.sync();
}

Result<void> CheckpointWriter::writeRestPart(RestPart part, const WriteProgress& progress) {
    uint64_t done = 0;
    if (Result<void> written = m_state->writeRestPart(part, m_state->copiedBytes(part), done, progress);
        !written)
        return written;
    return m_state->sync();
}

Result<void> CheckpointWriter::finish(const nlohmann::json& extra) {
    State& state = *m_state;
    if (Result<void> written = writeTokenizer(state.source, state.copied, state.folder); !written)
        return written;
    if (const std::string index = state.plan.index(); !index.empty()) {
        if (Result<void> written = writeWholeFile(state.folder / kIndex, index); !written) return written;
    }
    for (size_t file = 0; file < state.files.size(); ++file) state.touched.insert(file);
    if (Result<void> synced = state.sync(); !synced) return synced;
    if (Result<void> synced = syncFolder(state.folder); !synced) return synced;
    // The configuration comes last: a folder that has one is whole.
    nlohmann::ordered_json config = state.config;
    if (extra.is_object()) {
        for (const auto& [key, value] : extra.items()) config[key] = value;
    }
    if (Result<void> written = writeWholeFile(state.folder / kConfig, config.dump(2) + "\n"); !written)
        return written;
    return syncFolder(state.folder);
}

}  // namespace edgechat::quant
