#include "app/model_problem.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <QRegularExpression>

namespace edgechat::app {
namespace {

QString tr(const char* text) {
    return QCoreApplication::translate("ModelProblem", text);
}

bool mentions(const std::string& text, const char* pattern) {
    const QRegularExpression expression(QString::fromLatin1(pattern),
                                        QRegularExpression::CaseInsensitiveOption);
    return QString::fromStdString(text).contains(expression);
}

/// The forms of weights that are known and not read.
const char* foreignQuantization(const std::string& found) {
    static constexpr struct {
        const char* pattern;
        const char* name;
    } kForms[] = {{"gptq|g_idx", "GPTQ"},
                  {"marlin", "Marlin"},
                  {"bitsandbytes|bnb", "bitsandbytes"},
                  {"\\bexl[23]\\b", "EXL2"},
                  {"\\baqlm\\b", "AQLM"},
                  {"\\bhqq\\b", "HQQ"},
                  {"\\bfp8\\b", "FP8"},
                  {"\\bsqueezellm\\b", "SqueezeLLM"}};
    for (const auto& form : kForms) {
        if (mentions(found, form.pattern)) return form.name;
    }
    return nullptr;
}

/// The engine's "expected" as a sentence of its own.
QString expectation(const Error& error) {
    if (error.expected.empty()) return tr("Choose another model.");
    return tr("What would work: %1.").arg(QString::fromStdString(error.expected));
}

}  // namespace

ModelProblem modelProblem(const Error& error, const QString& name) {
    const QString found = QString::fromStdString(error.found);
    const QString file = QFileInfo(QString::fromStdString(error.file)).fileName();
    const QString details = QString::fromStdString(error.message());
    const QString supported =
        tr("EdgeChat runs models of the LLaMA, Mistral and Falcon families, as a .gguf file or "
           "as a Hugging Face folder with .safetensors files.");

    if (mentions(error.field, "architecture|model_type")) {
        return {tr("%1 is of a kind that EdgeChat does not know: %2.").arg(name, found), supported, details};
    }
    if (const char* form = foreignQuantization(error.found + ' ' + error.field)) {
        return {tr("%1 is quantized as %2, which EdgeChat cannot read.").arg(name, QLatin1String(form)),
                tr("Look for the same model as GGUF or AWQ, or take the original with .safetensors files."),
                details};
    }
    if (mentions(error.found, "\\.(bin|pt|pth|ckpt)\\b|pickle")) {
        return {
            tr("%1 holds its weights only in PyTorch's own files (.bin or .pt). Opening such a file can run "
               "programs that are hidden in it, so EdgeChat does not.")
                .arg(name),
            tr("Look for the same model with .safetensors files, or as a .gguf file."), details};
    }
    if (mentions(error.found, "^no such (file|part)|missing") && !file.isEmpty() && file != name &&
        mentions(file.toStdString(), "-\\d{5}-of-\\d{5}\\.|\\.safetensors$")) {
        return {tr("%1 is not complete: its part %2 is missing.").arg(name, file),
                tr("Put all of its parts into the same folder, then try again."), details};
    }
    if (mentions(error.field, "^split\\.")) {
        return {tr("%1 is one part of a model in several files, and the others do not go with it.").arg(name),
                tr("Put all of its parts into the same folder and choose the first one."), details};
    }
    if (mentions(error.field, "^tokenizer") ||
        mentions(file.toStdString(), "^tokenizer|^vocab\\.json|^merges\\.txt")) {
        return {tr("%1 uses a tokenizer that EdgeChat cannot use: %2.").arg(name, found),
                tr("Copy or download the model again, or choose another one."), details};
    }
    if (mentions(error.expected, "is the download complete") ||
        mentions(error.found,
                 "a file of \\d+ bytes|became shorter|cut short|\\d+ bytes\\b.*(end|left)|^0 bytes")) {
        return {tr("%1 is damaged or was not downloaded completely: it ends too early.").arg(name),
                tr("Copy or download it again."), details};
    }
    if (error.code == ErrorCode::usage) {
        return {tr("%1 could not be loaded with these settings.").arg(name),
                tr("Look at the engine's values in Settings."), details};
    }
    if (error.code != ErrorCode::badInput) {
        return {tr("%1 could not be loaded.").arg(name), tr("Try again, or choose another model."), details};
    }
    if (mentions(error.field, "^magic$|^version$") || mentions(error.expected, "^a GGUF file|Hugging Face")) {
        return {tr("%1 is no model that EdgeChat can read.").arg(name), supported, details};
    }
    if (mentions(error.field, "^tensor type|type$") || mentions(error.found, "^(tensor )?type ")) {
        return {tr("%1 stores weights in a form that EdgeChat cannot read: %2.").arg(name, found),
                expectation(error), details};
    }
    if (found.isEmpty()) {
        return {tr("%1 is damaged, incomplete, or not a model file.").arg(name),
                tr("Copy or download it again, or choose another model."), details};
    }
    if (error.field.empty())
        return {tr("%1 cannot be used: %2.").arg(name, found), expectation(error), details};
    const QString where = QString::fromStdString(error.field);
    return {tr("%1 cannot be used: in it, %2 is wrong. It says %3.").arg(name, where, found),
            expectation(error), details};
}

}  // namespace edgechat::app
