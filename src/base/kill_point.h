#pragma once

namespace bw {

// A named point at which a test build (CMake option BOTTLEDWATER_KILL_POINTS) can be made to die
// as if by kill -9. BOTTLEDWATER_KILL_AT="name:n" dies at the n-th time the point is reached.
// In other builds the macro is nothing. The list of all points: docs/testing.md.
#ifdef BOTTLEDWATER_KILL_POINTS
void ReachKillPoint(const char* name);
#define BW_KILL_POINT(name) ::bw::ReachKillPoint(name)
#else
#define BW_KILL_POINT(name) static_cast<void>(0)
#endif

}  // namespace bw
