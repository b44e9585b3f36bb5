// write_model SOURCE FOLDER int4|int8|dense: writes a model by plain rounding, for the checks in Python.
#include <cstdio>
#include <string>

#include "tests/quant/written_model.h"

int main(int count, char** arguments) {
    using namespace edgechat;
    if (count != 4) return 2;
    const std::string kind = arguments[3];
    Result<std::unique_ptr<inference::Checkpoint>> source = inference::Checkpoint::open(arguments[1]);
    if (!source) {
        std::fprintf(stderr, "%s\n", source.error().message().c_str());
        return 1;
    }
    const quant::OutputForm form =
        testing::formOf(**source, kind == "int4"   ? quant::LinearForm::Kind::int4
                                  : kind == "int8" ? quant::LinearForm::Kind::int8
                                                   : quant::LinearForm::Kind::dense);
    const Result<void> written = testing::writeModel(**source, arguments[2], form);
    if (!written) std::fprintf(stderr, "%s\n", written.error().message().c_str());
    return written ? 0 : 1;
}
