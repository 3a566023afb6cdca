# libnatpmp ships no CMake or pkg-config files.
find_path(NATPMP_INCLUDE_DIR natpmp.h)
find_library(NATPMP_LIBRARY natpmp)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(NatPMP REQUIRED_VARS NATPMP_LIBRARY NATPMP_INCLUDE_DIR)
if(NatPMP_FOUND AND NOT TARGET NatPMP::natpmp)
  add_library(NatPMP::natpmp UNKNOWN IMPORTED)
  set_target_properties(NatPMP::natpmp PROPERTIES IMPORTED_LOCATION ${NATPMP_LIBRARY}
                                                  INTERFACE_INCLUDE_DIRECTORIES ${NATPMP_INCLUDE_DIR})
endif()
