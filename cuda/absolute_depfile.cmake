# Writes nvcc's depfile FROM again as TO, for TARGET and with absolute paths: nvcc runs in ROOT and names our files from
# there, while CMake takes relative paths from the build folder.
file(READ ${FROM} text)
string(REGEX REPLACE "^.* :" "" text "${text}")
string(REGEX REPLACE "\\\\\n" " " text "${text}")
string(REPLACE " " "\\ " root "${ROOT}")
string(REPLACE " " "\\ " target "${TARGET}")
string(REGEX REPLACE "([ \n])([^/ \n][^ \n]*)" "\\1${root}/\\2" text "${text}")
file(WRITE ${TO} "${target}:${text}")
