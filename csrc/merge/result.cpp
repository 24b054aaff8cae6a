#include "merge/result.hpp"

namespace retain::merge {

ItemResult empty_result(std::size_t sources, std::size_t targets) {
  ItemResult result;
  result.sources.resize(sources);
  result.gram.resize(sources * (sources - (sources > 0 ? 1 : 0)) / 2);
  result.targets.resize(targets);
  return result;
}

void add_part(ItemResult& total, const ItemResult& part) {
  total.base_base += part.base_base;
  for (std::size_t i = 0; i < part.sources.size(); ++i) {
    total.sources[i].base_update += part.sources[i].base_update;
    total.sources[i].update_update += part.sources[i].update_update;
    total.sources[i].changed += part.sources[i].changed;
  }
  for (std::size_t i = 0; i < part.gram.size(); ++i) total.gram[i] += part.gram[i];
  total.unchanged += part.unchanged;
  for (std::size_t i = 0; i < part.targets.size(); ++i) {
    total.targets[i].exact_exact += part.targets[i].exact_exact;
    total.targets[i].stored_exact += part.targets[i].stored_exact;
    total.targets[i].lost += part.targets[i].lost;
    total.targets[i].different += part.targets[i].different;
  }
  total.not_finite += part.not_finite;
  if (!total.first_not_finite) total.first_not_finite = part.first_not_finite;
}

}  // namespace retain::merge
