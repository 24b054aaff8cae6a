#include "engine/script_engine.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "error.hpp"

namespace retain {

ScriptEngine::ScriptEngine(std::vector<ImageSpec> images, std::size_t state_dim, std::size_t horizon,
                           std::size_t action_dim, Script script)
    : script_(std::move(script)), chunk_(horizon * action_dim) {
  if (state_dim == 0 || chunk_.empty()) throw EngineError("a script needs a state, at least one row and one channel");
  info_.description = "a script";
  info_.images = std::move(images);
  info_.state_dim = state_dim;
  info_.horizon = horizon;
  info_.action_dim = action_dim;
}

void ScriptEngine::prefix(const PolicyInput& input) {
  if (input.state.size() != info_.state_dim || input.images.size() != info_.images.size()) {
    throw EngineError("a script for " + std::to_string(info_.state_dim) + " state channels and " +
                      std::to_string(info_.images.size()) + " cameras was shown " + std::to_string(input.state.size()) +
                      " and " + std::to_string(input.images.size()));
  }
  std::fill(chunk_.begin(), chunk_.end(), 0.0F);
  script_(input.state, chunk_);
}

void ScriptEngine::step(std::span<const float> x, std::span<const float> t, std::span<float> velocity) {
  if (x.size() != chunk_.size() || velocity.size() != chunk_.size() || t.size() != info_.horizon) {
    throw EngineError("a flow step has another size than the script's " + std::to_string(info_.horizon) + " rows of " +
                      std::to_string(info_.action_dim));
  }
  for (std::size_t i = 0; i < x.size(); ++i) velocity[i] = (chunk_[i] - x[i]) / (1.0F - t[i / info_.action_dim]);
}

}  // namespace retain
