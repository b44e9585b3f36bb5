#include "inference/result.h"

namespace edgechat {

std::string Error::message() const {
    std::string text = what;
    for (const std::string& part : {file, field}) {
        if (!part.empty()) text += (text.empty() ? "" : " ") + part;
    }
    if (!found.empty()) text += ": found " + found;
    if (!expected.empty()) text += (found.empty() ? ": expected " : ", expected ") + expected;
    return text;
}

const char* errorCodeName(ErrorCode code) {
    switch (code) {
        case ErrorCode::internal:
            return "internal";
        case ErrorCode::usage:
            return "usage";
        case ErrorCode::badInput:
            return "bad_input";
        case ErrorCode::doesNotFit:
            return "does_not_fit";
        case ErrorCode::network:
            return "network";
        case ErrorCode::interrupted:
            return "interrupted";
    }
    return "internal";
}

}  // namespace edgechat
