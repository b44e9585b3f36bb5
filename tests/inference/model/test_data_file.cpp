// Reading what is needed once, through the kernel's cache and past it.
#include "inference/model/data_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string_view>

#include "tests/data/test_files.h"

namespace edgechat::inference {
namespace {

using namespace testing;

constexpr uint64_t kPage = DataFile::kPage;

// More than is read with one call, and no whole number of pages.
constexpr size_t kBytes = (17u << 20) + 1234;

std::string numbered() {
    std::string content(kBytes, '\0');
    uint32_t state = 1;
    for (char& byte : content) {
        state = state * 1664525 + 1013904223;
        byte = static_cast<char>(state >> 24);
    }
    return content;
}

struct Pages {
    explicit Pages(uint64_t bytes)
        : memory(static_cast<std::byte*>(std::aligned_alloc(kPage, bytes)), &std::free) {}
    std::unique_ptr<std::byte, void (*)(void*)> memory;
};

void writeBack(const std::filesystem::path& path) {
    const int file = open(path.c_str(), O_RDONLY);
    ASSERT_EQ(fsync(file), 0);
    close(file);
}

TEST(DataFile, pagesHoldWhatReadWouldGive) {
    const std::string content = numbered();
    const TemporaryFile stored(content);
    writeBack(stored.path());
    const auto file = DataFile::open(stored.path(), "a file");
    ASSERT_TRUE(file);
    struct Range {
        uint64_t position, count;
    };
    for (const bool cached : {true, false}) {
        for (const Range& range : {Range{0, kPage},
                                   {1, 2},
                                   {4095, 2},
                                   {5000, 9000},
                                   {4096, 8192},
                                   {777, 16u << 20},
                                   {kBytes - 5000, 5000},
                                   {kBytes - 1, 1},
                                   {0, kBytes}}) {
            // Both ways lead to the same bytes; which was taken is the file system's to say.
            if (cached) readFile(stored.path());
            if (!cached) (*file)->dropPageCache();
            const Pages pages(DataFile::pageBytes(range.position, range.count));
            const auto read = (*file)->readPages(range.position, range.count, pages.memory.get(), "tensor t");
            ASSERT_TRUE(read) << read.error().message();
            const auto* bytes = reinterpret_cast<const char*>(pages.memory.get()) + range.position % kPage;
            // Not EXPECT_EQ, which would print both.
            EXPECT_TRUE(std::string_view(bytes, range.count) ==
                        std::string_view(content).substr(range.position, range.count))
                << range.count << " bytes from " << range.position << (cached ? ", cached" : "");
        }
    }
}

TEST(DataFile, countsWholePages) {
    EXPECT_EQ(DataFile::pageBytes(0, 0), 0u);
    EXPECT_EQ(DataFile::pageBytes(5, 0), 0u);
    EXPECT_EQ(DataFile::pageBytes(0, 4096), 4096u);
    EXPECT_EQ(DataFile::pageBytes(4095, 1), 4096u);
    EXPECT_EQ(DataFile::pageBytes(4095, 2), 8192u);
}

TEST(DataFile, pagesOfAFileThatWasCutShort) {
    const TemporaryFile stored(std::string(10000, 'x'));
    const auto file = DataFile::open(stored.path(), "a file");
    ASSERT_TRUE(file);
    ASSERT_EQ(truncate(stored.path().c_str(), 9000), 0);
    writeBack(stored.path());
    for (const bool cached : {true, false}) {
        if (!cached) (*file)->dropPageCache();
        const Pages pages(DataFile::pageBytes(5000, 5000));
        EXPECT_TRUE((*file)->readPages(5000, 4000, pages.memory.get(), "tensor t"));
        const auto read = (*file)->readPages(5000, 5000, pages.memory.get(), "tensor t");
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, ErrorCode::badInput);
        EXPECT_EQ(read.error().field, "tensor t");
        EXPECT_EQ(read.error().found, "the end of the file at byte 9000");
        EXPECT_EQ(read.error().expected, "a file of 10000 bytes, as when it was opened");
    }
}

}  // namespace
}  // namespace edgechat::inference
