// What a quantization is asked to do.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace edgechat::quant {

enum class Method { awq, rtn, smoothquant };
const char* methodName(Method method);  ///< "awq", "rtn", "smoothquant"

/// Parts of `awq` that can be left out, to measure what each one brings.
struct Ingredients {
    bool scale = true;       ///< AWQ's scales
    bool families = true;    ///< all families of scales and a second, finer pass, else plain AWQ's
    bool valueScale = true;  ///< a scale for the attention's output, folded into the values (also under GQA)
    bool range = true;       ///< search for the range of a group
    bool refit = true;       ///< zero point and least-squares scale for the codes
    bool gptq = true;        ///< errors answered by later inputs
    bool weights = true;     ///< errors weigh by their effect: InputWeights
    bool order = true;       ///< strong inputs are answered for first
    bool sweeps = true;  ///< groups are quantized again given the errors of all others, if there are tokens
    bool joint = true;   ///< scales are judged with ranges and compensation, else by round to nearest
};

struct IngredientName {
    const char* name;  ///< on the command line and in a journal
    bool Ingredients::*part;
};
inline constexpr std::array kIngredientNames = {
    IngredientName{"scale", &Ingredients::scale},
    IngredientName{"families", &Ingredients::families},
    IngredientName{"value-scale", &Ingredients::valueScale},
    IngredientName{"range", &Ingredients::range},
    IngredientName{"refit", &Ingredients::refit},
    IngredientName{"gptq", &Ingredients::gptq},
    IngredientName{"weights", &Ingredients::weights},
    IngredientName{"order", &Ingredients::order},
    IngredientName{"sweeps", &Ingredients::sweeps},
    IngredientName{"joint", &Ingredients::joint},
};

struct Recipe {
    Method method = Method::awq;
    int groupSize =
        0;             ///< 32, 64 or 128; 0: the largest of them that divides the inputs of all linear layers
    int samples = 0;   ///< calibration windows; 0: by the model's size
    int window = 512;  ///< tokens of a window
    uint64_t seed = 0;
    Ingredients ingredients;
};

}  // namespace edgechat::quant
