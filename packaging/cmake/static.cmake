# Toolchain of the static builds, see packaging/static/build. Included by static-ARCH.cmake, which sets `triplet`.
# Debian's compilers carry the triplet in their names whether they are native or cross.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${triplet}-gcc)
set(CMAKE_CXX_COMPILER ${triplet}-g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE EXECUTABLE)

# Only what was built for the target is looked at, never this machine's own libraries.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
