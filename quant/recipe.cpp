#include "quant/recipe.h"

namespace edgechat::quant {

const char* methodName(Method method) {
    switch (method) {
        case Method::awq:
            return "awq";
        case Method::rtn:
            return "rtn";
        case Method::smoothquant:
            return "smoothquant";
    }
    return "";
}

}  // namespace edgechat::quant
