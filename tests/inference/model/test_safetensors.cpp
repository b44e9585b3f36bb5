// The safetensors container: what is read, and every way in which a file is refused with what the message
// says.
#include <gtest/gtest.h>

#include <functional>

#include "inference/model/safetensors.h"
#include "tests/data/safetensors_writer.h"
#include "tests/data/test_files.h"

namespace edgechat::inference {
namespace {

using testing::littleEndian;
using testing::SafetensorsWriter;
using testing::TemporaryFile;

Result<std::vector<StoredTensor>> read(const std::string& bytes, const TemporaryFile& file) {
    file.write(bytes);
    auto opened = DataFile::open(file.path(), "a safetensors file");
    if (!opened) return opened.error();
    return readSafetensors(*opened);
}

SafetensorsWriter twoTensors() {
    SafetensorsWriter writer;
    writer.add("a", "F16", {2, 3}, std::string(12, 'a'));
    writer.add("b", "F32", {2}, std::string(8, 'b'));
    return writer;
}

// The smallest file that the format's description gives: 60 bytes of header, unpadded, 16 of data.
TEST(Safetensors, smallestFileOfTheDescription) {
    const std::string header = R"({"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}})";
    ASSERT_EQ(header.size(), 0x3cu);
    const TemporaryFile file;
    const auto tensors = read(littleEndian<uint64_t>(0x3c) + header + std::string(16, 'x'), file);
    ASSERT_TRUE(tensors) << tensors.error().message();
    ASSERT_EQ(tensors->size(), 1u);
    const StoredTensor& tensor = (*tensors)[0];
    EXPECT_EQ(tensor.name, "test");
    EXPECT_EQ(tensor.dtype, "I32");
    EXPECT_EQ(tensor.shape, (std::vector<uint64_t>{2, 2}));
    EXPECT_EQ(tensor.offset, 68u);
    EXPECT_EQ(tensor.bytes, 16u);
}

TEST(Safetensors, emptyHeaderScalarsEmptyTensorsAndPadding) {
    const TemporaryFile file;
    const auto none = read(littleEndian<uint64_t>(2) + "{}", file);
    ASSERT_TRUE(none) << none.error().message();
    EXPECT_TRUE(none->empty());

    SafetensorsWriter writer;
    writer.add("scalar", "F32", {}, "xxxx");
    writer.add("empty", "F16", {0, uint64_t{1} << 40}, "");
    writer.add("behind", "U8", {3}, "xyz");
    writer.behindHeader = "     ";
    const auto some = read(writer.bytes(), file);
    ASSERT_TRUE(some) << some.error().message();
    ASSERT_EQ(some->size(), 3u);
    EXPECT_EQ((*some)[0].name, "scalar");
    EXPECT_EQ((*some)[1].bytes, 0u);
    EXPECT_EQ((*some)[2].bytes, 3u);
}

TEST(Safetensors, tensorsComeInTheOrderOfTheirData) {
    SafetensorsWriter writer = twoTensors();
    writer.tensors[0].offsets = {8, 20};
    writer.tensors[1].offsets = {0, 8};
    const TemporaryFile file;
    const auto tensors = read(writer.bytes(), file);
    ASSERT_TRUE(tensors) << tensors.error().message();
    EXPECT_EQ((*tensors)[0].name, "b");
    EXPECT_EQ((*tensors)[1].offset, (*tensors)[0].offset + 8);
}

struct Case {
    const char* name;
    std::function<std::string()> bytes;
    const char* field;
    const char* found;
    const char* expected;
};

void PrintTo(const Case& wrong, std::ostream* out) {
    *out << wrong.name;
}

std::function<std::string()> broken(const std::function<void(SafetensorsWriter&)>& breakIt) {
    return [breakIt] {
        SafetensorsWriter writer = twoTensors();
        breakIt(writer);
        return writer.bytes();
    };
}
std::function<std::string()> headed(const std::string& header, size_t data = 0) {
    return [=] { return littleEndian<uint64_t>(header.size()) + header + std::string(data, 'x'); };
}
std::function<std::string()> entry(const std::string& values, size_t data) {
    return headed("{\"t\":{" + values + "}}", data);
}

const Case kCases[] = {
    // The header's place and form.
    {"shorterThanALength", [] { return std::string(7, 'x'); }, "", "7 bytes", "is the download complete?"},
    {"headerOver16MiB", [] { return littleEndian<uint64_t>((16u << 20) + 1) + std::string(100, '{'); },
     "header length", "16777217 bytes", "at most 16777216"},
    {"headerLengthOverflows", [] { return std::string(8, '\xff') + "{}"; }, "header length",
     "18446744073709551615 bytes", "at most 16777216"},
    {"headerBehindTheEnd", broken([](auto& w) { w.headerLength = 5000; }), "header length",
     "5000 bytes in a file", "is the download complete?"},
    {"noHeader", headed(""), "header", "does not begin with {", "JSON object"},
    {"headerIsAnArray", headed("[]"), "header", "does not begin with {", "JSON object"},
    {"headerBeginsWithASpace", headed(" {}"), "header", "does not begin with {", "JSON object"},
    {"nulBehindTheHeader", broken([](auto& w) { w.behindHeader = std::string(3, '\0'); }), "header",
     "behind its JSON object", "spaces alone"},
    {"newlineBehindTheHeader", broken([](auto& w) { w.behindHeader = "\n"; }), "header",
     "behind its JSON object", "spaces alone"},
    {"secondObjectBehindANul", headed(std::string("{}\0{}", 5)), "header", "behind its JSON object",
     "spaces alone"},
    {"secondObject", headed("{}{}"), "header", "not JSON at byte", "JSON object"},
    {"invalidUtf8", headed("{\"\xff\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"), "header",
     "not JSON at byte", "JSON object"},
    {"openObject", headed("{\"t\":{}"), "tensor t", "without dtype, shape or data_offsets", "all three"},

    // Names.
    {"nameTwice", broken([](auto& w) { w.tensors[1].name = "a"; }), "tensor a", "twice", "once"},
    {"emptyName", broken([](auto& w) { w.tensors[1].name = ""; }), "header", "an empty name", "a name"},
    {"nameTooLong", broken([](auto& w) { w.tensors[1].name = std::string(1025, 'n'); }), "header",
     "a name of 1025 bytes", "at most 1024"},
    {"tooManyTensors",
     [] {
         std::string header = "{";
         for (int i = 0; i <= 100'000; ++i) {
             header += (i ? ",\"" : "\"") + std::to_string(i) +
                       "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";
         }
         header += "}";
         return littleEndian<uint64_t>(header.size()) + header;
     },
     "header", "more tensors", "at most 100000"},

    // Entries.
    {"entryIsANumber", headed(R"({"t":1})"), "tensor t", "a number", "an object with dtype"},
    {"entryIsAnArray", headed(R"({"t":[]})"), "tensor t", "an array", "an object with dtype"},
    {"noDtype", entry(R"("shape":[1],"data_offsets":[0,4])", 4), "tensor t", "without dtype", "all three"},
    {"noShape", entry(R"("dtype":"F32","data_offsets":[0,4])", 4), "tensor t", "without dtype, shape",
     "all three"},
    {"noOffsets", entry(R"("dtype":"F32","shape":[1])", 4), "tensor t", "data_offsets", "all three"},
    {"unknownKey", entry(R"("dtype":"F32","shape":[1],"data_offsets":[0,4],"strides":[1])", 4), "tensor t",
     "the key strides", "alone"},
    {"keyTwice", entry(R"("dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4])", 4), "tensor t",
     "the key dtype twice", "once"},
    {"dtypeIsANumber", entry(R"("dtype":5,"shape":[1],"data_offsets":[0,4])", 4), "tensor t dtype",
     "a number", "a text"},
    {"shapeIsAText", entry(R"("dtype":"F32","shape":"1","data_offsets":[0,4])", 4), "tensor t shape",
     "a text", "an array of whole numbers"},
    {"nestedDeeper", entry(R"("dtype":"F32","shape":[[1]],"data_offsets":[0,4])", 4), "tensor t shape",
     "an array", "an array of whole numbers"},
    {"shapeIsNull", entry(R"("dtype":"F32","shape":null,"data_offsets":[0,4])", 4), "tensor t shape", "null",
     "an array"},
    {"negativeSize", entry(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])", 4), "tensor t shape", "-1",
     "whole numbers up to 2^53"},
    {"fraction", entry(R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])", 4), "tensor t shape", "1.0",
     "whole numbers"},
    {"exponent", entry(R"("dtype":"F32","shape":[1e0],"data_offsets":[0,4])", 4), "tensor t shape", "1e0",
     "whole numbers"},
    {"plusSign", entry(R"("dtype":"F32","shape":[+1],"data_offsets":[0,4])", 4), "header", "not JSON",
     "JSON object"},
    {"above2To53", entry(R"("dtype":"F32","shape":[9007199254740993],"data_offsets":[0,4])", 4),
     "tensor t shape", "9007199254740993", "2^53"},
    {"nineDimensions", entry(R"("dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1])", 1),
     "tensor t shape", "more numbers", "at most 8"},
    {"sizeOverflows",
     entry(R"("dtype":"F32","shape":[9007199254740992,9007199254740992],"data_offsets":[0,4])", 4),
     "tensor t", "shape [9007199254740992, 9007199254740992]", "64 bits"},
    {"halfAByte", entry(R"("dtype":"F4","shape":[3],"data_offsets":[0,2])", 2), "tensor t", "12 bits of F4",
     "a whole number of bytes"},
    {"unknownDtype", entry(R"("dtype":"Q4_0","shape":[2],"data_offsets":[0,1])", 1), "tensor t",
     "dtype \"Q4_0\"", "F16, BF16 or F32"},
    {"threeOffsets", entry(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,4])", 4), "tensor t data_offsets",
     "3 numbers", "begin and end"},
    {"endBeforeBegin", entry(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])", 4), "tensor t data_offsets",
     "an end of 0 before the begin of 4", "begin and end"},
    {"bytesThatDoNotFitTheShape", entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])", 4), "tensor t",
     "4 bytes of data", "8 for F32 of shape [2]"},
    {"metadataIsAText", headed(R"({"__metadata__":"pt"})"), "__metadata__", "a text", "an object"},
    {"metadataHoldsANumber", headed(R"({"__metadata__":{"format":1}})"), "__metadata__", "a number",
     "texts alone"},
    {"metadataHoldsAnObject", headed(R"({"__metadata__":{"format":{}}})"), "__metadata__", "an object",
     "texts alone"},
    {"metadataKeyTwice", headed(R"({"__metadata__":{"a":"","a":""}})"), "__metadata__", "the key a twice",
     "once"},

    // The tensors must tile the data.
    {"doesNotBeginAtZero", broken([](auto& w) {
         w.tensors[0].offsets = {1, 13};
         w.tensors[1].offsets = {13, 21};
         w.behindData = "x";
     }),
     "tensor a", "data at 1", "data at 0"},
    {"hole", broken([](auto& w) {
         w.tensors[1].offsets = {16, 24};
         w.behindData = "xxxx";
     }),
     "tensor b", "data at 16", "data at 12"},
    {"overlap", broken([](auto& w) {
         w.tensors[1].offsets = {8, 16};
     }),
     "tensor b", "data at 8", "data at 12"},
    {"bytesBehindTheData", broken([](auto& w) { w.behindData = "x"; }), "", "a file of", "is the download"},
    {"dataBehindTheEnd", broken([](auto& w) {
         w.tensors[1].data.pop_back();
         w.tensors[1].offsets = {12, 20};
     }),
     "", "a file of", "is the download complete?"},
};

class SafetensorsRejects : public ::testing::TestWithParam<Case> {};

TEST_P(SafetensorsRejects, namesFileFieldFoundAndExpected) {
    const TemporaryFile file;
    const auto tensors = read(GetParam().bytes(), file);
    ASSERT_FALSE(tensors);
    const Error& error = tensors.error();
    EXPECT_EQ(error.code, ErrorCode::badInput);
    EXPECT_EQ(error.file, file.path().string());
    EXPECT_NE(error.field.find(GetParam().field), std::string::npos) << error.message();
    EXPECT_NE(error.found.find(GetParam().found), std::string::npos) << error.message();
    EXPECT_NE(error.expected.find(GetParam().expected), std::string::npos) << error.message();
}

INSTANTIATE_TEST_SUITE_P(, SafetensorsRejects, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(Safetensors, everyTruncationIsRefused) {
    const std::string whole = twoTensors().bytes();
    const TemporaryFile file;
    for (size_t size = 0; size < whole.size(); ++size)
        ASSERT_FALSE(read(whole.substr(0, size), file)) << size;
    EXPECT_TRUE(read(whole, file));
}

}  // namespace
}  // namespace edgechat::inference
