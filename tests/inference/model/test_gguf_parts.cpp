// Models in several GGUF files: <prefix>-00001-of-0000N.gguf and so on.
#include <gtest/gtest.h>

#include "inference/model/checkpoint.h"
#include "tests/data/gguf_writer.h"
#include "tests/data/test_files.h"

namespace edgechat::inference {
namespace {

using testing::GgufWriter;
using testing::littleEndian;
using testing::partName;
using testing::splitModel;
using testing::tinyModel;

// The tiny model in three parts in a folder of its own, removed at the end.
class GgufPartsTest : public ::testing::Test {
  protected:
    GgufPartsTest() : m_parts(splitModel(tinyModel(), 3)) {
        std::string pattern = (std::filesystem::temp_directory_path() / "edgechat-parts-XXXXXX").string();
        if (mkdtemp(pattern.data())) m_folder = pattern;
    }
    ~GgufPartsTest() override {
        std::error_code error;
        std::filesystem::remove_all(m_folder, error);
    }

    std::filesystem::path path(size_t part) const { return m_folder / partName("tiny", part, 3); }

    void write() const {
        for (size_t i = 0; i < m_parts.size(); ++i) ASSERT_TRUE(m_parts[i].write(path(i)));
    }

    // Writes the parts and opens the model, which must fail.
    Error refusal(size_t part = 0) const {
        write();
        const auto opened = Checkpoint::open(path(part));
        EXPECT_FALSE(opened);
        return opened ? Error{} : opened.error();
    }

    std::filesystem::path m_folder;
    std::vector<GgufWriter> m_parts;
};

TEST_F(GgufPartsTest, firstPartOpensTheWholeModel) {
    write();
    const auto opened = Checkpoint::open(path(0));
    ASSERT_TRUE(opened) << opened.error().message();
    const GgufWriter whole = tinyModel();
    ASSERT_EQ((*opened)->allTensors().size(), whole.tensors.size());
    for (size_t i = 0; i < whole.tensors.size(); ++i) {
        const TensorInfo& tensor = (*opened)->allTensors()[i];
        EXPECT_EQ(tensor.name, whole.tensors[i].name);
        std::string stored(tensor.bytes, '\0');
        ASSERT_TRUE((*opened)->readRows(tensor, 0, tensor.rows, reinterpret_cast<std::byte*>(stored.data())));
        EXPECT_EQ(stored, whole.tensors[i].data) << tensor.name;
    }
    uint64_t bytes = 0;
    for (size_t i = 0; i < 3; ++i) bytes += std::filesystem::file_size(path(i));
    EXPECT_EQ((*opened)->fileBytes(), bytes);
    EXPECT_EQ((*opened)->config().parameters, 78912u);  // as in one file
}

TEST_F(GgufPartsTest, firstPartMayHoldMetadataAlone) {
    m_parts[1].tensors.insert(m_parts[1].tensors.begin(), m_parts[0].tensors.begin(),
                              m_parts[0].tensors.end());
    m_parts[0].tensors.clear();
    write();
    EXPECT_TRUE(Checkpoint::open(path(0)));
}

TEST_F(GgufPartsTest, eachPartHasItsOwnAlignment) {
    m_parts[2].alignment = 256;
    m_parts[2].u32("general.alignment", 256);
    write();
    EXPECT_TRUE(Checkpoint::open(path(0)));
}

TEST_F(GgufPartsTest, laterPartNamesTheFirst) {
    const Error error = refusal(1);
    EXPECT_EQ(error.field, "split.no");
    EXPECT_EQ(error.found, "part 2 of 3");
    EXPECT_EQ(error.expected, "the first part: open tiny-00001-of-00003.gguf");
}

TEST_F(GgufPartsTest, missingPartIsNamed) {
    write();
    std::filesystem::remove(path(2));
    const auto opened = Checkpoint::open(path(0));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().file, path(2).string());
    EXPECT_EQ(opened.error().found, "No such file or directory");
    EXPECT_EQ(opened.error().expected, "part 3 of 3 of the model");
}

TEST_F(GgufPartsTest, otherNameCannotLeadToTheParts) {
    write();
    const std::filesystem::path renamed = m_folder / "model.gguf";
    std::filesystem::rename(path(0), renamed);
    const auto opened = Checkpoint::open(renamed);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().field, "split.count");
    EXPECT_NE(opened.error().expected.find("end in -00001-of-00003.gguf"), std::string::npos);
}

TEST_F(GgufPartsTest, otherCountInALaterPart) {
    m_parts[1].raw("split.count", 2, littleEndian<uint16_t>(4));
    const Error error = refusal();
    EXPECT_EQ(error.file, path(1).string());
    EXPECT_EQ(error.field, "split.count");
    EXPECT_EQ(error.found, "4");
    EXPECT_EQ(error.expected, "3 to 3");
}

TEST_F(GgufPartsTest, partsInOtherOrder) {
    std::swap(m_parts[1], m_parts[2]);
    const Error error = refusal();
    EXPECT_EQ(error.file, path(1).string());
    EXPECT_EQ(error.field, "split.no");
    EXPECT_EQ(error.found, "2");
}

TEST_F(GgufPartsTest, partWithoutSplitKeys) {
    m_parts[2].remove("split.no");
    const Error error = refusal();
    EXPECT_EQ(error.file, path(2).string());
    EXPECT_EQ(error.field, "split.no");
    EXPECT_EQ(error.found, "no such key");
}

TEST_F(GgufPartsTest, otherTensorCountInALaterPart) {
    m_parts[1].i32("split.tensors.count", 7);
    const Error error = refusal();
    EXPECT_EQ(error.file, path(1).string());
    EXPECT_EQ(error.field, "split.tensors.count");
}

TEST_F(GgufPartsTest, fewerTensorsThanAnnounced) {
    m_parts[2].tensors.pop_back();
    const Error error = refusal();
    EXPECT_EQ(error.field, "split.tensors.count");
    EXPECT_EQ(error.found, "19 tensors in all parts");
    EXPECT_EQ(error.expected, "20");
}

TEST_F(GgufPartsTest, tensorInTwoParts) {
    m_parts[2].tensors[0] = m_parts[1].tensors[0];
    const Error error = refusal();
    EXPECT_EQ(error.field, "tensor " + m_parts[1].tensors[0].name);
    EXPECT_EQ(error.found, "the name twice, the second time in part 3");
}

TEST_F(GgufPartsTest, brokenPartIsNamed) {
    m_parts[1].magic = "GGML";
    const Error error = refusal();
    EXPECT_EQ(error.file, path(1).string());
    EXPECT_EQ(error.field, "magic");
}

TEST_F(GgufPartsTest, vocabularyNeedsTheFirstPartAlone) {
    write();
    std::filesystem::remove(path(1));
    EXPECT_TRUE(Checkpoint::openVocabulary(path(0)));
    const auto later = Checkpoint::openVocabulary(path(2));
    ASSERT_FALSE(later);
    EXPECT_EQ(later.error().found, "part 3 of 3");
}

}  // namespace
}  // namespace edgechat::inference
