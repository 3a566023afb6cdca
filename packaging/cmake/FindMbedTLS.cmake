# Debian 12's libmbedtls-dev ships no CMake or pkg-config files. MBEDTLS_ROOT names another build, as packaging/mbedtls makes.
find_path(MBEDTLS_INCLUDE_DIR mbedtls/ssl.h HINTS ${MBEDTLS_ROOT}/include)
foreach(part mbedtls mbedx509 mbedcrypto)
  find_library(${part}_LIBRARY ${part} HINTS ${MBEDTLS_ROOT}/lib)
  if(NOT TARGET MbedTLS::${part} AND ${part}_LIBRARY)
    add_library(MbedTLS::${part} UNKNOWN IMPORTED)
    set_target_properties(MbedTLS::${part} PROPERTIES IMPORTED_LOCATION ${${part}_LIBRARY}
                                                      INTERFACE_INCLUDE_DIRECTORIES ${MBEDTLS_INCLUDE_DIR})
  endif()
endforeach()
# In this order the linker needs them where they are archives.
if(TARGET MbedTLS::mbedtls AND TARGET MbedTLS::mbedx509 AND TARGET MbedTLS::mbedcrypto)
  set_target_properties(MbedTLS::mbedtls PROPERTIES INTERFACE_LINK_LIBRARIES MbedTLS::mbedx509)
  set_target_properties(MbedTLS::mbedx509 PROPERTIES INTERFACE_LINK_LIBRARIES MbedTLS::mbedcrypto)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MbedTLS REQUIRED_VARS MBEDTLS_INCLUDE_DIR mbedtls_LIBRARY mbedx509_LIBRARY
                                                        mbedcrypto_LIBRARY)
