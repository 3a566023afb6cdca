#pragma once
// For how long leaf certificates are issued: the one place for the command line and the CA.
namespace fairlead::rendezvous {

inline constexpr int kDefaultLeafDays = 90;
inline constexpr int kMaxLeafDays = 825;

}  // namespace fairlead::rendezvous
