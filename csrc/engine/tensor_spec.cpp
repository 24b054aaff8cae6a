#include "engine/tensor_spec.hpp"

#include "error.hpp"

namespace retain {

std::size_t size_of(ElementType type) noexcept {
  switch (type) {
    case ElementType::kFloat32:
      return sizeof(float);
    case ElementType::kInt64:
      return sizeof(std::int64_t);
    case ElementType::kUInt8:
    case ElementType::kBool:
      return 1;
  }
  return 0;
}

std::string_view name_of(ElementType type) noexcept {
  switch (type) {
    case ElementType::kFloat32:
      return "float32";
    case ElementType::kInt64:
      return "int64";
    case ElementType::kUInt8:
      return "uint8";
    case ElementType::kBool:
      return "bool";
  }
  return "";
}

ElementType element_type(std::string_view name) {
  for (const auto type : {ElementType::kFloat32, ElementType::kInt64, ElementType::kUInt8, ElementType::kBool}) {
    if (name == name_of(type)) return type;
  }
  throw EngineError("a graph's input or output has the element type '" + std::string(name) +
                    "'; an engine takes float32, int64, uint8 and bool");
}

std::size_t count_of(const TensorSpec& spec) noexcept {
  std::size_t count = 1;
  for (const auto extent : spec.shape) count *= static_cast<std::size_t>(extent);
  return count;
}

std::size_t bytes_of(const TensorSpec& spec) noexcept { return count_of(spec) * size_of(spec.type); }

std::string to_string(const TensorSpec& spec) {
  std::string text = spec.name + ' ' + std::string(name_of(spec.type)) + '[';
  for (std::size_t axis = 0; axis < spec.shape.size(); ++axis) {
    if (axis > 0) text += ',';
    text += std::to_string(spec.shape[axis]);
  }
  return text + ']';
}

}  // namespace retain
