#include "tiny_graphs.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace retain::testing {
namespace {

// Protocol Buffers' wire format, as far as an ONNX file needs it. Field numbers are those of onnx.proto.
class Message {
 public:
  Message& number(int field, std::uint64_t value) {
    varint(static_cast<std::uint64_t>(field) << 3U);
    varint(value);
    return *this;
  }

  Message& text(int field, std::string_view value) {
    varint((static_cast<std::uint64_t>(field) << 3U) | 2U);
    varint(value.size());
    bytes_ += value;
    return *this;
  }

  Message& message(int field, const Message& value) { return text(field, value.bytes_); }

  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80U; value >>= 7U) bytes_ += static_cast<char>(value | 0x80U);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

constexpr int kFloat = 1;
constexpr int kInt64 = 7;
constexpr std::string_view kWeightFile = "weights.bin";
constexpr std::size_t kWeightOffset = 8;  // as behind a header

int onnx_type(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return kFloat;
    case ElementType::kUInt8:
      return 2;
    case ElementType::kInt64:
      return kInt64;
    case ElementType::kBool:
      return 9;
  }
  return 0;
}

Message value_info(const TensorSpec& spec) {
  Message shape;
  for (const auto extent : spec.shape) shape.message(1, Message().number(1, static_cast<std::uint64_t>(extent)));
  const auto tensor = Message().number(1, static_cast<std::uint64_t>(onnx_type(spec.type))).message(2, shape);
  return Message().text(1, spec.name).message(2, Message().message(1, tensor));
}

Message node(std::string_view operation, std::string_view first, std::string_view second, std::string_view output) {
  return Message().text(1, first).text(1, second).text(2, output).text(4, operation);
}

Message entry(std::string_view key, std::string_view value) { return Message().text(1, key).text(2, value); }

void write(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void write_model(const GraphSpec& spec, Message graph) {
  graph.text(2, "tiny");
  for (const auto& input : spec.inputs) graph.message(11, value_info(input));
  for (const auto& output : spec.outputs) graph.message(12, value_info(output));
  const auto opset = Message().text(1, "").number(2, 18);
  write(spec.file, Message().number(1, 8).message(7, graph).message(8, opset).bytes());
}

}  // namespace

TinyPolicy::TinyPolicy() {
  std::string name = (std::filesystem::temp_directory_path() / "retain-engine-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary directory");
  directory_ = name;
  const TensorSpec kv{"kv", ElementType::kFloat32, {1, kChannels}};
  const TensorSpec x{"x", ElementType::kFloat32, {1, kHorizon, kChannels}};
  spec_.prefix = {directory_ / "prefix.onnx",
                  {{"image.front", ElementType::kUInt8, {1, kImage, kImage, 3}},
                   {"tokens", ElementType::kInt64, {1, kTokens}},
                   {"token_mask", ElementType::kBool, {1, kTokens}},
                   {"state", ElementType::kFloat32, {1, kChannels}}},
                  {kv}};
  spec_.step = {directory_ / "step.onnx",
                {x, {"t", ElementType::kFloat32, {1, kHorizon}}, kv},
                {{"velocity", ElementType::kFloat32, x.shape}}};

  const auto weight = Message()
                          .number(1, 1)
                          .number(1, kChannels)
                          .number(2, kFloat)
                          .text(8, "weight")
                          .message(13, entry("location", kWeightFile))
                          .message(13, entry("offset", std::to_string(kWeightOffset)))
                          .message(13, entry("length", std::to_string(kChannels * sizeof(float))))
                          .number(14, 1);
  write_model(spec_.prefix, Message()
                                .message(1, node("Mul", "state", "state", "square"))
                                .message(1, node("Add", "square", "weight", "kv"))
                                .message(5, weight));
  const std::string last_axis("\2\0\0\0\0\0\0\0", 8);
  const auto axis = Message().number(1, 1).number(2, kInt64).text(8, "axis").text(9, last_axis);
  write_model(*spec_.step, Message()
                               .message(1, node("Unsqueeze", "t", "axis", "column"))
                               .message(1, node("Mul", "x", "column", "scaled"))
                               .message(1, node("Add", "scaled", "kv", "velocity"))
                               .message(5, axis));
  write_weight(10.0F, 20.0F);
}

TinyPolicy::~TinyPolicy() { std::filesystem::remove_all(directory_); }

void TinyPolicy::write_weight(float first, float second) const {
  const float values[] = {first, second};
  std::string bytes(kWeightOffset, '\0');
  bytes.append(reinterpret_cast<const char*>(values), sizeof(values));
  write(directory_ / kWeightFile, bytes);
}

}  // namespace retain::testing
