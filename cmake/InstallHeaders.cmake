# Installs tapehead.hpp, the tests for other people's layers and what is in `more` from the folder `source` into the folder `destination`, and every header
# that they lead to.

cmake_policy(VERSION 3.22)
set(queue tapehead.hpp testing/catch2.hpp ${more})
set(seen "")
while(queue)
  list(POP_FRONT queue header)
  if(header IN_LIST seen)
    continue()
  endif()
  list(APPEND seen ${header})
  cmake_path(GET header PARENT_PATH folder)
  file(INSTALL ${source}/${header} DESTINATION ${destination}/${folder})
  file(STRINGS ${source}/${header} includes REGEX "^#include <tapehead/")
  list(TRANSFORM includes REPLACE "^#include <tapehead/([^>]+)>.*" "\\1")
  list(APPEND queue ${includes})
endwhile()
