// An engine as Python calls it: numpy arrays in and out, the interpreter free while it computes.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "engine/engine.hpp"

namespace retain::bind {

template <class T>
using Array = pybind11::array_t<T, pybind11::array::c_style>;

template <class T>
std::span<const T> span_of(const Array<T>& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

// An engine belongs to one thread; Python may have several, and the GIL is released while it computes.
template <class Kind>
class Guarded final : public Kind {
 public:
  using Kind::Kind;
  std::mutex in_use;
};

template <class Kind>
void run_prefix(Guarded<Kind>& engine, const std::vector<Array<std::uint8_t>>& images,
                const Array<std::int64_t>& tokens, const Array<bool>& token_mask, const Array<float>& state) {
  static_assert(sizeof(bool) == 1);
  PolicyInput input;
  for (const auto& image : images) input.images.push_back(span_of(image));
  input.tokens = span_of(tokens);
  input.token_mask = {reinterpret_cast<const std::uint8_t*>(token_mask.data()),
                      static_cast<std::size_t>(token_mask.size())};
  input.state = span_of(state);
  const pybind11::gil_scoped_release released;
  const std::lock_guard lock(engine.in_use);
  engine.prefix(input);
}

template <class Kind>
Array<float> run_step(Guarded<Kind>& engine, const Array<float>& x, const Array<float>& t) {
  const auto& info = engine.info();
  Array<float> velocity({pybind11::ssize_t{1}, static_cast<pybind11::ssize_t>(info.horizon),
                         static_cast<pybind11::ssize_t>(info.action_dim)});
  const std::span<float> out(velocity.mutable_data(), static_cast<std::size_t>(velocity.size()));
  const auto in = span_of(x);
  const auto times = span_of(t);
  const pybind11::gil_scoped_release released;
  const std::lock_guard lock(engine.in_use);
  engine.step(in, times, out);
  return velocity;
}

template <class Kind>
Array<float> regressed(Guarded<Kind>& engine) {
  const auto& info = engine.info();
  Array<float> chunk({pybind11::ssize_t{1}, static_cast<pybind11::ssize_t>(info.horizon),
                      static_cast<pybind11::ssize_t>(info.action_dim)});
  const std::span<float> out(chunk.mutable_data(), static_cast<std::size_t>(chunk.size()));
  const pybind11::gil_scoped_release released;
  const std::lock_guard lock(engine.in_use);
  std::ranges::copy(engine.regressed(), out.begin());
  return chunk;
}

template <class Kind>
pybind11::array prefix_output(Guarded<Kind>& engine, const std::string& name) {
  const auto& spec = engine.prefix_output_spec(name);
  pybind11::array copy(pybind11::dtype(std::string(name_of(spec.type))), spec.shape);
  void* target = copy.mutable_data();
  {
    const pybind11::gil_scoped_release released;
    const std::lock_guard lock(engine.in_use);
    const auto bytes = engine.prefix_output(name);
    std::memcpy(target, bytes.data(), bytes.size());
  }
  return copy;
}

/// Adds what every engine can do to its class.
template <class Class>
void define_calls(Class& cls) {
  using Engine = typename Class::type;
  cls.def(
         "prefix",
         [](Engine& engine, const std::vector<Array<std::uint8_t>>& images, const Array<std::int64_t>& tokens,
            const Array<bool>& token_mask,
            const Array<float>& state) { run_prefix(engine, images, tokens, token_mask, state); },
         pybind11::arg("images"), pybind11::arg("tokens"), pybind11::arg("token_mask"), pybind11::arg("state"),
         "Encode one observation: images uint8[H,W,3] in info.images' order, ids, mask, normalized state.")
      .def(
          "step", [](Engine& engine, const Array<float>& x, const Array<float>& t) { return run_step(engine, x, t); },
          pybind11::arg("x"), pybind11::arg("t"),
          "The velocity float32[1,H,W] at x float32[1,H,W] and flow time t float32[1,H] given the last prefix.")
      .def(
          "regressed", [](Engine& engine) { return regressed(engine); },
          "The chunk float32[1,H,W] of the last prefix, where info.regresses.")
      .def(
          "prefix_output", [](Engine& engine, const std::string& name) { return prefix_output(engine, name); },
          pybind11::arg("name"), "A copy of what the last prefix computed.");
}

}  // namespace retain::bind
