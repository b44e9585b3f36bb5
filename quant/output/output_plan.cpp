#include "quant/output/output_plan.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <numeric>

namespace edgechat::quant {

namespace {

uint64_t number(int64_t value) {
    return static_cast<uint64_t>(value);
}

// Names and shapes, in the order in which a model is run.
class Listing {
  public:
    Listing(const inference::ModelConfig& config, const OutputNames& names) : m_names(names) {
        const uint64_t hidden = number(config.hidden), vocab = number(config.vocab);
        add(names.embedding + ".weight", Dtype::f16, {vocab, hidden});
        for (int layer = 0; layer < config.layers; ++layer) addLayer(config, names.layer(layer));
        addNorm(names.outputNorm, hidden);
        if (!names.head.empty()) add(names.head + ".weight", Dtype::f16, {vocab, hidden});
    }

    std::vector<PlannedTensor> tensors;

  private:
    void add(std::string name, Dtype dtype, std::vector<uint64_t> shape) {
        tensors.push_back({std::move(name), dtype, std::move(shape), 0, 0});
    }
    void addNorm(const std::string& module, uint64_t hidden) {
        add(module + ".weight", Dtype::f16, {hidden});
        if (m_names.normBias) add(module + ".bias", Dtype::f16, {hidden});
    }
    void addLayer(const inference::ModelConfig& config, const std::string& prefix) {
        const uint64_t hidden = number(config.hidden);
        addNorm(prefix + m_names.attentionNorm, hidden);
        for (const OutputModule& module : m_names.modules) addLinear(prefix + module.name, module);
        if (!m_names.mlpNorm.empty()) addNorm(prefix + m_names.mlpNorm, hidden);
        if (!m_names.activationScale.empty())
            add(prefix + m_names.activationScale, Dtype::f16, {number(config.ffn)});
    }
    // N outputs, K inputs, groups of g
    void addLinear(const std::string& name, const OutputModule& module) {
        const uint64_t n = number(module.rows), k = number(module.columns);
        switch (module.form.kind) {
            case LinearForm::Kind::int4: {
                const uint64_t groups = k / number(module.form.groupSize);
                add(name + ".qweight", Dtype::i32, {k, n / 8});
                add(name + ".qzeros", Dtype::i32, {groups, n / 8});
                add(name + ".scales", Dtype::f16, {groups, n});
                break;
            }
            case LinearForm::Kind::int8:
                add(name + ".weight_scale", Dtype::f32, {n, 1});
                add(name + ".weight", Dtype::i8, {n, k});
                break;
            case LinearForm::Kind::dense:
                add(name + ".weight", Dtype::f16, {n, k});
                break;
        }
        if (module.bias) add(name + ".bias", Dtype::f16, {n});
    }

    const OutputNames& m_names;
};

// Deals the tensors out to files, in order, and returns how many files that takes.
size_t assignFiles(std::vector<PlannedTensor>& tensors, uint64_t shardBytes) {
    size_t file = 0;
    uint64_t used = 0;
    for (PlannedTensor& tensor : tensors) {
        if (used > 0 && used + tensor.bytes() > shardBytes) {
            ++file;
            used = 0;
        }
        tensor.file = file;
        used += tensor.bytes();
    }
    return file + 1;
}

// Readers that view a file's bytes as a tensor want its elements aligned. Sizes of real models see to that in
// any order; where they do not, the widest elements come first.
void alignTensors(std::vector<PlannedTensor>& tensors) {
    uint64_t offset = 0;
    bool aligned = true;
    for (const PlannedTensor& tensor : tensors) {
        aligned = aligned && offset % dtypeBytes(tensor.dtype) == 0;
        offset += tensor.bytes();
    }
    if (aligned) return;
    std::stable_sort(tensors.begin(), tensors.end(), [](const PlannedTensor& a, const PlannedTensor& b) {
        return dtypeBytes(a.dtype) > dtypeBytes(b.dtype);
    });
}

// Places the tensors of one file behind its header. Names hold nothing that JSON would escape.
PlannedFile layOut(std::vector<PlannedTensor>& tensors) {
    alignTensors(tensors);
    std::string json = R"({"__metadata__":{"format":"pt"})";
    uint64_t offset = 0;
    for (const PlannedTensor& tensor : tensors) {
        json += ",\"" + tensor.name + R"(":{"dtype":")" + dtypeName(tensor.dtype) + R"(","shape":[)";
        for (size_t i = 0; i < tensor.shape.size(); ++i)
            json += (i > 0 ? "," : "") + std::to_string(tensor.shape[i]);
        json += "],\"data_offsets\":[" + std::to_string(offset) + "," +
                std::to_string(offset + tensor.bytes()) + "]}";
        offset += tensor.bytes();
    }
    json += "}";
    json.resize((json.size() + 7) / 8 * 8, ' ');
    PlannedFile file;
    for (int byte = 0; byte < 8; ++byte)
        file.header += static_cast<char>(static_cast<uint64_t>(json.size()) >> (8 * byte) & 255);
    file.header += json;
    file.bytes = file.header.size() + offset;
    uint64_t at = file.header.size();
    for (PlannedTensor& tensor : tensors) {
        tensor.offset = at;
        at += tensor.bytes();
    }
    return file;
}

std::string fileName(size_t file, size_t count) {
    if (count == 1) return "model.safetensors";
    char text[64];
    std::snprintf(text, sizeof text, "model-%05zu-of-%05zu.safetensors", file + 1, count);
    return text;
}

}  // namespace

const char* dtypeName(Dtype dtype) {
    switch (dtype) {
        case Dtype::i8:
            return "I8";
        case Dtype::f16:
            return "F16";
        case Dtype::i32:
            return "I32";
        case Dtype::f32:
            return "F32";
    }
    return "?";
}

uint64_t dtypeBytes(Dtype dtype) {
    return dtype == Dtype::i8 ? 1 : dtype == Dtype::f16 ? 2 : 4;
}

uint64_t PlannedTensor::bytes() const {
    return std::accumulate(shape.begin(), shape.end(), dtypeBytes(dtype), std::multiplies<>());
}

const PlannedTensor* OutputPlan::find(const std::string& name) const {
    const auto place = places.find(name);
    return place == places.end() ? nullptr : &tensors[place->second];
}

uint64_t OutputPlan::bytes() const {
    uint64_t sum = 0;
    for (const PlannedFile& file : files) sum += file.bytes;
    return sum;
}

std::string OutputPlan::index() const {
    if (files.size() == 1) return {};
    uint64_t size = 0;
    for (const PlannedTensor& tensor : tensors) size += tensor.bytes();
    nlohmann::ordered_json index;
    index["metadata"]["total_size"] = size;
    for (const PlannedTensor& tensor : tensors) index["weight_map"][tensor.name] = files[tensor.file].name;
    return index.dump(2) + "\n";
}

OutputPlan planOutput(const inference::ModelConfig& config, const OutputNames& names, uint64_t shardBytes) {
    std::vector<PlannedTensor> listed = Listing(config, names).tensors;
    const size_t count = assignFiles(listed, shardBytes);
    std::vector<std::vector<PlannedTensor>> byFile(count);
    for (PlannedTensor& tensor : listed) byFile[tensor.file].push_back(std::move(tensor));
    OutputPlan plan;
    for (std::vector<PlannedTensor>& tensors : byFile) {
        plan.files.push_back(layOut(tensors));
        plan.files.back().name = fileName(plan.files.size() - 1, count);
        for (PlannedTensor& tensor : tensors) {
            plan.places.emplace(tensor.name, plan.tensors.size());
            plan.tensors.push_back(std::move(tensor));
        }
    }
    return plan;
}

}  // namespace edgechat::quant
