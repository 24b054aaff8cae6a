// What a graph's inputs and outputs look like: name, element type, shape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace retain {

/// The element types that cross the border between the loop and a graph.
enum class ElementType : std::uint8_t { kFloat32, kInt64, kUInt8, kBool };

/// Bytes of one element.
std::size_t size_of(ElementType type) noexcept;

/// The name as it stands in a manifest: "float32", "int64", "uint8", "bool".
std::string_view name_of(ElementType type) noexcept;

/// The inverse of name_of.
/// @throw EngineError for any other name.
ElementType element_type(std::string_view name);

/// One input or output of a graph. Shapes are static: every extent is at least 1.
struct TensorSpec {
  std::string name;
  ElementType type = ElementType::kFloat32;
  std::vector<std::int64_t> shape;

  bool operator==(const TensorSpec&) const = default;
};

/// Number of elements, the product of the shape.
std::size_t count_of(const TensorSpec& spec) noexcept;

/// Number of bytes.
std::size_t bytes_of(const TensorSpec& spec) noexcept;

/// As in "state float32[1,7]", for messages.
std::string to_string(const TensorSpec& spec);

}  // namespace retain
