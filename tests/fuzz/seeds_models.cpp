// What people paste, lists of files, configurations, and what a quantizer says.
#include "tests/fuzz/seeds.h"

namespace edgechat::testing {

bool writeModelsSeeds(const std::filesystem::path& folder) {
    const std::string config =
        R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64,
            "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "vocab_size": 384, "max_position_embeddings": 128, "rms_norm_eps": 1e-5,
            "rope_theta": 10000.0, "torch_dtype": "float16", "tie_word_embeddings": false})";
    const std::string catalog =
        R"({"version": 1, "models": [{"id": "a", "name": "A", "family": "LLaMA", "repository": "org/a",
            "revision": "", "gate": "none", "licence": {"id": "mit", "name": "MIT", "url": "https://a.b/c"},
            "parameters": 7, "download_bytes": 9, "files": [], "group_size": 64, "context": 2048}]})";
    return writeSeed(folder / "name", "lorg/name@refs/pr/7") &&
           writeSeed(folder / "variant", "lorg/name:Q4_K_M") &&
           writeSeed(folder / "page", "lhttps://huggingface.co/org/name/blob/main/a/b.gguf?download=true") &&
           writeSeed(folder / "mirror", "l<https://hub.example.org:8080/org/name/tree/main>") &&
           writeSeed(folder / "files",
                     "fconfig.json\nmodel-00001-of-00002.safetensors\n"
                     "model-00002-of-00002.safetensors\ntokenizer.json\npytorch_model.bin") &&
           writeSeed(folder / "gguf", "fa-Q4_0.gguf\nb/c-00001-of-00002.gguf\nb/c-00002-of-00002.gguf") &&
           writeSeed(folder / "plan", 'p' + config) && writeSeed(folder / "quantized", 'q' + config) &&
           writeSeed(folder / "catalog", 'c' + catalog) &&
           writeSeed(folder / "lines",
                     "x{\"stage\":\"quantize\",\"done\":1,\"total\":2,\"unit\":\"layers\","
                     "\"eta_seconds\":3.5}\nedgechat: slow\n") &&
           writeSeed(folder / "error", "x{\"error\":{\"code\":3,\"message\":\"no\",\"field\":\"a\"}}");
}

}  // namespace edgechat::testing
