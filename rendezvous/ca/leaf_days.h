#pragma once
// For how long leaf certificates are issued: the one place for the command line and the CA.
#include <chrono>

namespace fairlead::rendezvous {

inline constexpr int kDefaultLeafDays = 90;
inline constexpr int kMaxLeafDays = 825;
inline constexpr std::chrono::seconds kLeastLeafLife{10};  // of [signer]

}  // namespace fairlead::rendezvous
