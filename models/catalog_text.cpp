#include "models/catalog.h"

// The assembler puts the file into the program as it is.
asm(".section .rodata\n"
    ".global edgechat_catalog\n"
    "edgechat_catalog:\n"
    ".incbin \"" EDGECHAT_CATALOG
    "\"\n"
    ".global edgechat_catalog_end\n"
    "edgechat_catalog_end:\n"
    ".byte 0\n"
    ".previous\n");
extern "C" const char edgechat_catalog[];
extern "C" const char edgechat_catalog_end[];

namespace edgechat::models {

std::string_view builtInCatalogText() {
    return {edgechat_catalog, static_cast<size_t>(edgechat_catalog_end - edgechat_catalog)};
}

}  // namespace edgechat::models
