#include "simulation/mutation.h"

#include <algorithm>

namespace bw::simulation {
namespace {

std::string active;

}  // namespace

bool ActivateMutation(std::string_view name) {
  const auto all = Mutations();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Mutation& m) { return m.name == name; });
  if (found == all.end() || !found->applied) return false;
  active = name;
  return true;
}

bool Mutated(std::string_view name) { return !active.empty() && active == name; }

}  // namespace bw::simulation
