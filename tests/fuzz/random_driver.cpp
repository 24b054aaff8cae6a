// Drives a fuzz target without a fuzzer: seeded random inputs, the same in every run, so that every compiler and
// sanitizer can run it as a test. Arguments: how many inputs, and the first seed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int count, char** arguments) {
  const unsigned long inputs = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 2000;
  const unsigned long first = count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 0;
  for (unsigned long seed = first; seed < first + inputs; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<std::uint8_t> bytes(random() % 900);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
}
