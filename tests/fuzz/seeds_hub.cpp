// Answers of a Hub and their header fields.
#include "tests/fuzz/seeds.h"

namespace edgechat::testing {

bool writeHubSeeds(const std::filesystem::path& folder) {
    const std::string sha1(40, 'a'), sha256(64, 'b');
    const std::string info = "i{\"id\":\"org/name\",\"sha\":\"" + sha1 +
                             "\",\"gated\":\"manual\",\"private\":false,\"cardData\":{\"license\":\"other\","
                             "\"license_name\":\"x\"},\"safetensors\":{\"total\":7}}";
    const std::string tree = "t[{\"type\":\"directory\",\"path\":\"a\"},{\"type\":\"file\",\"oid\":\"" +
                             sha1 + "\",\"size\":5,\"path\":\"a/b.safetensors\",\"lfs\":{\"oid\":\"" +
                             sha256 + "\",\"size\":5,\"pointerSize\":134}}]";
    return writeSeed(folder / "info", info) && writeSeed(folder / "tree", tree) &&
           writeSeed(folder / "range", "hbytes 10-19/100") && writeSeed(folder / "tag", "hW/\"abc\"") &&
           writeSeed(folder / "link", "h<https://h/a?cursor=x>; rel=\"next\", </b>; rel=prev") &&
           writeSeed(folder / "limit", "h\"api\";r=0;t=45");
}

}  // namespace edgechat::testing
