#include "app/cli/calibration_text.h"

// The assembler puts the files into the program as they are.
#define EDGECHAT_EMBED(name)                             \
    asm(".section .rodata\n"                             \
        ".global edgechat_calibration_" #name            \
        "\n"                                             \
        ".global edgechat_calibration_" #name            \
        "_end\n"                                         \
        "edgechat_calibration_" #name                    \
        ":\n"                                            \
        ".incbin \"" EDGECHAT_CALIBRATION "/" #name      \
        ".txt\"\n"                                       \
        "edgechat_calibration_" #name                    \
        "_end:\n"                                        \
        ".byte 0\n"                                      \
        ".previous\n");                                  \
    extern "C" const char edgechat_calibration_##name[]; \
    extern "C" const char edgechat_calibration_##name##_end[]

EDGECHAT_EMBED(prose);
EDGECHAT_EMBED(dialogue);
EDGECHAT_EMBED(knowledge);
EDGECHAT_EMBED(languages);
EDGECHAT_EMBED(code);

namespace edgechat::cli {

std::string builtInCalibrationText() {
    std::string text;
    text.append(edgechat_calibration_prose, edgechat_calibration_prose_end);
    text.append(edgechat_calibration_dialogue, edgechat_calibration_dialogue_end);
    text.append(edgechat_calibration_knowledge, edgechat_calibration_knowledge_end);
    text.append(edgechat_calibration_languages, edgechat_calibration_languages_end);
    text.append(edgechat_calibration_code, edgechat_calibration_code_end);
    return text;
}

}  // namespace edgechat::cli
