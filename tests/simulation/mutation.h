#pragma once

#include <span>
#include <string>
#include <string_view>

namespace bw::simulation {

// A rule of the relay that can be broken, to show that the simulation notices. Mutations are
// textual: apply_mutations.py makes copies of sources in which a switch asks Mutated(name).
struct Mutation {
  std::string_view name;
  std::string_view rule;
  std::string_view file;
  bool applied = true;  // Its text was found in the source; else mutations.txt is out of date.
};

std::span<const Mutation> Mutations();

// Breaks one rule from now on, or none. False when there is no such mutation.
bool ActivateMutation(std::string_view name);
// Whether this rule is broken.
bool Mutated(std::string_view name);

}  // namespace bw::simulation
